"""One look through a part's ``new/``: which entries are due first, how many there are, and what is damaged (D5).

Known-good entries have a window of their own, since they go first however many others are due before them (R4). Memory
is bounded by the windows' limit whatever the backlog is. Blocks, some six microseconds an entry; called in
threads, where it shares the interpreter with the reactor. Files that vanish meanwhile are left out; a torn file, or
one that is none of ours, is set aside and reported, and stops nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from shieldrelay.mail.envelope import Precedence
from shieldrelay.spool.entry import Entry, Window
from shieldrelay.spool.faults import unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.name import Name, belongs_to, parse_name, precedence_of

_MOST_DAMAGED = 100
_SPARE = 1000

_Found = tuple[float, int, str, str, int]
"""Due, arrived, name, id, size: plain tuples, which sort by (due, arrived) and cost little."""


@frozen
class SetAside:
    """A file that was moved to ``damaged/``, or could not be moved.

    :ivar name: what it was called in ``new/``.
    :ivar why: one clause, in our words.
    """

    name: str
    why: str


@frozen
class Survey:
    """What one look found.

    :ivar damaged: what was set aside, at most a hundred a look.
    """

    window: Window
    damaged: tuple[SetAside, ...] = field(default=())


class _Look:
    """The state of one look: what was counted, and what was seen to be damaged."""

    __slots__ = ("damaged", "folder", "now", "octets", "overdue", "total")

    def __init__(self, folder: Folder, now: float, furthest: float) -> None:
        self.folder = folder
        self.now = now
        self.overdue = now + furthest
        self.total = 0
        self.octets = 0
        self.damaged: list[SetAside] = []

    def found(self, directory: str) -> Iterator[_Found]:
        """Give every whole entry; an mtime too far ahead means due now (R12)."""
        folder = self.folder
        for text, size, due, regular in folder.operations.scan(directory):
            if text in folder.arriving:
                continue
            name = parse_name(text)
            if name is None or name.size != size or not regular:
                self._damaged(text, name, size)
                continue
            self.total += 1
            self.octets += size
            yield (due if due <= self.overdue else self.now, name.arrived, text, name.id, size)

    def _damaged(self, text: str, name: Name | None, size: int) -> None:
        if len(self.damaged) >= _MOST_DAMAGED:
            return
        why = "it is no spool file" if name is None else f"it has {size} octets instead of {name.size}"
        self.damaged.append(SetAside(text, why))


class _First:
    """The first of the known-good entries, in bounded memory.

    :ivar total: how many there were.
    """

    __slots__ = ("_kept", "_limit", "total")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[_Found] = []
        self.total = 0

    def parted(self, found: Iterable[_Found]) -> Iterator[_Found]:
        """Keep the known-good ones and give the others."""
        for one in found:
            if precedence_of(one[2]) is Precedence.ORDINARY:
                yield one
                continue
            self.total += 1
            self._kept.append(one)
            if len(self._kept) >= 2 * self._limit + _SPARE:
                self._kept = self.give()

    def give(self) -> list[_Found]:
        """Give them in order."""
        return heapq.nsmallest(self._limit, self._kept)


def survey(folder: Folder, limit: int, now: float, furthest: float) -> Survey:
    """Look through ``new/``.

    :param limit: how many entries to give at most.
    :param now: seconds since the epoch.
    :param furthest: how far ahead of now an mtime is believed, seconds.
    :raises SpoolUnavailable: when the directory cannot be read.
    """
    look = _Look(folder, now, furthest)
    favoured = _First(limit)
    try:
        first = heapq.nsmallest(limit, favoured.parted(look.found(folder.new)))
        damaged = tuple(set_aside(folder, folder.new, one) for one in look.damaged)
    except OSError as error:
        raise unavailable(error) from error
    horizon = _horizon(first, look.total - favoured.total)
    known_good = favoured.give()
    entries = _entries(folder, sorted([*known_good, *first]) if known_good else first)
    known_good_horizon = _horizon(known_good, favoured.total)
    return Survey(Window(entries, look.total, look.octets, horizon, known_good_horizon), damaged)


def held_entries(folder: Folder) -> tuple[Entry, ...]:
    """Give what is on hold, oldest first. Raises SpoolUnavailable."""
    look = _Look(folder, 0.0, math.inf)
    try:
        found = sorted(look.found(folder.held), key=lambda one: one[1:])
    except OSError as error:
        raise unavailable(error) from error
    return _entries(folder, found)


def find(folder: Folder, id: str) -> Entry | None:
    """Find the entry, on hold or not, that has this message id; opens no file. Raises SpoolUnavailable."""
    try:
        for directory in (folder.new, folder.held):
            for text in folder.operations.names(directory):
                name = parse_name(text) if belongs_to(text, id) else None
                if name is not None:
                    status = folder.operations.status(f"{directory}/{text}")
                    return Entry(folder.domain, text, id, name.size, name.arrived, status.due)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unavailable(error) from error
    return None


def set_aside(folder: Folder, directory: str, one: SetAside) -> SetAside:
    """Move a damaged file to ``damaged/``; that it cannot be moved is added to the reason."""
    try:
        folder.set_aside(f"{directory}/{one.name}", one.name)
    except FileNotFoundError:
        return one
    except OSError as error:
        return SetAside(one.name, f"{one.why}; and it could not be set aside: {unavailable(error)}")
    return one


def _horizon(first: Sequence[_Found], total: int) -> float:
    """Give the due time beyond which entries of one precedence are only on disk."""
    if total <= len(first):
        return math.inf
    return first[-1][0] if first else -math.inf


def _entries(folder: Folder, found: list[_Found]) -> tuple[Entry, ...]:
    return tuple(Entry(folder.domain, text, id, size, arrived, due) for due, arrived, text, id, size in found)
