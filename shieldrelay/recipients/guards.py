"""Whether a version that was built may come into force, judged before anything changes.

Pure. Called by `DomainList`; the operator may override every guard but never by default.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.recipients.settings import Guards, ListKind, ListSettings
from shieldrelay.recipients.version import Version


class Guard(Enum):
    """What objects."""

    FAULTS = "faults"
    """Too many lines are no recipients."""
    EMPTY = "empty"
    """Nobody would exist any more."""
    SHRUNK = "shrunk"
    """Too many would cease to exist."""
    ROLLED_BACK = "rolled back"
    """The operator went back from just this list."""


class Override(Enum):
    """What an operator says of objections."""

    NOTHING = "nothing"
    ALL = "all"
    """Adopt it all the same."""


@frozen
class Objection:
    """Why a version does not come into force.

    :ivar words: with the figures, for the operator.
    """

    guard: Guard
    words: str

    def __str__(self) -> str:
        return self.words


def objection(
    settings: ListSettings, new: Version, old: Version | None, lost: int, rejected: tuple[str, ...]
) -> Objection | None:
    """Judge a version.

    :param old: what is in force.
    :param lost: who exists there and not in the new one.
    :param rejected: digests of what the operator went back from.
    """
    return (
        faulty(settings.guards, new)
        or _empty(settings, new, old)
        or shrunk(settings.guards, old, lost)
        or _rolled_back(new, rejected)
    )


def shrunk(guards: Guards, old: Version | None, lost: int) -> Objection | None:
    """Judge a loss."""
    if old is None or lost < guards.lose_least or lost <= guards.lose_share * old.listed:
        return None
    return Objection(
        Guard.SHRUNK, f"{lost} of {old.listed} recipients would cease to exist, limit {guards.lose_share:.0%}"
    )


def faulty(guards: Guards, new: Version) -> Objection | None:
    """Judge the lines that are no recipients."""
    if new.faults > guards.faults_most:
        return Objection(Guard.FAULTS, f"{new.faults} lines are no recipients, limit {guards.faults_most}")
    if new.faults > guards.faults_share * new.lines:
        return Objection(
            Guard.FAULTS, f"{new.faults} of {new.lines} lines are no recipients, limit {guards.faults_share:.0%}"
        )
    return None


def _empty(settings: ListSettings, new: Version, old: Version | None) -> Objection | None:
    if not new.takes_nobody:
        return None
    if old is None and settings.kind is not ListKind.FETCHED:
        return None
    if old is not None and old.takes_nobody:
        return None
    return Objection(Guard.EMPTY, "nobody would exist")


def _rolled_back(new: Version, rejected: tuple[str, ...]) -> Objection | None:
    if new.digest not in rejected:
        return None
    return Objection(Guard.ROLLED_BACK, "it is what was rolled back")
