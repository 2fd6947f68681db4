"""Sends the notices that lie in the spool (R8).

Takes what is due from the spool's part `NOTICES`, a few at once, asks the route for servers, and offers the notice to
one after the other. What is refused, has no server, or is too old goes with a journal line: never a notice about a
notice. A sender who was not judged before the notice was stored is judged before it is sent. A destination whose
servers are all down is left alone for a while, whatever waits for it. Owned by the assembly, which starts and stops it;
told by ``delivery.notices`` when there is something new. Trouble with the spool pauses it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.delivery.notice_origin import origin_of
from shieldrelay.delivery.notice_route import Candidate, NoticeRoute, NotNow, Undeliverable
from shieldrelay.delivery.schedule import Randomness, Schedule
from shieldrelay.delivery.standing import Believed, Judgement
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.outcome import AttemptResult, Fate, ServerHealth
from shieldrelay.ports import Attempt, Clock, Journal, NextHop, WallClock
from shieldrelay.spool.entry import Entry, Record, Window
from shieldrelay.spool.faults import Damaged, Gone
from shieldrelay.spool.name import NOTICES
from shieldrelay.spool.progress import Progress

PARALLEL = 8
SCAN = 200
"""Notices that one look into the spool brings."""
PAUSE_SECONDS = 60.0
"""Between looks when nothing is known to come, and after trouble with the spool."""
QUIET_SECONDS = 300.0
"""How long a destination is left alone whose servers are all down."""
QUIET_LIMIT = 1000


class NoticeSpool(Protocol):
    """The spool as far as notices are sent: ``spool.maildir.Spool``. All may fail with OSError."""

    def window(self, domain: str, limit: int) -> Deferred[Window]:
        """Give what is due first."""

    def load(self, entry: Entry) -> Deferred[Record]:
        """Read one; Gone or Damaged when it is no more."""

    def defer(self, entry: Entry, due: float, progress: Progress) -> Deferred[Entry]:
        """Write down when to try again."""

    def remove(self, entries: Iterable[Entry]) -> Deferred[None]:
        """Remove for good."""

    def is_there(self, entry: Entry) -> bool:
        """Whether an entry is ours still; answers at once."""


@frozen
class _Settled:
    """What became of a notice: ``event`` for the journal; kept for another try when ``retry``."""

    event: str
    reason: str = ""
    next_hop: str = ""
    retry: bool = False


class NoticeQueue:
    """Sends notices while it runs.

    :param reconsider: `delivery.notices.Notices.reconsider`.
    :param next_hop: makes a next hop for a server; it is stopped after one attempt.
    :param lifetime: seconds after which a notice is dropped.
    :param parallel: how many are tried at once.
    """

    def __init__(
        self,
        *,
        spool: NoticeSpool,
        route: NoticeRoute,
        reconsider: Callable[[Message], Awaitable[Judgement]],
        next_hop: Callable[[str, int], NextHop],
        schedule: Schedule,
        lifetime: float,
        journal: Journal,
        clock: Clock,
        wall: WallClock,
        rnd: Randomness,
        parallel: int = PARALLEL,
    ) -> None:
        self._spool = spool
        self._route = route
        self._reconsider = reconsider
        self._next_hop = next_hop
        self._schedule = schedule
        self._lifetime = lifetime
        self._journal = journal
        self._clock = clock
        self._wall = wall
        self._rnd = rnd
        self._parallel = parallel
        self._running = False
        self._looking = False
        self._beginning = False
        self._more = False
        self._ready: deque[Entry] = deque()
        self._in_flight: dict[str, Deferred[None]] = {}
        self._offered: dict[str, Attempt] = {}
        self._closing: set[Deferred[None]] = set()
        self._quiet: dict[str, float] = {}
        self._timer: IDelayedCall | None = None

    @property
    def in_flight(self) -> int:
        """How many notices are being tried."""
        return len(self._in_flight)

    def start(self) -> None:
        """Begin with what is due."""
        self._running = True
        self.look()

    def stop(self) -> Deferred[list[tuple[bool, None]]]:
        """Begin nothing more and break off what has not reached its final dot; fires when nothing runs."""
        self._running = False
        self._ready.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        waits: list[Deferred[None]] = []
        for name, task in list(self._in_flight.items()):
            done: Deferred[None] = Deferred()
            task.addBoth(done.callback)
            waits.append(done)
            if name not in self._offered or not self._offered[name].dotted:
                task.cancel()
        return DeferredList([*waits, *self._closing], consumeErrors=True)

    def look(self) -> None:
        """Look into the spool now, unless that is going on or everything is busy."""
        if not self._running:
            return
        if self._looking or len(self._in_flight) >= self._parallel:
            self._more = True
            return
        self._looking = True
        Deferred.fromCoroutine(self._fill()).addErrback(self._trouble)

    async def _fill(self) -> None:
        """Read what is due, and when the next is."""
        try:
            window = await self._spool.window(NOTICES, SCAN)
        finally:
            self._looking = False
        self._more = window.horizon < math.inf
        now = self._wall()
        waiting = [entry for entry in window.entries if entry.name not in self._in_flight]
        self._ready = deque(entry for entry in waiting if self._schedule.is_due(entry.due, now))
        later = [entry.due - now for entry in waiting if not self._schedule.is_due(entry.due, now)]
        self._look_after(min([PAUSE_SECONDS, *later]))
        self._begin()

    def _begin(self) -> None:
        """Try what is ready, as far as there is room: a loop, so that answers at once do not nest."""
        if self._beginning:
            return
        self._beginning = True
        while self._running and self._ready and len(self._in_flight) < self._parallel:
            entry = self._ready.popleft()
            task = self._in_flight[entry.name] = Deferred.fromCoroutine(self._send(entry))
            task.addErrback(self._trouble).addBoth(self._ended, entry)
        self._beginning = False
        if self._more and not self._ready and len(self._in_flight) < self._parallel:
            self._look_after(0)

    def _ended(self, _nothing: object, entry: Entry) -> None:
        self._in_flight.pop(entry.name, None)
        self._offered.pop(entry.name, None)
        self._begin()

    def _trouble(self, failure: Failure) -> None:
        """Pause after trouble with the spool; a bug is told likewise and harms one notice only."""
        if failure.check(CancelledError) is not None and not self._running:
            return
        self._journal.event("notice_trouble", error=repr(failure.value))
        self._ready.clear()
        self._more = False
        self._look_after(PAUSE_SECONDS)

    def _look_after(self, seconds: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._running:
            self._timer = self._clock.callLater(max(0.0, seconds), self.look)

    async def _send(self, entry: Entry) -> None:
        """Try one notice and write down what became of it."""
        try:
            record = await self._spool.load(entry)
        except (Gone, Damaged):
            return
        recipient = record.message.envelope.recipients[0].mailbox
        if self._wall() - record.message.arrived > self._lifetime:
            settled = _Settled("notice_expired", record.progress.reason)
        else:
            judgement = await self._reconsider(record.message)
            if judgement.believed is Believed.NO:
                await self._spool.remove((entry,))
                return
            if judgement.believed is Believed.UNKNOWN:
                settled = _Settled("notice_deferred", judgement.reason, retry=True)
            else:
                settled = await self._offer(entry, record, recipient)
        if settled.retry and not self._running:
            return
        self._tell(settled, record)
        await self._write_down(entry, record, settled)

    def _tell(self, settled: _Settled, record: Record) -> None:
        message = record.message
        self._journal.event(
            settled.event,
            message=origin_of(message).message,
            notice=message.id,
            to=str(message.envelope.recipients[0].mailbox),
            next_hop=settled.next_hop,
            attempts=record.progress.attempts + 1,
            reason=settled.reason,
        )

    async def _write_down(self, entry: Entry, record: Record, settled: _Settled) -> None:
        if not settled.retry:
            await self._spool.remove((entry,))
            return
        now = self._wall()
        progress = record.progress.failed(now, settled.reason)
        due = self._schedule.next_due(progress.attempts, now, self._rnd)
        await self._spool.defer(entry, due, progress)
        if self._timer is None or not self._timer.active() or self._timer.getTime() > self._clock.seconds() + due - now:
            self._look_after(due - now)

    async def _offer(self, entry: Entry, record: Record, recipient: Mailbox) -> _Settled:
        """Ask for servers and offer the notice to them."""
        destination = recipient.domain_key
        if self._is_quiet(destination):
            return _Settled("notice_deferred", "all its servers were down a moment ago", retry=True)
        routing = await self._route.servers(destination, origin_of(record.message).domain)
        if isinstance(routing, Undeliverable):
            return _Settled("notice_dropped", routing.reason)
        if isinstance(routing, NotNow):
            return _Settled("notice_deferred", routing.reason, retry=True)
        for server in routing.servers:
            result = await self._attempt(server, entry, record)
            if result.health is ServerHealth.ANSWERED or not self._running:
                return _settled(result)
        self._be_quiet(destination)
        return _settled(result)

    async def _attempt(self, server: Candidate, entry: Entry, record: Record) -> AttemptResult:
        """Offer the notice to one server; its connection is closed behind us."""
        hop = self._next_hop(server.host, server.port)
        attempt = Attempt(record.message, record.message.envelope.recipients, record.content)
        attempt.still_ours = partial(self._spool.is_there, entry)
        self._offered[entry.name] = attempt
        try:
            return await hop.attempt(attempt)
        finally:
            self._close(hop)

    def _close(self, hop: NextHop) -> None:
        closing = hop.stop()
        self._closing.add(closing)
        closing.addErrback(self._trouble)
        closing.addBoth(lambda _: self._closing.discard(closing))

    def _is_quiet(self, destination: str) -> bool:
        return self._quiet.get(destination, 0.0) > self._clock.seconds()

    def _be_quiet(self, destination: str) -> None:
        """Remember that all servers of a destination are down."""
        now = self._clock.seconds()
        if len(self._quiet) >= QUIET_LIMIT:
            self._quiet = {name: until for name, until in self._quiet.items() if until > now}
        if len(self._quiet) < QUIET_LIMIT:
            self._quiet[destination] = now + QUIET_SECONDS


def _settled(result: AttemptResult) -> _Settled:
    """Give what one attempt means for a notice, which has one recipient."""
    outcome = result.outcomes[0]
    reason = outcome.reason or result.reason or (str(outcome.reply) if outcome.reply else "")
    if outcome.fate is Fate.TAKEN:
        return _Settled("notice", next_hop=result.next_hop)
    if outcome.fate is Fate.TRANSIENT:
        return _Settled("notice_deferred", reason, result.next_hop, retry=True)
    return _Settled("notice_dropped", reason, result.next_hop)
