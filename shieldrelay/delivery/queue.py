"""The backlog of one domain: which spooled message goes next, and what becomes of it (R1, R2, R6, R7).

Takes due entries, oldest first, whenever the lane has a slot for the backlog; reads them ahead by threads, so that no
slot waits for the disk; settles what the attempts came to; gives up what has lived too long. While the lane's
breaker is open nothing is taken but its probe, the oldest message. Files are the truth: what is in memory is a
`delivery.window.BacklogWindow`.

Driven by `pump`, which the lane calls when a slot or the breaker changed, and by one delayed call for the next due
time. A spool that fails is journalled and asked again after `TROUBLE_SECONDS`; nothing is lost by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.expiry import expires_at
from shieldrelay.delivery.schedule import Randomness, Schedule
from shieldrelay.delivery.settlement import settle_later
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.mail.outcome import AttemptResult, Fate, ServerHealth
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt, Clock, Journal, WallClock
from shieldrelay.spool.entry import Entry, Record, Window
from shieldrelay.spool.faults import Damaged, Gone
from shieldrelay.spool.progress import Progress

TROUBLE_SECONDS = 10.0
"""How long the queue leaves a spool alone that failed, and a server that failed without having opened its breaker."""
AHEAD = 2
"""Messages that are read for each slot, those in the slot included."""
LONGEST_NAP_SECONDS = 300.0
"""The queue looks at least this often, whatever the wall clock does."""


class Spool(Protocol):
    """The spool as far as the queue needs it: `spool.maildir.Spool`."""

    def window(self, domain: str, limit: int) -> Deferred[Window]:
        """Give the entries that are due first."""

    def load(self, entry: Entry) -> Deferred[Record]:
        """Read one; fails with Damaged (set aside), Gone, or another OSError."""

    def defer(self, entry: Entry, due: float, progress: Progress) -> Deferred[Entry]:
        """Write down the next attempt."""

    def remove(self, entries: Iterable[Entry]) -> Deferred[None]:
        """Forget messages that were settled."""


class BacklogLane(Protocol):
    """The way to the next hop: `delivery.lane.Lane`."""

    def backlog_room(self) -> int:
        """How many more messages of the backlog may start now; 0 while the breaker is open."""

    def probe_wanted(self) -> bool:
        """Whether the breaker wants a probe now, and none is under way."""

    def may_probe(self, id: str) -> bool:
        """Whether this message may be the probe (R6)."""

    def begin(self, attempt: Attempt, *, probe: bool) -> Deferred[AttemptResult] | None:
        """Start an attempt for the backlog; ``None`` when there is no slot after all."""

    def earliest(self, size: int) -> float:
        """When the pace lets a message of this size start, on the reactor's clock."""


@frozen
class Lifetimes:
    """How long a message is kept (R7), in seconds."""

    lifetime: float
    hard_lifetime: float


class DownTime(Protocol):
    """The ledger of a domain's outages: `spool.ledger.Ledger`."""

    def overlap(self, since: float, until: float) -> float:
        """Seconds of this interval of wall-clock time in which the next hop was down."""


