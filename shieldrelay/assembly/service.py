"""The life of a node: taking ports, starting in order, stopping within the declared time.

`ApplianceService` is what twistd runs. It stops what is in flight in good order: no new connections, idle clients told
421, messages under way finished, and what is not finished in time broken off: it stays in the spool, or its client was
never told 250. A start that fails is journalled, told on standard error, and ends the process with status 1.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, FirstError, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay import __version__
from shieldrelay.admin.api import control_router
from shieldrelay.admin.control import ControlService
from shieldrelay.admin.router import Response
from shieldrelay.assembly.counted import Counted
from shieldrelay.assembly.domains import PushedDomains
from shieldrelay.assembly.drain import Drain
from shieldrelay.assembly.ending import end_process
from shieldrelay.assembly.errands import Errands
from shieldrelay.assembly.front import Front
from shieldrelay.assembly.hangup import on_hangup
from shieldrelay.assembly.house import House
from shieldrelay.assembly.manhole import ManholeDoor
from shieldrelay.assembly.members import Members
from shieldrelay.assembly.peers_mail import MailTaking
from shieldrelay.assembly.reload import Reload
from shieldrelay.assembly.steering import Steering
from shieldrelay.assembly.steering_defences import DefenceSteering
from shieldrelay.assembly.steering_lists import ListSteering
from shieldrelay.assembly.steering_reports import ReportSteering
from shieldrelay.assembly.steering_sources import SourceSteering
from shieldrelay.assembly.takeover_terms import takeover_of
from shieldrelay.assembly.trace import NodeTrace
from shieldrelay.assembly.watch import NodeWatch
from shieldrelay.journal import Journal
from shieldrelay.smtp.replies import SHUTTING_DOWN
from shieldrelay.spool.headroom import Level
from shieldrelay.spool.name import NOTICES
from shieldrelay.wire.doorway import Doorway
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.listeners import ListenFault
from shieldrelay.wire.threads import ThreadsStopped

FLUSH_SECONDS = 0.1
"""How long a line may wait before it is written."""
PREPARED_AT_ONCE = 64
"""Domains whose place in the spool is made durable together at a start: their syncs share what the disk does."""
LOOK_SECONDS = 0.05
"""How often a stop looks whether everything is done."""
GOODBYE_SECONDS = 1.0
"""What clients that were told 421, and next hops that were told QUIT, get at a stop before they are left alone."""


class ApplianceService(Service):
    """One node, as twistd runs it.

    :ivar ready: fires when the node listens; fails when the start did.
    :ivar failed: whether the start failed.
    :ivar members: the cluster as this process sees it.
    :ivar domains: those that are pushed at run time.
    :ivar manhole: the prompt inside, if there is one.
    :ivar watch: what is counted and measured, and the alarms.
    :ivar trace: the index of the journal.
    :ivar end: called with the reactor when the start failed, to have the process end.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.end: Callable[[Any], object] = end_process
        self.ready: Deferred[None] = Deferred()
        self.failed = False
        self.watch = house.watch = NodeWatch(house)
        self.trace = house.trace = NodeTrace(house)
        self._doorway = Doorway(house.inbound, house.reactor)
        self._reload = Reload(house)
        self._takeover = takeover_of(house)
        self._drain = Drain(house, self._doorway)
        self._taking = MailTaking(house)
        self.members = Members(house, self._drain)
        self.manhole = ManholeDoor(house)
        self.domains = PushedDomains(house, self._reload)
        if house.peers is not None:
            house.peers.answer(*self.members.routes(), *self._taking.routes(), *self.domains.routes())
        self._counted = Counted(house.journal, house.reactor, house.wall)
        steering = Steering(house, self._reload)
        router = control_router(
            steering,
            SourceSteering(house),
            ListSteering(house),
            ReportSteering(house),
            house.journal,
            self._takeover,
            self.members,
            self.domains,
            stances=DefenceSteering(house, self._reload, self._counted),
            watch=self.watch,
            traces=self.trace,
        )
        worker = house.configuration.worker
        errands = Errands(house, None if worker else self._errand)
        if house.peers is not None:
            house.peers.answer(*errands.peer_routes())
        if worker:
            router = router.with_routes(errands.routes())
        else:
            house.front = Front(
                router,
                lambda: house.configuration,
                lambda: house.tls,
                self._unready,
                reactor=house.reactor,
                wall=house.wall,
                journal=house.journal,
                others=None if house.peers is None else errands,
            )
        self._control = ControlService(
            router,
            house.configuration.node.control,
            reactor=house.reactor,
            journal=house.journal,
            callers=None if house.front is None else house.front.at_socket,
        )
        self._starting: Deferred[None] | None = None
        self._flushing: IDelayedCall | None = None
        self._stopping = False
        self._old_hup: Any = None

    @property
    def journal(self) -> Journal:
        """Where everything is told, Twisted's own log included."""
        return self.house.journal

    def privilegedStartService(self) -> None:
        """Take the ports.

        :raises ListenFault: when one cannot be had; then nothing is held any more.
        """
        try:
            self.house.listeners.bind()
            self.house.reputation.export.bind()
            if self.house.front is not None:
                self.house.front.bind()
        except ListenFault:
            self.house.listeners.stop()
            self.house.spool.close()
            self.house.journal.close()
            raise

    def startService(self) -> None:
        """Start everything, in order; `ready` tells when it listens."""
        super().startService()
        self._flush()
        self._old_hup = on_hangup(self.house.reactor, self._hang_up)
        self._starting = Deferred.fromCoroutine(self._start()).addCallbacks(self.ready.callback, self._not_started)

    def lead(self) -> None:
        """Fetch lists and feeds from now on: of a node's workers, this one is to."""
        self.house.recipients.lead(self.house.configuration)
        self.house.reputation.lead()
        self.watch.lead()
        self.trace.lead()

    def stopService(self) -> Deferred[None]:
        """Stop within the declared time."""
        super().stopService()
        self._stopping = True
        self._reload.stop()
        if self._old_hup is not None:
            signal.signal(signal.SIGHUP, self._old_hup)
        return Deferred.fromCoroutine(self._stop()).addErrback(self._stopped_badly)

    # starting

    async def _start(self) -> None:
        house = self.house
        house.sessions.start()
        house.connections.start()
        domains = list(house.ways)
        for first in range(0, len(domains), PREPARED_AT_ONCE):
            preparing = [self._prepare(domain) for domain in domains[first : first + PREPARED_AT_ONCE]]
            await gatherResults([Deferred.fromCoroutine(each) for each in preparing], consumeErrors=True)
        await house.spool.prepare(NOTICES)
        await house.capacity.start()
        await self.watch.load()
        self._control.startService()
        if house.front is not None:
            house.front.start()
        for way in house.ways.values():
            house.way_maker.bind(way, house.configuration)
            way.queue.start()
        house.notice_queue.start()
        house.shield.start(house.facts, self._hurry)
        house.recipients.start(house.configuration)
        house.reputation.start(house.configuration, house.shield.is_good)
        if house.peers is not None:
            house.peers.start()
        self.domains.start()
        house.listeners.listen(self._doorway)
        house.journal.event(
            "started",
            version=__version__,
            listen=[str(address) for address in house.listeners.addresses()],
            domains=len(house.ways),
            fingerprint=house.configuration.fingerprint,
        )
        house.tell_certificates()
        self.watch.start()
        self.trace.start()
        self.manhole.start()
        self._in_background(self._sweep())
        self._takeover.start()
        self._counted.start()

    async def _prepare(self, domain: str) -> None:
        """Make a domain's place in the spool durable, and go on with the outage that it was in."""
        house = self.house
        await house.spool.prepare(domain)
        since = await house.outages.load(domain)
        if since is not None:
            house.ways[domain].lane.resume_outage(since)

    async def _sweep(self) -> None:
        """Clean up after earlier crashes, and tell of mail for domains that are not protected any more."""
        house = self.house
        for domain in await house.spool.domains():
            await house.spool.sweep(domain)
            if domain not in house.ways and domain != NOTICES:
                await house.spool.window(domain, 1)
                house.orphaned(domain)

    def _not_started(self, failure: Failure) -> None:
        if isinstance(failure.value, FirstError):
            failure = failure.value.subFailure
        self.house.journal.event("bug", where="start", error=str(failure.value), traceback=failure.getTraceback())
        print(f"the node could not start: {failure.value}", file=sys.__stderr__)
        self.failed = True
        self.ready.errback(failure)
        self.ready.addErrback(lambda _told: None)
        self.end(self.house.reactor)

    # stopping

    async def _stop(self) -> None:
        house = self.house
        began = house.reactor.seconds()
        deadline = began + house.configuration.node.stop_timeout
        house.journal.event("stopping", sessions=len(house.sessions), attempts=self._attempts())
        if self._starting is not None:
            await self._starting  # what has begun is begun whole, and then ended whole
        self._control.stopService()
        if house.front is not None:
            await house.front.stop()
        self._takeover.stop()
        self._counted.stop()
        await self.watch.stop()
        await self.trace.stop()
        await self.manhole.stop()
        house.shield.membership.become("leaving")
        await self._drain.stop()
        await self._taking.stop()
        await self.domains.stop()
        if house.peers is not None:
            await house.peers.stop()
        await house.listeners.stop()
        for way in house.ways.values():
            way.queue.stop()
        notices = house.notice_queue.stop()
        await self._until(self._only_idle_are_left, deadline)
        broken_off = len([one for one in self._sessions() if not self._idle(one)]) + self._attempts()
        self._end_sessions(lambda _one: True)
        await self._until(lambda: not len(house.sessions), house.reactor.seconds() + GOODBYE_SECONDS)
        for one in self._sessions():
            one.break_off()
        await notices
        await self._close(broken_off, began)

    async def _close(self, broken_off: int, began: float) -> None:
        house = self.house
        house.sessions.stop()
        house.capacity.stop()
        await house.shield.stop()
        house.reputation.stop()
        await house.recipients.stop()
        closing = [way.close() for way in house.all_ways()]
        await self._until(lambda: all(one.called for one in closing), house.reactor.seconds() + GOODBYE_SECONDS)
        house.connections.stop()
        await DeferredList(house.outages.written(), consumeErrors=True)
        await house.threads.stop()
        house.spool.close()
        seconds = round(house.reactor.seconds() - began, 2)
        house.journal.event("stopped", seconds=seconds, broken_off=broken_off)
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        house.journal.close()

    def _stopped_badly(self, failure: Failure) -> None:
        """Tell a bug of the stop: nobody writes the journal after it."""
        self._bug(failure)
        self.house.journal.close()

    def _only_idle_are_left(self) -> bool:
        """Tell idle clients to go; say whether nobody else is left."""
        self._end_sessions(self._idle)
        return not len(self.house.sessions) and not self._attempts()

    def _end_sessions(self, which: Callable[[InboundConnection], bool]) -> None:
        for one in self._sessions():
            if which(one):
                one.end("the node stops", SHUTTING_DOWN)

    def _sessions(self) -> list[InboundConnection]:
        return [one for one in self.house.sessions.everyone() if isinstance(one, InboundConnection)]

    def _hurry(self) -> None:
        for one in self._sessions():
            one.hurry()

    def _idle(self, one: InboundConnection) -> bool:
        return not one.in_transaction

    def _attempts(self) -> int:
        return sum(way.lane.slots.used for way in self.house.all_ways())

    async def _until(self, done: Callable[[], bool], deadline: float) -> None:
        """Wait until it is done, or the time is over."""
        reactor = self.house.reactor
        while not done() and reactor.seconds() < deadline:
            look: Deferred[None] = Deferred()
            reactor.callLater(LOOK_SECONDS, look.callback, None)
            await look

    async def _errand(self, octets: bytes) -> Response:
        """Answer what another node asks for a caller of its own."""
        assert self.house.front is not None
        return await self.house.front.warden.errand(octets)

    def _unready(self) -> str:
        """Say why the node wants no traffic now."""
        if self._stopping:
            return "the node stops"
        if not self.ready.called or self.failed:
            return "the node starts"
        if self._drain.wanted:
            return "the node is out of service"
        if self.house.capacity.headroom.level is Level.REFUSE:
            return f"the spool: {self.house.capacity.headroom.reason}"
        return ""

    # while it runs

    def _flush(self) -> None:
        self.house.journal.flush()
        self._flushing = self.house.reactor.callLater(FLUSH_SECONDS, self._flush)

    def _hang_up(self) -> None:
        """SIGHUP: open the journal's file anew, and read the configuration again."""
        if not self._stopping:
            self.house.journal.reopen()
            self._in_background(self._reload.hang_up())

    def _in_background(self, work: Coroutine[Deferred[Any], Any, object]) -> None:
        Deferred.fromCoroutine(work).addErrback(self._cut_short).addErrback(self._bug)

    def _cut_short(self, failure: Failure) -> None:
        """End work in the background whose node stopped meanwhile; what is left is done after the next start."""
        failure.trap(ThreadsStopped)

    def _bug(self, failure: Failure) -> None:
        self.house.journal.event("bug", where="service", error=str(failure.value), traceback=failure.getTraceback())
