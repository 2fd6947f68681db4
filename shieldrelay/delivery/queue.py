"""The backlog of one domain: which spooled message goes next (R1, R2, R6, R7).

Takes due entries, known-good ones first as long as the lane says so, and of each kind oldest first, whenever the lane
has a slot for the backlog. While the lane's breaker is open nothing
is taken but its probe, the oldest message. Files are the truth: what is in memory is a `delivery.window.BacklogWindow`.
`delivery.reading` reads ahead, `delivery.settling` does what the attempts came to, `delivery.old_age` ends what has
lived too long, `delivery.flush` brings everything.

Driven by `pump`, which the lane calls when a slot or the breaker changed, and by one alarm for the next due time. Pump
is a loop: what fires at once while it runs makes it go round again. A spool that fails is journalled and asked again
after `TROUBLE_SECONDS`; nothing is lost by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.alarm import Alarm
from shieldrelay.delivery.flush import Flush
from shieldrelay.delivery.old_age import DownTime, Lifetimes, OldAge, PagingSpool
from shieldrelay.delivery.reading import Reading
from shieldrelay.delivery.respite import TROUBLE_SECONDS, Respite
from shieldrelay.delivery.schedule import Randomness, Schedule
from shieldrelay.delivery.settling import Postponement, Settling, SettlingSpool
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.ports import Attempt, Clock, Journal, WallClock
from shieldrelay.spool.entry import Entry, Record, Window

__all__ = ["TROUBLE_SECONDS", "BacklogLane", "Lifetimes", "Queue", "QueueSpool"]

LONGEST_NAP_SECONDS = 300.0
"""The queue looks at least this often while it has mail, whatever the wall clock does."""
STEP_BACK_SECONDS = 1.0
"""The wall clock was set back when it lost as much against the reactor's between two looks."""


class QueueSpool(SettlingSpool, PagingSpool, Protocol):
    """The spool as far as the queue needs it: `spool.maildir.Spool`."""

    def window(self, domain: str, limit: int) -> Deferred[Window]:
        """Give the entries that are due first."""

    def is_there(self, entry: Entry) -> bool:
        """Whether an entry is ours still; answers at once."""


class BacklogLane(Protocol):
    """The way to the next hop: `delivery.lane.Lane`."""

    def backlog_room(self) -> int:
        """How many more messages of the backlog may start now; 0 while the breaker is open."""

    def backlog_ahead(self) -> int:
        """How many messages of each precedence are worth having at hand; 0 while the breaker is open."""

    @property
    def known_good_first(self) -> bool:
        """Whether known-good mail goes before other mail that waits too (R4)."""

    def probe_wanted(self) -> bool:
        """Whether the breaker wants a probe now, and none is under way."""

    def may_probe(self, id: str) -> bool:
        """Whether this message may be the probe (R6)."""

    def begin(self, attempt: Attempt, *, probe: bool) -> Deferred[AttemptResult] | None:
        """Start an attempt for the backlog; ``None`` when there is no slot after all."""

    def earliest(self, size: int, precedence: Precedence) -> float:
        """When the pace lets a message of this size start, on the reactor's clock."""


