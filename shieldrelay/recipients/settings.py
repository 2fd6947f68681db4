"""What the operator decided about the list of one protected domain.

Pure values; ``assembly`` makes them from the configuration. `document` and `from_document` carry them into the child
process that builds a version.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs
from attrs import Factory, field, frozen

HOUR = 3600.0
DAY = 24 * HOUR


class ListKind(Enum):
    """Where a list comes from, as far as it matters here."""

    ANY = "any"
    """There is none: everyone is taken to exist."""
    FILE = "file"
    """A plain file that the operator names: read at start and reload, enforced at once (R27)."""
    FETCHED = "fetched"
    """Whatever is imported now and then: a directory, a URL, a CSV or LDIF file."""
    PUSH = "push"
    """Only what is pushed through the API."""


@frozen(kw_only=True)
class Guards:
    """When a new version is refused and the old one stays.

    :ivar lose_share: of the recipients listed so far, the share that may be missing from a new version (0 to 1).
    :ivar lose_least: fewer may be missing whatever the share is.
    :ivar faults_most: lines that may be no recipients.
    :ivar faults_share: of all lines, the share that may be no recipients (0 to 1); both must be kept.
    :ivar entries_most: entries of one list; more cannot be built.
    :ivar patterns_most: entries with a ``*``.
    """

    lose_share: float = 0.2
    lose_least: int = 10
    faults_most: int = 20
    faults_share: float = 0.01
    entries_most: int = 5_000_000
    patterns_most: int = 100


@frozen(kw_only=True)
class ListSettings:
    """The list of one protected domain.

    :ivar domain: as ``Mailbox.domain_key`` spells it.
    :ivar aliases: further domains with the same recipients, spelled likewise.
    :ivar location: the source in words for people, and the path of a `ListKind.FILE`; no secrets.
    :ivar case_sensitive: whether local-parts that differ only in case differ; holds for versions built from now on.
    :ivar postmaster: whether postmaster exists although it is not listed (RFC 5321 §4.5.1).
    :ivar separator: what parts a local-part from its tag (``user+tag`` for a listed ``user``, RFC 5233); one ASCII
        character, ``None`` for no sub-addressing.
    :ivar former_file: a file whose lines are `Standing.FORMER` without saying so.
    :ivar traps_file: a file whose lines are `Standing.TRAP` without saying so.
    :ivar keep: versions that are kept, the one in force included.
    :ivar observe_first: seconds for which the first version is not enforced (R27); 0 for what the operator names.
    :ivar stale_after: seconds without a confirmation by the source after which a fetched list is `Freshness.STALE`.
    :ivar old_after: seconds after which it is `Freshness.OLD`.
    :ivar enforce_old: whether an old list is still enforced.
    """

    domain: str
    kind: ListKind
    aliases: tuple[str, ...] = ()
    location: str = ""
    case_sensitive: bool = False
    postmaster: bool = True
    separator: str | None = field(default=None)
    former_file: str | None = None
    traps_file: str | None = None
    guards: Guards = Factory(Guards)
    keep: int = 3
    observe_first: float = 0.0
    stale_after: float = DAY
    old_after: float = 7 * DAY
    enforce_old: bool = True

    @separator.validator
    def _one_character(self, _attribute: object, separator: str | None) -> None:
        if separator is not None and not (len(separator) == 1 and separator.isascii() and separator.isprintable()):
            raise ValueError("a separator is one printable ASCII character")

    @property
    def names(self) -> tuple[str, ...]:
        """The domain and its aliases."""
        return (self.domain, *self.aliases)

    def document(self) -> dict[str, Any]:
        """Give what JSON can carry."""
        return {**attrs.asdict(self), "kind": self.kind.value}


def from_document(document: dict[str, Any]) -> ListSettings:
    """Read what `ListSettings.document` gave, JSON in between.

    :raises ValueError: it is not that.
    """
    try:
        return ListSettings(
            **{
                **document,
                "kind": ListKind(document["kind"]),
                "aliases": tuple(document["aliases"]),
                "guards": Guards(**document["guards"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no settings of a list: {error}") from None
