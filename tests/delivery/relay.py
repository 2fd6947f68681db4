"""One domain's whole delivery but for the sockets: acceptance, lane and queue over the real spool, under one clock."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from itertools import count
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.acceptance import Acceptance, Way
from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.breaker import Breaker
from shieldrelay.delivery.guard import BounceGuard
from shieldrelay.delivery.holding import Draft, Holding, MemoryBudget
from shieldrelay.delivery.lane import Lane, Machines
from shieldrelay.delivery.notices import Disposition
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.queue import Lifetimes, Queue
from shieldrelay.delivery.ramp import Ramp
from shieldrelay.delivery.refusals import RefusedRecipients
from shieldrelay.delivery.route import Route
from shieldrelay.delivery.schedule import Schedule
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.dsn import ReportedRecipient
from shieldrelay.mail.envelope import Envelope, Message, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Content, ThreadRunner, WallClock
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.ledger import Change, Ledger, overlap
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.name import NOTICES
from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.hop import FakeNextHop
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import HeldThreads, ImmediateThreads

DOMAIN = "example.test"
EPOCH = 1_800_000_000.0
DAY = 86400.0
BODY = b"Subject: hello\r\n\r\nbody of %s\r\n"
_WRITING = ("create", "write", "fsync", "link", "fsync_directory", "set_due", "rename")
_REMOVING = ("unlink",)
_READING = ("open", "read")


class TroubledDisk(FileOperations):
    """The real disk, some of whose steps fail while they are told to.

    :ivar failing: by the name of the step, with which error.
    """

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}

    def full(self) -> None:
        """Have no space left."""
        self.failing = dict.fromkeys(_WRITING, errno.ENOSPC)

    def broken(self) -> None:
        """Write nothing and remove nothing."""
        self.failing = dict.fromkeys((*_WRITING, *_REMOVING), errno.EROFS)

    def crowded(self) -> None:
        """Have no descriptor left for reading."""
        self.failing = dict.fromkeys((*_READING, "scan"), errno.EMFILE)

    def well(self) -> None:
        """Obey again."""
        self.failing = {}

    def __getattribute__(self, name: str) -> Any:
        failing = object.__getattribute__(self, "__dict__").get("failing", {})
        if name in failing:
            number = failing[name]

            def fail(*_args: object) -> None:
                raise OSError(number, os.strerror(number))

            return fail
        return super().__getattribute__(name)


class SpooledNotices:
    """Tells every sender: puts a notice for each into the spool, and fails when the disk does."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._numbers = count()

    async def tell(self, message: Message, reported: Sequence[ReportedRecipient], content: Content) -> Disposition:
        """Store a notice."""
        notice = evolve(message, id=f"N{next(self._numbers)}", domain=NOTICES)
        await self._spool.store(notice, MemoryContent((b"Subject: not delivered\r\n\r\n",)), due=message.arrived)
        return Disposition.STORED


