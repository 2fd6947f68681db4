"""`Drain`: takes this process out of service, and back, at an operator's word (D10).

New connections are told 421, so that their senders try the next node; sessions end; what is due is tried once more;
the rest goes to other nodes (`assembly.handover`); then the others see it leaving. The process goes on running, with
its control socket, until it is stopped. What nobody takes stays and is delivered from here, and is offered again.
Nothing of a drain outlives the process. Made by `assembly.service`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from shieldrelay.admin.picture_members import DrainPicture
from shieldrelay.assembly.handover import Handover
from shieldrelay.assembly.house import House
from shieldrelay.smtp.replies import SHUTTING_DOWN
from shieldrelay.spool.name import NOTICES
from shieldrelay.wire.doorway import Doorway
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.threads import ThreadsStopped

DELIVER_SECONDS = 30.0
"""What mail that is due gets to be delivered from here, before it is given away."""
AGAIN_SECONDS = 5.0
"""How long until what nobody took is offered again."""
STOP_SECONDS = 2.0
"""What a message that is on its way to another node gets at the process's end."""
LOOK_SECONDS = 0.1


class Drain:
    """The drain of one process."""

    def __init__(self, house: House, doorway: Doorway) -> None:
        self._house = house
        self._doorway = doorway
        self._phase = ""
        self._since: float | None = None
        self._turn: object = None
        self._hand_over = True
        self._held = 0
        self._trouble = ""
        self._handover: Handover | None = None
        self._work: Deferred[None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether this process is to go out of service."""
        return self._turn is not None

    def begin(self, by: str, *, hand_over: bool) -> None:
        """Begin; when it has begun already, only whether mail is given away changes."""
        self._hand_over = hand_over
        if self.wanted:
            return
        house = self._house
        self._since = house.wall()
        self._doorway.closed = SHUTTING_DOWN
        house.shield.membership.become("draining")
        house.journal.event("drain", state="begun", by=by, hand_over=hand_over, left=self._left())
        self._handover = None if house.peers is None else Handover(house, house.peers, lambda: self._gives)
        before, self._turn = self._work, object()
        self._work = Deferred.fromCoroutine(self._run(self._turn, before)).addErrback(self._bug)

    def resume(self, by: str) -> None:
        """Go back into service."""
        if not self.wanted:
            return
        self._forget()
        self._doorway.closed = None
        self._house.shield.membership.become("up")
        self._house.journal.event("drain", state="ended", by=by, hand_over=self._hand_over, left=self._left())

    async def stop(self) -> None:
        """Give nothing more away: the process stops. What is on its way gets a moment to arrive."""
        self._forget()
        work, reactor = self._work, self._house.reactor
        until = reactor.seconds() + STOP_SECONDS
        while work is not None and not work.called and reactor.seconds() < until:
            await deferLater(reactor, LOOK_SECONDS)
        if work is not None:
            work.cancel()

    def _forget(self) -> None:
        self._turn = self._since = None
        self._phase = self._trouble = ""

    def picture(self) -> DrainPicture:
        """Say how far it is."""
        given = 0 if self._handover is None else self._handover.given
        return DrainPicture(
            self._phase, self._since, self._hand_over, len(self._sessions()), self._left(), given, self._trouble
        )

    @property
    def _gives(self) -> bool:
        return self.wanted and self._hand_over

    async def _run(self, turn: object, before: Deferred[None] | None) -> None:
        """Go on until it is resumed, or begun anew; of two drains the second begins when the first has ended."""
        if before is not None:
            await before

        def going() -> bool:
            return self._turn is turn

        await self._end_sessions(going)
        await self._deliver(going)
        while going():
            await self._count_held()
            if self._gives and self._handover is not None and self._left():
                self._phase = "handing over"
                await self._handover.round()
                await self._count_held()
            if going():
                self._look()
            await self._pause(AGAIN_SECONDS, going)

    async def _end_sessions(self, going: Callable[[], bool]) -> None:
        """Tell idle clients to go, and those that are busy when they have ended; all of them at the end of the time."""
        self._phase = "ending"
        house = self._house
        deadline = house.reactor.seconds() + house.configuration.node.stop_timeout
        while going() and self._sessions():
            late = house.reactor.seconds() >= deadline
            for one in self._sessions():
                if late or not one.in_transaction:
                    one.end("the node is taken out of service", SHUTTING_DOWN)
            await deferLater(house.reactor, LOOK_SECONDS)

    async def _deliver(self, going: Callable[[], bool]) -> None:
        """Let mail that is due go, where a server takes it."""
        if not going():
            return
        self._phase = "delivering"
        house = self._house
        deadline = house.reactor.seconds() + DELIVER_SECONDS
        while going() and house.reactor.seconds() < deadline and self._delivers():
            await deferLater(house.reactor, LOOK_SECONDS)

    def _delivers(self) -> bool:
        ways = self._house.ways.values()
        return any(way.lane.slots.used or (way.lane.machines.breaker.passes and way.queue.has_due()) for way in ways)

    def _look(self) -> None:
        """Say what it has come to; the others see a node with nothing left as leaving."""
        left = self._left()
        before, self._phase = self._phase, "waiting" if left else "drained"
        self._trouble = self._reason() if left else ""
        if not left and self._house.shield.membership.state != "leaving":
            self._house.shield.membership.become("leaving")
            self._house.journal.event("drain", state="drained", by="", hand_over=self._hand_over, left=0)
        elif left and before == "handing over":
            self._house.journal.event("drain", state="waiting", by="", hand_over=True, left=left, reason=self._trouble)

    def _reason(self) -> str:
        if not self._hand_over:
            return "its mail is to be delivered from here"
        if self._handover is None:
            return "this node has no [cluster] key and listen: it can give its mail to nobody"
        return self._handover.trouble

    async def _pause(self, seconds: float, going: Callable[[], bool]) -> None:
        until = self._house.reactor.seconds() + seconds
        while going() and self._house.reactor.seconds() < until:
            await deferLater(self._house.reactor, LOOK_SECONDS)

    async def _count_held(self) -> None:
        self._held = sum([len(await self._house.spool.held(domain)) for domain in await self._house.spool.domains()])

    def _left(self) -> int:
        house = self._house
        return self._held + sum(house.spool.count(name).entries for name in {*house.ways, *house.orphans, NOTICES})

    def _sessions(self) -> list[InboundConnection]:
        return [one for one in self._house.sessions.everyone() if isinstance(one, InboundConnection)]

    def _bug(self, failure: Failure) -> None:
        if not failure.check(ThreadsStopped, CancelledError):
            where, words = "drain", failure.getTraceback()
            self._house.journal.event("bug", where=where, error=repr(failure.value), traceback=words)
