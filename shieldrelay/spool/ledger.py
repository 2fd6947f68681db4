"""The ledger of a domain's down-times, as arithmetic (R7).

A message's lifetime is time in which its next hop was up: what it overlaps with the ledger is added to it. Pure; the
file is `ledger_file`'s. Times are wall-clock seconds since the epoch, since they outlive the process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

from attrs import frozen


class Change(Enum):
    """What is noted of a next hop."""

    DOWN = "down"
    UP = "up"


@frozen
class Interval:
    """One down-time.

    :ivar end: ``None`` while it lasts.
    """

    begin: float
    end: float | None = None


@frozen
class Ledger:
    """The down-times of one domain, oldest first, none overlapping another."""

    intervals: tuple[Interval, ...] = ()

    @property
    def is_down(self) -> bool:
        """Whether the last one lasts."""
        return bool(self.intervals) and self.intervals[-1].end is None

    def noting(self, change: Change, at: float) -> Ledger:
        """Add a change. Down when it is down already, and up when it is up, change nothing.

        A clock that was set back does not make a down-time end before it began: it then has no length.
        """
        if change is Change.DOWN:
            if self.is_down:
                return self
            end = self.intervals[-1].end if self.intervals else None
            return Ledger((*self.intervals, Interval(at if end is None else max(at, end))))
        if not self.is_down:
            return self
        last = self.intervals[-1]
        return Ledger((*self.intervals[:-1], Interval(last.begin, max(at, last.begin))))

    def since(self, before: float) -> Ledger:
        """Leave out what ended before a time."""
        return Ledger(tuple(one for one in self.intervals if one.end is None or one.end >= before))

    def united(self, other: Ledger) -> Ledger:
        """Give the times in which the domain was down by either ledger; a down-time that lasts in one lasts."""
        united: list[Interval] = []
        for one in sorted((*self.intervals, *other.intervals), key=lambda one: one.begin):
            last = united[-1] if united else None
            if last is None or (last.end is not None and last.end < one.begin):
                united.append(one)
            elif last.end is not None:
                united[-1] = Interval(last.begin, None if one.end is None else max(last.end, one.end))
        return Ledger(tuple(united))

    def ended(self, at: float) -> Ledger:
        """End a down-time that lasts, at a time; not before it began."""
        return self.noting(Change.UP, at)

    def changes(self) -> Iterable[tuple[Change, float]]:
        """Give it as the changes that make it."""
        for one in self.intervals:
            yield Change.DOWN, one.begin
            if one.end is not None:
                yield Change.UP, one.end


def overlap(ledger: Ledger, since: float, until: float) -> float:
    """Give how many seconds of a stretch of time the domain was down; a down-time that lasts goes on until then."""
    seconds = 0.0
    for one in ledger.intervals:
        end = math.inf if one.end is None else one.end
        seconds += max(0.0, min(end, until) - max(one.begin, since))
    return seconds