class MemoryLedger:
    """Down-times, as the assembly keeps them, in memory only."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self.ledger = Ledger()

    def down(self, domain: str, seconds_ago: float) -> None:
        """Note that an outage began."""
        self.ledger = self.ledger.noting(Change.DOWN, self._wall() - seconds_ago)

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """Note that it is over."""
        self.ledger = self.ledger.noting(Change.UP, self._wall() - seconds_ago)

    def overlap(self, since: float, until: float) -> float:
        """Give the down-time within."""
        return overlap(self.ledger, since, until)


class DomainRelay:
    """One protected domain.

    :param root: the spool's directory; a second relay over the same one is a restart.
    """

    def __init__(
        self,
        root: str,
        hop: FakeNextHop,
        *,
        name: str = DOMAIN,
        beside: DomainRelay | None = None,
        connections: int = 20,
        pace: Pace | None = None,
        window: int = 2000,
        threads: ThreadRunner | None = None,
        lifetimes: Lifetimes | None = None,
        delays: tuple[float, ...] = (60.0, 120.0, 300.0),
    ) -> None:
        self.name = name
        self.hop = hop
        self.clock: Clock = Clock() if beside is None else beside.clock
        self.step = 0.0
        self.disk: TroubledDisk = TroubledDisk() if beside is None else beside.disk
        self.journal: ListJournal = ListJournal() if beside is None else beside.journal
        self.memory = RefusedRecipients()
        self.ledger = MemoryLedger(self.wall)
        self.spool: Spool = beside.spool if beside is not None else self._spool(root, threads)
        done(self.spool.prepare(name), threads)
        self.aftermath = Aftermath(SpooledNotices(self.spool), self.memory, self.clock)
        self.lane = self.make_lane(connections, pace)
        self.schedule = Schedule(delays, jitter=0.0)
        self.lifetimes = Lifetimes(7 * DAY, 30 * DAY) if lifetimes is None else lifetimes
        self.queue = Queue(
            name,
            self.spool,
            self.lane,
            self.aftermath,
            self.ledger,
            schedule=self.schedule,
            lifetimes=self.lifetimes,
            clock=self.clock,
            wall=self.wall,
            rnd=lambda: 0.5,
            journal=self.journal,
            window=BacklogWindow(window),
        )
        self.bind(self.lane)

    def _spool(self, root: str, threads: ThreadRunner | None) -> Spool:
        os.makedirs(root, mode=0o700, exist_ok=True)
        runner = ImmediateThreads() if threads is None else threads
        spool = Spool(
            root, "node1", threads=runner, journal=self.journal, wall_clock=self.wall, operations=self.disk
        )  # fmt: skip
        spool.open()
        done(spool.prepare(NOTICES), runner)
        return spool

    def make_lane(self, connections: int = 20, pace: Pace | None = None, hop: FakeNextHop | None = None) -> Lane:
        """Make a lane with machines of its own."""
        machines = Machines(
            Breaker(failures=3, probe=60.0),
            Ramp(connections),
            Pace(connections) if pace is None else pace,
            BounceGuard(),
            Route((1,)),
        )
        hops = [self.hop if hop is None else hop]
        return Lane(self.name, hops, machines, self.ledger, slot_wait=0.1, clock=self.clock, journal=self.journal)

    def bind(self, lane: Lane) -> None:
        """Let a lane serve the backlog."""
        self.lane = lane
        lane.backlog_due = self.queue.has_due
        lane.changed = self.queue.pump

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.clock.seconds() + self.step

    def acceptance(self, *others: DomainRelay, inline: bool = True, wait: float = 10.0) -> Acceptance:
        """Make the acceptance of this domain and others beside it."""
        ways = {one.name: Way(one.lane, one.queue) for one in (self, *others)}
        return Acceptance(
            ways,
            self.spool,
            self.aftermath,
            inline=inline,
            wait=wait,
            clock=self.clock,
            wall=self.wall,
            journal=self.journal,
        )

    def accept(self, message: Message, *, inline: bool = True) -> Deferred[Reply]:
        """Accept a message whose content is in memory."""
        holding = self.holding(message)
        holding.begin(BODY % message.id.encode())
        return self.acceptance(inline=inline).accept([message], holding, holding.content(ascii_header=True))

    def holding(self, message: Message, in_memory: int = 100_000, budget: MemoryBudget | None = None) -> Holding:
        """Make a holding for a message."""
        return Holding(message, MemoryBudget(1 << 20) if budget is None else budget, in_memory, self.open_draft)

    def open_draft(self, message: Message) -> Deferred[Draft]:
        """Begin a draft."""
        return self.spool.draft(message).addCallback(lambda draft: draft)

    def store(self, *messages: Message, due: float | None = None) -> list[Entry]:
        """Put messages into the spool behind the queue's back, as an earlier run left them."""
        return [
            done(
                self.spool.store(one, MemoryContent((BODY % one.id.encode(),)), due=one.arrived if due is None else due)
            )
            for one in messages
        ]

    def files(self, directory: str = "new", part: str | None = None) -> list[str]:
        """Give the names in a directory of the spool."""
        return sorted(os.listdir(f"{self.spool.path}/{part or self.name}/{directory}"))

    def spooled(self) -> list[str]:
        """Give the ids of what is spooled."""
        return [name.split(".")[1].split(",")[0] for name in self.files()]

    def records(self) -> list[Record]:
        """Read everything that is spooled."""
        return [done(self.spool.load(entry)) for entry in done(self.spool.window(self.name, 1000)).entries]

    def offered(self) -> list[str]:
        """Give the ids of what was offered to the next hop, in order."""
        return [attempt.message.id for attempt in self.hop.attempts]


class RelayTests(SynchronousTestCase):
    """A relay on a directory of its own for each test."""

    def relay(self, hop: FakeNextHop | None = None, **options: Any) -> DomainRelay:
        """Make one; a second one over the same directory is a restart."""
        relay = getattr(self, "_relay", None)
        if relay is not None and "beside" not in options:
            relay.queue.stop()
            relay.spool.close()
        if relay is None:
            self.root = self.mktemp()
        relay = DomainRelay(self.root, FakeNextHop() if hop is None else hop, **options)
        if "beside" not in options:
            self._relay = relay
            self.addCleanup(relay.spool.close)
        return relay

    def answered(self, reply: Deferred[Reply]) -> int:
        """Give the code that the client has got."""
        return self.successResultOf(reply).code


def a_message(
    id: str = "M1",
    recipients: Sequence[str] = ("bob",),
    arrived: float = EPOCH,
    domain: str = DOMAIN,
    sender: bytes = b"carol@elsewhere.test",
) -> Message:
    """Make a message."""
    everyone = tuple(Recipient(parse_mailbox(f"{local}@{domain}".encode())) for local in recipients)
    return Message(id, arrived, domain, Envelope(parse_mailbox(sender), everyone))


def content_of(content: Content) -> bytes:
    """Read a whole content."""
    octets, reader = b"", content.open()
    while block := done(reader.read()):
        octets += block
    return octets


def done(result: Any, threads: Any = None) -> Any:
    """Give what a Deferred fired with, or raise what it failed with; held threads are let go first."""
    if isinstance(threads, HeldThreads):
        threads.go_on()
    if not isinstance(result, Deferred):
        return result
    found: list[Any] = []
    result.addBoth(found.append)
    if not found:
        raise AssertionError("the Deferred has not fired")
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]