class Queue:
    """The backlog of one domain.

    :param domain: the part of the spool.
    :ivar window: what memory knows of the backlog; for the status.
    """

    def __init__(
        self,
        domain: str,
        spool: Spool,
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
        self._domain = domain
        self._spool = spool
        self._lane = lane
        self._aftermath = aftermath
        self._ledger = ledger
        self._schedule = schedule
        self._lifetimes = lifetimes
        self._clock = clock
        self._wall = wall
        self._rnd = rnd
        self._journal = journal
        self.window = BacklogWindow() if window is None else window
        self._ready: list[tuple[Entry, Record]] = []
        self._reading = 0
        self._alarm: IDelayedCall | None = None
        self._pumping = False
        self._flushing = False
        self._running = False
        self._resting_until = -math.inf

    # what the assembly and the lane call

    def start(self) -> None:
        """Look at the spool and begin to deliver."""
        self._running = True
        self._scan()

    def stop(self) -> None:
        """Start nothing more; attempts under way are still settled."""
        self._running = False
        self._ready.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def serve(self, lane: BacklogLane, schedule: Schedule, lifetimes: Lifetimes) -> None:
        """Go on with another lane and other times: a new configuration is in force."""
        self._lane = lane
        self._schedule = schedule
        self._lifetimes = lifetimes
        self.pump()

    def flush(self) -> None:
        """Make everything due now."""
        self._flushing = True
        self.window.expedite(self._wall())
        self.pump()

    def has_due(self) -> bool:
        """Whether mail of the backlog waits for a slot."""
        if self._ready:
            return True
        due = self.window.next_due()
        return (due is not None and due <= self._wall()) or self.window.starved

    def stored(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count a new entry; with ``in_flight``, `attempted` follows for it."""
        self.window.add(entry, in_flight=in_flight)
        if not in_flight and self._alarm is None:
            self.pump()

    def attempted(self, entry: Entry, result: AttemptResult) -> None:
        """Settle an entry whose first attempt ended after the client had its 250 (R1)."""
        if all(outcome.fate is Fate.TAKEN for outcome in result.outcomes):
            self._remove(entry)
        else:
            loading = self._spool.load(entry)
            loading.addCallbacks(self._settle, self._unread, callbackArgs=(result, entry), errbackArgs=(entry,))
            loading.addErrback(self._bug, "queue")

    def forget(self, entry: Entry) -> None:
        """Count an entry no longer: an operator deleted it or put it on hold."""
        self._ready = [ready for ready in self._ready if ready[0].name != entry.name]
        self.window.forget(entry)

    def pump(self) -> None:
        """Start whatever may start now, and see to it that the rest is looked at when its time comes."""
        if self._pumping or not self._running:
            return
        self._pumping = True
        try:
            self._start_ready()
            self._read_ahead()
            self._probe()
        finally:
            self._pumping = False
        self._set_alarm()

    # taking

    def _start_ready(self) -> None:
        """Start attempts for what was read, as long as there are slots."""
        while self._ready and self._lane.backlog_room() > 0:
            entry, record = self._ready[0]
            if not self._begin(entry, record, probe=False):
                return
            del self._ready[0]

    def _read_ahead(self) -> None:
        """Read the next due messages."""
        room = self._lane.backlog_room() * AHEAD - self._reading - len(self._ready)
        now = self._wall()
        resting = self._clock.seconds() < self._resting_until
        while room > 0 and not resting:
            entry = self.window.take(now)
            if entry is None:
                break
            room -= 1
            self._read(entry, probe=False)
        if self.window.starved and not resting:
            self._scan()

    def _probe(self) -> None:
        """Offer the oldest message to a server that is taken to be down."""
        if self._reading or not self._lane.probe_wanted():
            return
        if self._ready:
            self._put_back_ready()
        entry = self.window.take_oldest(lambda entry: self._lane.may_probe(entry.id))
        if entry is None:
            entry = self.window.take_oldest(lambda _entry: True)
        if entry is not None:
            self._read(entry, probe=True)

    def _put_back_ready(self) -> None:
        """Let what was read wait again: the breaker opened before it could start."""
        ready, self._ready = self._ready, []
        for entry, _record in ready:
            self.window.put_back(entry)

    def _read(self, entry: Entry, *, probe: bool) -> None:
        self._reading += 1
        loading = self._spool.load(entry)
        loading.addCallbacks(self._have_read, self._not_read, callbackArgs=(entry, probe), errbackArgs=(entry,))
        loading.addErrback(self._bug, "queue")

    def _have_read(self, record: Record, entry: Entry, probe: bool) -> None:
        self._reading -= 1
        if not self._running:
            self.window.put_back(entry)
            return
        if self._expired(record):
            self._give_up(entry, record)
        elif probe:
            if not self._begin(entry, record, probe=True):
                self.window.put_back(entry)
        else:
            self._ready.append((entry, record))
        self.pump()

    def _not_read(self, failure: Failure, entry: Entry) -> None:
        self._reading -= 1
        self._unread(failure, entry)
        self.pump()

    def _unread(self, failure: Failure, entry: Entry) -> None:
        """Go on without an entry that could not be read."""
        failure.trap(OSError)
        if failure.check(Damaged, Gone):
            self.window.forget(entry)
            return
        self._journal.event("spool_failed", domain=self._domain, message=entry.id, error=failure.getErrorMessage())
        self._rest()
        self.window.put_back(entry)

    def _begin(self, entry: Entry, record: Record, *, probe: bool) -> bool:
        """Start an attempt; false when the lane has no slot for it after all."""
        recipients = record.message.envelope.recipients
        waiting = record.progress.waiting(len(recipients))
        attempt = Attempt(record.message, [recipients[index] for index in waiting], record.content)
        if not waiting:
            self._remove(entry)
            return True
        running = self._lane.begin(attempt, probe=probe)
        if running is None:
            return False
        running.addCallback(self._have_attempted, entry, record)
        running.addErrback(self._bug, "queue")
        return True

    def _have_attempted(self, result: AttemptResult, entry: Entry, record: Record) -> None:
        self._settle(record, result, entry)

    # settling

    def _settle(self, record: Record, result: AttemptResult, entry: Entry) -> None:
        """Do what an attempt's outcomes ask for."""
        indexes = record.progress.waiting(len(record.message.envelope.recipients))
        settlement = settle_later(result.outcomes, indexes)
        if not settlement.waiting and not settlement.refused:
            self._remove(entry)
            return
        replies = {index: outcome.reply for index, outcome in zip(indexes, result.outcomes, strict=True)}
        fates = {index: outcome.fate for index, outcome in zip(indexes, result.outcomes, strict=True)}
        progress = record.progress.settle(fates)
        if settlement.waiting:
            reason = next(o.reason for o in result.outcomes if o.fate is Fate.TRANSIENT)
            progress = progress.failed(self._wall(), reason)
        self._aftermath.remember(record.message, replies, settlement.remembered)
        told = {index: replies[index] for index in settlement.refused}
        self._owe(entry, record, progress, told, server_failed=result.health is not ServerHealth.ANSWERED)

    def _owe(
        self,
        entry: Entry,
        record: Record,
        progress: Progress,
        told: Mapping[int, Reply | None],
        *,
        server_failed: bool = False,
    ) -> None:
        """Send the notice that is owed, and then defer the rest or remove the whole."""
        owing = Deferred.fromCoroutine(self._pay(entry, record, progress, told, server_failed))
        owing.addErrback(self._unpaid, entry)
        owing.addErrback(self._bug, "queue")

    async def _pay(
        self, entry: Entry, record: Record, progress: Progress, told: Mapping[int, Reply | None], server_failed: bool
    ) -> None:
        if told:
            await self._aftermath.failed(record.message, record.content, told)
        if not progress.waiting(len(record.message.envelope.recipients)):
            self._remove(entry)
            return
        now = self._wall()
        due = now + TROUBLE_SECONDS if server_failed else self._schedule.next_due(progress.attempts, now, self._rnd)
        deferred = await self._spool.defer(entry, due, progress)
        self._journal.event(
            "deferred",
            message=entry.id,
            domain=self._domain,
            attempts=progress.attempts,
            next=round(due - now, 1),
            reason=progress.reason,
        )
        self.window.put_back(deferred)
        self.pump()

    def _unpaid(self, failure: Failure, entry: Entry) -> None:
        """Keep a message whose aftermath the disk did not take: it is tried again as a whole."""
        failure.trap(OSError, MemoryError)
        if failure.check(Gone):
            self.window.forget(entry)
            return
        self._journal.event("spool_failed", domain=self._domain, message=entry.id, error=failure.getErrorMessage())
        self._rest()
        self.window.put_back(entry.due_at(self._wall() + TROUBLE_SECONDS))
        self.pump()

    def _expired(self, record: Record) -> bool:
        now = self._wall()
        arrived = record.message.arrived
        if now - arrived < self._lifetimes.lifetime:
            return False
        overlap = self._ledger.overlap(arrived, now)
        return now >= expires_at(arrived, self._lifetimes.lifetime, self._lifetimes.hard_lifetime, overlap)

    def _give_up(self, entry: Entry, record: Record) -> None:
        """End a message whose lifetime is over, telling its sender."""
        waiting = record.progress.waiting(len(record.message.envelope.recipients))
        self._journal.event(
            "expired", message=entry.id, domain=self._domain, attempts=record.progress.attempts, recipients=len(waiting)
        )
        progress = record.progress.settle(dict.fromkeys(waiting, Fate.REFUSED))
        self._owe(entry, record, progress, dict.fromkeys(waiting))

    def _remove(self, entry: Entry) -> None:
        self.window.forget(entry)
        removing = self._spool.remove((entry,))
        removing.addErrback(self._unremoved, entry)
        self.pump()

    def _unremoved(self, failure: Failure, entry: Entry) -> None:
        """Say that a delivered message could not be removed: it will be delivered again."""
        failure.trap(OSError)
        self._journal.event("remove_failed", message=entry.id, domain=self._domain, error=failure.getErrorMessage())

    # time

    def _scan(self) -> None:
        self.window.scan_begins()
        scanning = self._spool.window(self._domain, self.window.limit)
        scanning.addCallbacks(self._scanned, self._unscanned)
        scanning.addErrback(self._bug, "queue")

    def _scanned(self, found: Window) -> None:
        self.window.refill(found.entries, found.total, found.octets, found.horizon)
        if self._flushing:
            self.window.expedite(self._wall())
            self._flushing = found.horizon < math.inf
        self.pump()

    def _unscanned(self, failure: Failure) -> None:
        failure.trap(OSError)
        self.window.scan_failed()
        self._journal.event("spool_failed", domain=self._domain, error=failure.getErrorMessage())
        self._rest()
        self._set_alarm()

    def _rest(self) -> None:
        self._resting_until = self._clock.seconds() + TROUBLE_SECONDS

    def _set_alarm(self) -> None:
        """Wake up when the next entry is due, the pace allows, or the spool has rested."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._running:
            return
        wait = self._wait()
        if wait is not None:
            self._alarm = self._clock.callLater(wait, self._wake)

    def _wait(self) -> float | None:
        """Seconds until the queue has something to do that nobody will tell it of."""
        resting = self._resting_until - self._clock.seconds()
        if resting > 0:
            return resting
        if self._ready:
            return self._wait_for_pace()
        due = self.window.next_due()
        if due is None:
            return None
        wait = due - self._wall()
        return min(wait, LONGEST_NAP_SECONDS) if wait > 0 else None

    def _wait_for_pace(self) -> float | None:
        """Seconds until the pace allows the next message; ``None`` when a slot or the breaker is missing."""
        wait = self._lane.earliest(self._ready[0][0].size) - self._clock.seconds()
        return wait if wait > 0 else None

    def _wake(self) -> None:
        self._alarm = None
        self.pump()

    def _bug(self, failure: Failure, where: str) -> None:
        self._journal.event("bug", where=where, domain=self._domain, error=failure.getTraceback())


def waiting_recipients(record: Record) -> Sequence[str]:
    """Give those recipients of a record who still want it, for the operator."""
    recipients = record.message.envelope.recipients
    return [str(recipients[index].mailbox) for index in record.progress.waiting(len(recipients))]