class Queue:
    """The backlog of one domain.

    :param domain: the part of the spool.
    :ivar window: what memory knows of the backlog; for the status.
    """

    def __init__(
        self,
        domain: str,
        spool: QueueSpool,
        lane: BacklogLane,
        aftermath: Aftermath,
        ledger: DownTime,
        *,
        schedule: Schedule,
        lifetimes: Lifetimes,
        clock: Clock,
        wall: WallClock,
        rnd: Randomness,
        journal: Journal,
        window: BacklogWindow | None = None,
    ) -> None:
        self.window = BacklogWindow() if window is None else window
        self._domain = domain
        self._spool = spool
        self._lane = lane
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._respite = respite = Respite(domain, clock, journal)
        self._settling = Settling(
            domain, spool, self.window, aftermath, respite, self.pump,
            schedule=schedule, clock=clock, wall=wall, rnd=rnd, journal=journal,
        )  # fmt: skip
        self._old_age = OldAge(
            domain, spool, self.window, self._settling, ledger, respite, lifetimes,
            clock=clock, wall=wall, journal=journal,
        )  # fmt: skip
        self._reading = Reading(spool, self.window, self._settling, self._have_read, self.pump)
        self._flush = Flush(domain, spool, self.window, respite, self.pump, wall=wall, journal=journal)
        self._alarm = Alarm(clock, self.pump)
        self._offset = -math.inf
        self._pumping = False
        self._again = False
        self._running = False

    # what the assembly and the lane call

    def start(self) -> None:
        """Look at the spool and begin to deliver."""
        self._running = True
        self.window.know_nothing()
        self._old_age.start()
        self._settling.removals.start()
        self.pump()

    def stop(self) -> None:
        """Start nothing more; attempts under way are still settled."""
        self._running = False
        self._reading.put_back()
        self._old_age.stop()
        self._settling.removals.stop()
        self._alarm.cancel()

    def serve(self, lane: BacklogLane, schedule: Schedule, lifetimes: Lifetimes) -> None:
        """Go on with another lane and other times: a new configuration is in force."""
        self._lane = lane
        self._settling.schedule = schedule
        self._old_age.allow(lifetimes)
        self.pump()

    def flush(self) -> None:
        """Make everything due now, what is only on disk too."""
        self._flush.begin()
        self.pump()

    def has_due(self, precedence: Precedence | None = None) -> bool:
        """Whether mail of the backlog waits for a slot.

        :param precedence: of which; ``None`` for any.
        """
        ready = self._reading.ready
        if precedence is None:
            return any(ready.values()) or self.window.has_due(self._wall())
        return bool(ready[precedence]) or self.window.has_due(self._wall(), precedence)

    def forget(self, entry: Entry) -> None:
        """Count an entry no longer: an operator deleted it or put it on hold."""
        self._reading.forget(entry)
        self.window.forget(entry)

    def bounce(self, entry: Entry, record: Record) -> Deferred[None] | None:
        """Give a message up now, telling its sender: an operator wants it so. ``None``: it is being tried."""
        self._reading.forget(entry)
        if not self.window.seize(entry):
            return None
        return self._settling.give_up(entry, self._settling.recall(entry, record), "bounced")

    # what takeovers call (R15)

    def inherited(self, entries: Iterable[Entry]) -> None:
        """Count entries that were another node's."""
        for entry in entries:
            self.window.add(entry)
        self.pump()

    def look_again(self) -> None:
        """Look into the spool: there may be entries that nobody counted."""
        self.window.know_nothing()
        self.pump()

    def bereft(self) -> None:
        """Forget every entry that waits: another node has the files. What is on its way ends as it will."""
        self._reading.drop()
        self.window.lose()
        self._respite.end()
        self.pump()

    # what the acceptance calls

    def coming(self, id: str) -> None:
        """Expect a message; `stored` or `not_stored` follows, and no scan brings it in before."""
        self.window.coming(id)

    def not_stored(self, id: str) -> None:
        """Expect it no more."""
        self.window.not_coming(id)

    def stored(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count a new entry; with ``in_flight``, `attempted` follows for it."""
        self.window.add(entry, in_flight=in_flight)
        if not in_flight:
            self.pump()

    def postponement(self, result: AttemptResult) -> Postponement:
        """Say when to try a message again whose inline attempt left somebody waiting."""
        return self._settling.postponement(result)

    def attempted(self, entry: Entry, record: Record, result: AttemptResult) -> None:
        """Settle an entry whose first attempt ended after the client had its 250 (R1)."""
        try:
            self._settling.settle(result, entry, record)
        except Exception:  # noqa: BLE001 - a bug of ours is told, and the message waits
            self._settling.bug(Failure(), entry)

    # taking

    def pump(self) -> None:
        """Start whatever may start now, and see to it that the rest is looked at when its time comes."""
        if not self.window.total and self._window_suffices():
            return  # after every new message while there is no backlog
        self._again = True
        if self._pumping or not self._running:
            return
        self._pumping = True
        try:
            while self._again:
                self._again = False
                self._start_ready()
                self._take()
        finally:
            self._pumping = False
        self._set_alarm()

    def _window_suffices(self) -> bool:
        """Whether the window has all there is, and nobody waits to hear that."""
        return self.window.horizon == math.inf and not self._flush.wants_page

    def _take(self) -> None:
        """Go to the spool for more, unless it fails."""
        if self._respite.left() > 0 or self._settling.removals.blocked:
            return
        self._believe_clock()
        self._read_ahead()
        self._probe()
        if self.window.starved:
            self._scan()

    def _start_ready(self) -> None:
        """Start attempts for what was read, as long as there are slots; nobody overtakes who waits for the pace."""
        while self._lane.backlog_room() > 0:
            ready = self._reading.next(known_good_first=self._lane.known_good_first)
            if ready is None:
                return
            entry, record = ready.popleft()
            if not self._begin(entry, record, probe=False):
                ready.appendleft((entry, record))
                return

    def _read_ahead(self) -> None:
        """Read the next due messages; those that wait for the pace keep none of another precedence from being read."""
        ahead, now = self._lane.backlog_ahead(), self._wall()
        if ahead > 0:
            known_good_left = self._read_some(ahead, now, Precedence.KNOWN_GOOD)
            ordinary_left = self._read_some(ahead, now, Precedence.ORDINARY)
            if self._flush.wants_page and not known_good_left and not ordinary_left:
                self._flush.turn()

    def _read_some(self, ahead: int, now: float, precedence: Precedence) -> bool:
        """Read of one precedence until so many are at hand; false when fewer are due."""
        for _ in range(ahead - self._reading.at_hand(precedence)):
            entry = self.window.take(now, precedence)
            if entry is None:
                return False
            self._reading.begin(entry, probe=False)
        return True

    def _probe(self) -> None:
        """Offer the oldest message to a server that is taken to be down."""
        if self._reading.under_way or not self.window.total or not self._lane.probe_wanted():
            return  # whoever has nothing to probe with leaves the right to probe to other members
        self._reading.put_back()
        entry = self.window.take_oldest(lambda entry: self._lane.may_probe(entry.id))
        if entry is None:
            entry = self.window.take_oldest(lambda _entry: True)
        if entry is not None:
            self._reading.begin(entry, probe=True)

    def _have_read(self, entry: Entry, record: Record, probe: bool) -> None:
        """Start what was read, or let it wait for a slot."""
        if not self._running:
            self.window.put_back(entry)
        elif self._old_age.is_over(record.message.arrived):
            self._settling.give_up(entry, record)
        elif not probe:
            self._reading.keep(entry, record)
        elif not self._begin(entry, record, probe=True):
            self.window.put_back(entry)
        self.pump()

    def _begin(self, entry: Entry, record: Record, *, probe: bool) -> bool:
        """Start an attempt; false when the lane has no slot for it after all."""
        recipients = record.message.envelope.recipients
        waiting = record.progress.waiting(len(recipients))
        if not waiting:
            self._settling.done(entry, record.progress.attempts)
            return True
        attempt = Attempt(record.message, [recipients[index] for index in waiting], record.content)
        attempt.still_ours = partial(self._spool.is_there, entry)
        running = self._lane.begin(attempt, probe=probe)
        if running is None:
            return False
        running.addCallback(self._settling.settle, entry, record, probe=probe)
        running.addErrback(self._settling.bug, entry)
        return True

    # the spool

    def _scan(self) -> None:
        self.window.scan_begins()
        scanning = self._spool.window(self._domain, self.window.scan_limit)
        scanning.addCallbacks(self._scanned, self._unscanned)
        scanning.addErrback(self._bug)

    def _scanned(self, found: Window) -> None:
        self.window.refill(found.entries, found.total, found.octets, found.horizon, found.known_good_horizon)
        self.pump()

    def _unscanned(self, failure: Failure) -> None:
        self.window.scan_failed()
        failure.trap(OSError)
        self._respite.begin(failure.value)
        self.pump()

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="queue", domain=self._domain, traceback=failure.getTraceback())

    # time

    def _believe_clock(self) -> None:
        """Let nothing sleep because the wall clock was set back: no wait is longer than the schedule's (R12)."""
        now = self._wall()
        offset = now - self._clock.seconds()
        if offset < self._offset - STEP_BACK_SECONDS:
            self.window.pull_in(now + self._settling.schedule.cap, now)
        self._offset = offset

    def _set_alarm(self) -> None:
        """Wake up when the next entry is due, the pace allows, or the spool has rested."""
        if not self._running:
            return
        respite = self._respite.left()
        if respite > 0:
            self._alarm.within(respite)
        ready = self._reading.next(known_good_first=self._lane.known_good_first)
        if ready is not None:
            self._wake_for_pace(ready[0][0])
        due = self.window.next_due()
        wait = 0.0 if due is None else due - self._wall()
        if wait > 0:
            self._alarm.within(min(wait, LONGEST_NAP_SECONDS))

    def _wake_for_pace(self, entry: Entry) -> None:
        """Wake up when the pace allows the next message; a slot or the breaker is told of by the lane."""
        wait = self._lane.earliest(entry.size, entry.precedence) - self._clock.seconds()
        if wait > 0:
            self._alarm.within(wait)
