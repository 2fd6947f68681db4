"""The part of a domain's backlog that memory knows: those entries that are due first (D5).

The files are the truth and may be a million; this holds at most twice `BacklogWindow.size` of each precedence,
everything that is due up to its horizon, and counts the rest. What is only on disk is never counted on to be known: as
long as a horizon is finite the window asks for another scan before it runs dry. Pure: the owner, `delivery.queue`,
scans the spool when the window is `starved` and gives it what it found. Cannot fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import chain

from shieldrelay.delivery.rank import Rank
from shieldrelay.mail.envelope import Precedence
from shieldrelay.spool.entry import Entry

WINDOW = 2000
"""Entries that one scan gives at least: some 600 octets each."""
WINDOW_MOST = 10_000
"""And at most: of a long backlog a scan gives a tenth, so that draining it takes some ten scans and not hundreds."""
_LOW_SHARE = 8
"""The window is scanned for again when an eighth of it is left: mail is delivered while the scan runs."""


class BacklogWindow:
    """The active window of one domain.

    :param limit: entries that a scan gives at least.
    :ivar total: entries of the domain in all, those in flight included and those on hold not; about right while the
        horizon is finite, exact otherwise.
    :ivar octets: their size on disk together.
    :ivar in_flight: by name, what was taken: being read, waiting for a slot, attempted, or being settled.
    :ivar scanning: whether a scan is under way: until `refill`, whatever comes is kept.
    """

    __slots__ = ("_coming", "_gone", "_known_good", "_ordinary", "in_flight", "limit", "octets", "scanning",
                 "total")  # fmt: skip

    def __init__(self, limit: int = WINDOW) -> None:
        self.limit = limit
        self.total = 0
        self.octets = 0
        self.scanning = False
        self.in_flight: dict[str, Entry] = {}
        self._known_good = Rank()
        self._ordinary = Rank()
        self._gone: set[str] = set()
        self._coming: set[str] = set()

    def __len__(self) -> int:
        return len(self._known_good.waiting) + len(self._ordinary.waiting)

    @property
    def horizon(self) -> float:
        """The due time (seconds since the epoch) up to which every entry is in the window or in flight.

        ``-inf`` when the disk has still to be looked at, ``inf`` when all of it is known.
        """
        return min(self._known_good.horizon, self._ordinary.horizon)

    def know_nothing(self) -> None:
        """Take it that the disk has still to be looked at."""
        self._known_good.horizon = self._ordinary.horizon = -math.inf

    @property
    def size(self) -> int:
        """How many entries of each precedence are worth holding: more of a longer backlog."""
        return max(self.limit, min(WINDOW_MOST, self.total // 10))

    @property
    def scan_limit(self) -> int:
        """How many entries the next scan should give, since those that are taken are on disk too."""
        return self.size + len(self.in_flight) + len(self._coming)

    @property
    def starved(self) -> bool:
        """Whether there may be entries that only a scan can bring in, and few here that come before them."""
        few = self.size // _LOW_SHARE
        return not self.scanning and (self._ordinary.is_starved(few) or self._known_good.is_starved(few))

    # what is stored

    def coming(self, id: str) -> None:
        """Expect a message that is being stored: until `add` or `not_coming`, no scan may bring it in.

        Its file may be seen before it is durable, and before its first attempt was told of (R1).
        """
        self._coming.add(id)

    def not_coming(self, id: str) -> None:
        """Expect it no more: it could not be stored."""
        self._coming.discard(id)

    def add(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count an entry that was stored; once, however often it is said.

        :param in_flight: an attempt for it is under way already (R1).
        """
        self._coming.discard(entry.id)
        if entry.name in self.in_flight or entry.name in self._rank(entry).waiting:
            return
        self.total += 1
        self.octets += entry.size
        if in_flight:
            self.in_flight[entry.name] = entry
        else:
            self._push(entry)

    # what is taken

    def next_due(self) -> float | None:
        """When the first waiting entry is due, seconds since the epoch; ``None`` when the window is empty."""
        first, second = self._known_good.next_due(), self._ordinary.next_due()
        return second if first is None else first if second is None else min(first, second)

    def has_due(self, now: float, precedence: Precedence | None = None) -> bool:
        """Whether an entry is due, as far as is known: before a scan, what is only on disk is taken to be.

        :param precedence: of which; ``None`` for any.
        """
        if precedence is Precedence.ORDINARY:
            return self._ordinary.has_due(now)
        if precedence is Precedence.KNOWN_GOOD:
            return self._known_good.has_due(now)
        return self._ordinary.has_due(now) or self._known_good.has_due(now)

    def take(self, now: float, precedence: Precedence | None = None) -> Entry | None:
        """Take the first entry that is due, oldest first, as in flight.

        :param precedence: of which; ``None``: known-good ones first.
        """
        entry = None if precedence is Precedence.ORDINARY else self._known_good.take(now)
        if entry is None and precedence is not Precedence.KNOWN_GOOD:
            entry = self._ordinary.take(now)
        if entry is not None:
            self.in_flight[entry.name] = entry
        return entry

    def take_oldest(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        """Take the entry that arrived first, due or not, among those that are wanted: the breaker's probe (R6)."""
        oldest = min(filter(wanted, self.waiting()), key=lambda entry: entry.arrived, default=None)
        if oldest is not None:
            self.seize(oldest)
        return oldest

    def seize(self, entry: Entry) -> bool:
        """Take this very entry, in the window or only on disk; false when it is in flight or not yet stored."""
        if entry.name in self.in_flight or entry.id in self._coming:
            return False
        self._rank(entry).waiting.pop(entry.name, None)
        self.in_flight[entry.name] = entry
        return True

    def put_back(self, entry: Entry) -> None:
        """Let an entry wait again that was in flight, with the due time that it has now."""
        if self.in_flight.pop(entry.name, None) is not None:
            self._push(entry)

    def forget(self, entry: Entry) -> None:
        """Count an entry no longer: delivered, expired, deleted, damaged or put on hold."""
        rank = self._rank(entry)
        known = self.in_flight.pop(entry.name, None) or rank.waiting.pop(entry.name, None)
        if self.scanning:
            self._gone.add(entry.name)
        if known is not None or rank.horizon < math.inf:
            self.total = max(0, self.total - 1)
            self.octets = max(0, self.octets - entry.size)

    # what is made due

    def expedite(self, now: float) -> None:
        """Make everything in the window due now, keeping the order of arrival (flush)."""
        self.pull_in(now, now)

    def pull_in(self, latest: float, now: float) -> None:
        """Make due now what is due later than ``latest``: a flush, or a clock that was set back (R12)."""
        self._known_good.pull_in(latest, now)
        self._ordinary.pull_in(latest, now)

    def bring(self, entry: Entry) -> None:
        """Make this entry due at once, by its time of arrival, whether it was in the window or only on disk."""
        if entry.name in self.in_flight or entry.id in self._coming or entry.name in self._gone:
            return
        self._keep(entry.due_at(min(entry.due, entry.arrived)))

    # what is seen

    def waiting(self) -> Iterable[Entry]:
        """All waiting entries of the window, in no order."""
        return chain(self._known_good.waiting.values(), self._ordinary.waiting.values())

    def oldest(self) -> Entry | None:
        """The entry of the window that arrived first, in flight or not."""
        return min(chain(self.waiting(), self.in_flight.values()), key=lambda entry: entry.arrived, default=None)

    # scans

    def scan_begins(self) -> None:
        """Keep whatever comes from now on, until `refill` or `scan_failed`."""
        self.scanning = True
        self._gone.clear()

    def scan_failed(self) -> None:
        """Go on with what is known."""
        self.scanning = False
        self._gone.clear()

    def refill(
        self, found: Iterable[Entry], total: int, octets: int, horizon: float, known_good_horizon: float = math.inf
    ) -> None:
        """Take in what a scan found.

        :param total: entries on disk in all, ``octets`` their size.
        :param horizon: what is ordinary and due later is only on disk; ``inf`` when everything was found.
        :param known_good_horizon: the same of what is known-good.
        """
        for entry in found:
            if entry.name not in self._gone and entry.name not in self.in_flight and entry.id not in self._coming:
                self._rank(entry).waiting.setdefault(entry.name, entry)
        gone = len(self._gone)
        self.scan_failed()
        self._ordinary.drop_beyond(horizon)
        self._known_good.drop_beyond(known_good_horizon)
        if self.horizon == math.inf:
            self._count()
        else:
            self.total = max(total - gone, len(self) + len(self.in_flight))
            self.octets = octets

    def lose(self) -> None:
        """Count nothing but what is in flight, and look again: the files are no longer here (R15)."""
        for rank in (self._ordinary, self._known_good):
            rank.waiting.clear()
            rank.rebuild()
        self._count()
        self.know_nothing()

    # its parts

    def _rank(self, entry: Entry) -> Rank:
        return self._ordinary if entry.precedence is Precedence.ORDINARY else self._known_good

    def _push(self, entry: Entry) -> None:
        if self.scanning or entry.due <= self._rank(entry).horizon:
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        rank = self._rank(entry)
        rank.keep(entry)
        if len(rank.waiting) > 2 * self.size and not self.scanning:
            rank.shrink(self.size)

    def _count(self) -> None:
        everyone = [*self.waiting(), *self.in_flight.values()]
        self.total = len(everyone)
        self.octets = sum(entry.size for entry in everyone)
