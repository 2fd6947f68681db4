"""Several members' lanes to one customer's server, meeting in one hub under one clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.fellowship import RAMPS, Fellowship
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.exchange import Exchange
from shieldrelay.cluster.hub import Card, News, Report
from shieldrelay.cluster.memory_hub import MemoryHub
from shieldrelay.cluster.table import Table
from shieldrelay.delivery.breaker import Breaker, State
from shieldrelay.delivery.hearsay import View
from shieldrelay.delivery.lane import Lane, Machines
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.ramp import Ramp
from shieldrelay.delivery.route import Route
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Precedence, Recipient
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.ports import Attempt
from shieldrelay.spool.content import MemoryContent
from shieldrelay.testing.hop import FakeNextHop, down, taken
from shieldrelay.testing.journal import ListJournal

DOMAIN = "example.test"
EPOCH = 1_800_000_000.0
_RECIPIENTS = (Recipient(parse_mailbox(b"alice@example.test")),)
_NUMBERS = count()


def attempt() -> Attempt:
    """Give an attempt for one recipient."""
    envelope = Envelope(parse_mailbox(b"s@sender.test"), _RECIPIENTS)
    message = Message(f"m{next(_NUMBERS)}", 0.0, DOMAIN, envelope)
    return Attempt(message, _RECIPIENTS, MemoryContent((b"Subject: x\r\n\r\n",), ascii_header=True))


@define(eq=False)
class Wire:
    """A member's way to the hub, which can be cut.

    :ivar cut: whether it is.
    """

    hub: MemoryHub
    cut: bool = False
    alone: bool = False

    def exchange(self, report: Report) -> Deferred[News]:
        """Meet the hub, or not."""
        return fail(OSError("no route")) if self.cut else self.hub.exchange(report)

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        """Likewise."""
        return fail(OSError("no route")) if self.cut else self.hub.meet(card)

    def leave(self, member: str) -> Deferred[None]:
        """Likewise."""
        return fail(OSError("no route")) if self.cut else self.hub.leave(member)


@define(eq=False)
class Downtimes:
    """Notes what a lane writes into its ledger: kind, and when, on the clock."""

    clock: Clock
    lines: list[tuple[str, float]] = field(factory=list)

    def down(self, domain: str, seconds_ago: float) -> None:
        """Note the beginning of an outage."""
        self.lines.append(("down", round(self.clock.seconds() - seconds_ago, 3)))

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """Note its end."""
        self.lines.append(("up", round(self.clock.seconds() - seconds_ago, 3)))


class Member:
    """One member: a lane, a backlog that is only counted, and its part of the shared view."""

    def __init__(
        self, name: str, hub: MemoryHub, clock: Clock, connections: int, pace: Pace | None, probe: float
    ) -> None:
        self.name = name
        self.clock = clock
        self.journal = ListJournal()
        self.hop = FakeNextHop()
        self.downtimes = Downtimes(clock)
        self.wire = Wire(hub)
        self.backlog = 0
        self.waiting_probe = False
        self.probes: list[float] = []
        self.results: list[AttemptResult] = []
        self.spooled = 0
        self._pumping = self._again = False
        numbers = count()
        wall = self.wall
        decisions = Decisions(wall, lambda: f"{name}.{next(numbers)}")
        self.exchange = Exchange(self.wire, clock, wall, self.journal, decisions, f"id of {name}")
        ramps = Table(RAMPS)
        self.exchange.add(ramps)
        machines = Machines(
            Breaker(3, probe),
            Ramp(connections),
            Pace(connections) if pace is None else pace,
            None,
            Route((1,)),
        )
        self.lane = Lane(
            DOMAIN, [self.hop], machines, self.downtimes, slot_wait=0.1, clock=clock, journal=self.journal
        )
        self.lane.backlog_due = lambda precedence=None: self.backlog > 0 and precedence is not Precedence.KNOWN_GOOD
        self.lane.changed = self.pump
        self.lane.watch.waits = lambda: self.backlog
        fellowship = Fellowship(decisions, self.exchange.stakes, ramps, clock, wall, name, lambda _domain: self.lane)
        fellowship.join(self.lane)
        self.exchange.start()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.clock.seconds()

    @property
    def state(self) -> State:
        """The breaker's."""
        return self.lane.machines.breaker.state

    @property
    def view(self) -> View:
        """What it takes to be true."""
        return self.lane.watch.hearsay.view

    @property
    def told(self) -> list[str]:
        """The states of the breaker in the journal, in order."""
        return [str(fields["state"]) for name, fields in self.journal.events if name == "breaker"]

    def pump(self) -> None:
        """Deliver the backlog as far as the lane lets it, or probe with it."""
        self._again = True
        if self._pumping:
            return
        self._pumping = True
        while self._again:
            self._again = False
            self._start()
        self._pumping = False

    def _start(self) -> None:
        while self.backlog:
            probe = self.lane.probe_wanted()
            if not probe and not self.lane.backlog_room():
                break
            running = self.lane.begin(attempt(), probe=probe)
            if running is None:
                break
            if probe:
                self.probes.append(self.clock.seconds())
            self.backlog -= 1
            running.addCallback(self._ended)

    def _ended(self, result: AttemptResult) -> None:
        if result.health.is_fault:
            self.backlog += 1

    def offer(self) -> bool:
        """Offer new mail; whether it is on its way, or in line."""
        offered = self.lane.offer(attempt())
        if offered is None:
            self.spool()
            return False
        offered.addCallback(self._offered)
        return True

    def _offered(self, result: AttemptResult) -> None:
        self.results.append(result)
        if any(outcome.reply is None for outcome in result.outcomes):
            self.spool()

    def spool(self) -> None:
        """Put a message into the backlog."""
        self.spooled += 1
        self.backlog += 1
        self.pump()

    def kill(self) -> None:
        """Be gone, without a word, and all connections with it."""
        self.wire.cut = True
        self.exchange.stop()
        self.lane.stop()
        self.backlog = 0
        self.hop.held.clear()
        self.hop.idle = 0


class FellowsCase(SynchronousTestCase):
    """Members that share a server."""

    def members(
        self, number: int, connections: int = 20, pace: Callable[[], Pace] | None = None, probe: float = 60.0
    ) -> list[Member]:
        """Make some."""
        self.clock = Clock()
        self.hub = MemoryHub([RAMPS], self.clock, lambda: EPOCH + self.clock.seconds(), alone=False)
        self.connections = connections
        made = [self.member(f"node{index}", None if pace is None else pace(), probe) for index in range(number)]
        self.run_for(1)
        return made

    def member(self, name: str, pace: Pace | None = None, probe: float = 60.0) -> Member:
        """Make one more."""
        return Member(name, self.hub, self.clock, self.connections, pace, probe)

    def run_for(self, seconds: float, each: Callable[[], object] = bool) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.05)):
            each()
            self.clock.advance(0.05)


__all__ = ["FellowsCase", "Member", "State", "View", "down", "taken"]
