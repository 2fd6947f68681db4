"""The waiting entries of one precedence, those that are due first: half of a `delivery.window.BacklogWindow`.

Pure, and cannot fail.
"""

from __future__ import annotations

import heapq
import math

from shieldrelay.spool.entry import Entry


class Rank:
    """Entries that wait.

    :ivar waiting: by name.
    :ivar horizon: every entry of this precedence that is due no later than this (seconds since the epoch) is here or in
        flight; ``-inf`` when the disk has still to be looked at, ``inf`` when all of it is known.
    """

    __slots__ = ("_heap", "horizon", "waiting")

    def __init__(self) -> None:
        self.horizon = math.inf
        self.waiting: dict[str, Entry] = {}
        self._heap: list[tuple[float, float, str]] = []

    def next_due(self) -> float | None:
        """When the first entry is due, seconds since the epoch; ``None`` when there is none."""
        heap = self._heap
        while heap:
            due, _arrived, name = heap[0]
            entry = self.waiting.get(name)
            if entry is not None and entry.due == due:
                return due
            heapq.heappop(heap)
        return None

    def has_due(self, now: float) -> bool:
        """Whether an entry is due, as far as is known: before a scan, what is only on disk is taken to be."""
        due = self.next_due()
        return self.horizon < math.inf if due is None else due <= now

    def take(self, now: float) -> Entry | None:
        """Take out the first entry that is due, oldest first."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return self.waiting.pop(heapq.heappop(self._heap)[2])

    def keep(self, entry: Entry) -> None:
        """Let an entry wait, in the place of what waited under its name."""
        self.waiting[entry.name] = entry
        heapq.heappush(self._heap, (entry.due, entry.arrived, entry.name))

    def is_starved(self, few: int) -> bool:
        """Whether there may be entries that only a scan can bring in, and few here that come before them."""
        if self.horizon == math.inf:
            return False
        return self.horizon == -math.inf or len(self.waiting) <= few

    def shrink(self, size: int) -> None:
        """Keep the first entries and draw the horizon behind them."""
        keep = heapq.nsmallest(size, self.waiting.values(), key=lambda entry: (entry.due, entry.arrived))
        self.drop_beyond(keep[-1].due)

    def drop_beyond(self, horizon: float) -> None:
        """Draw the horizon, and leave to the disk what is due later."""
        self.horizon = horizon
        if horizon != math.inf:
            self.waiting = {name: entry for name, entry in self.waiting.items() if entry.due <= horizon}
        self.rebuild()

    def pull_in(self, latest: float, now: float) -> None:
        """Make due now what is due later than ``latest``."""
        self.waiting = {
            name: entry if entry.due <= latest else entry.due_at(now) for name, entry in self.waiting.items()
        }
        self.rebuild()

    def rebuild(self) -> None:
        """Put the order right again after many changes."""
        self._heap = [(entry.due, entry.arrived, entry.name) for entry in self.waiting.values()]
        heapq.heapify(self._heap)
