"""The part of a domain's backlog that memory knows: those entries that are due first (D5).

The files are the truth and may be a million; this holds at most twice `limit` of them, everything that is due up to
the `horizon`, and counts the rest. Pure: the owner, `delivery.queue`, scans the spool when the window is `starved` and
gives it what it found.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable

from shieldrelay.spool.entry import Entry

WINDOW = 2000
"""Entries that one scan gives: some 600 octets each."""


class BacklogWindow:
    """The active window of one domain.

    :ivar total: entries of the domain in all, those in flight included and those on hold not.
    :ivar octets: their size on disk together.
    :ivar horizon: every entry that is due no later than this (seconds since the epoch) is in the window.
    :ivar scanning: whether a scan is under way: until `refill`, whatever comes is kept.
    """

    __slots__ = ("_gone", "_heap", "_waiting", "horizon", "in_flight", "limit", "octets", "scanning", "total")

    def __init__(self, limit: int = WINDOW) -> None:
        self.limit = limit
        self.total = 0
        self.octets = 0
        self.horizon = math.inf
        self.scanning = False
        self.in_flight: dict[str, Entry] = {}
        self._waiting: dict[str, Entry] = {}
        self._heap: list[tuple[float, float, str]] = []
        self._gone: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def starved(self) -> bool:
        """Whether there are entries that only a scan can bring in, and none here that comes before them."""
        return not self.scanning and not self._waiting and self.total > len(self.in_flight)

    def add(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count an entry that was stored.

        :param in_flight: an attempt for it is under way already (R1).
        """
        self.total += 1
        self.octets += entry.size
        if in_flight:
            self.in_flight[entry.name] = entry
        else:
            self._push(entry)

    def next_due(self) -> float | None:
        """When the first waiting entry is due, seconds since the epoch; ``None`` when the window is empty."""
        heap = self._heap
        while heap:
            due, _arrived, name = heap[0]
            entry = self._waiting.get(name)
            if entry is not None and entry.due == due:
                return due
            heapq.heappop(heap)
        return None

    def take(self, now: float) -> Entry | None:
        """Take the first entry that is due, oldest first, as in flight."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return self._depart(heapq.heappop(self._heap)[2])

    def take_oldest(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        """Take the entry that arrived first, due or not, among those that are wanted: the breaker's probe (R6)."""
        candidates = (entry for entry in self._waiting.values() if wanted(entry))
        oldest = min(candidates, key=lambda entry: entry.arrived, default=None)
        return None if oldest is None else self._depart(oldest.name)

    def put_back(self, entry: Entry) -> None:
        """Let an entry wait again that was in flight, with the due time that it has now."""
        if self.in_flight.pop(entry.name, None) is not None:
            self._push(entry)

    def forget(self, entry: Entry) -> None:
        """Count an entry no longer: delivered, expired, deleted, damaged or put on hold."""
        known = self.in_flight.pop(entry.name, None) or self._waiting.pop(entry.name, None)
        if self.scanning:
            self._gone.add(entry.name)
        if known is not None or self.horizon < math.inf:
            self.total = max(0, self.total - 1)
            self.octets = max(0, self.octets - entry.size)

    def expedite(self, now: float) -> None:
        """Make everything in the window due now, keeping the order of arrival (flush)."""
        self._waiting = {
            name: entry if entry.due <= now else entry.due_at(now) for name, entry in self._waiting.items()
        }
        self._rebuild()

    def waiting(self) -> Iterable[Entry]:
        """All waiting entries of the window, in no order."""
        return self._waiting.values()

    def oldest(self) -> Entry | None:
        """The entry of the window that arrived first, in flight or not."""
        everyone = [*self._waiting.values(), *self.in_flight.values()]
        return min(everyone, key=lambda entry: entry.arrived, default=None)

    def scan_begins(self) -> None:
        """Keep whatever comes from now on, until `refill`."""
        self.scanning = True
        self.horizon = math.inf
        self._gone.clear()

    def scan_failed(self) -> None:
        """Go on with what is known."""
        self.scanning = False
        self._gone.clear()

    def refill(self, found: Iterable[Entry], total: int, octets: int, horizon: float) -> None:
        """Take in what a scan found.

        :param total: entries on disk in all, ``octets`` their size.
        :param horizon: what is due later is only on disk; ``inf`` when everything was found.
        """
        for entry in found:
            if entry.name not in self._gone and entry.name not in self.in_flight:
                self._waiting.setdefault(entry.name, entry)
        gone = len(self._gone)
        self.scan_failed()
        self.horizon = horizon
        self._drop_beyond()
        if horizon == math.inf:
            self._count()
        else:
            self.total = max(total - gone, len(self._waiting) + len(self.in_flight))
            self.octets = octets

    def _push(self, entry: Entry) -> None:
        if entry.due > self.horizon:
            return
        self._waiting[entry.name] = entry
        heapq.heappush(self._heap, (entry.due, entry.arrived, entry.name))
        if len(self._waiting) > 2 * self.limit and not self.scanning:
            self._shrink()

    def _depart(self, name: str) -> Entry:
        entry = self._waiting.pop(name)
        self.in_flight[name] = entry
        return entry

    def _shrink(self) -> None:
        """Keep the first `limit` entries and draw the horizon behind them."""
        keep = heapq.nsmallest(self.limit, self._waiting.values(), key=lambda entry: (entry.due, entry.arrived))
        self.horizon = keep[-1].due
        self._drop_beyond()

    def _drop_beyond(self) -> None:
        self._waiting = {name: entry for name, entry in self._waiting.items() if entry.due <= self.horizon}
        self._rebuild()

    def _rebuild(self) -> None:
        self._heap = [(entry.due, entry.arrived, entry.name) for entry in self._waiting.values()]
        heapq.heapify(self._heap)

    def _count(self) -> None:
        everyone = [*self._waiting.values(), *self.in_flight.values()]
        self.total = len(everyone)
        self.octets = sum(entry.size for entry in everyone)
