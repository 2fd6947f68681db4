"""A `PooledNextHop` and a scripted server on the loopback interface, for tests of `wire.outbound`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Recipient
from shieldrelay.mail.outcome import AttemptResult, Fate
from shieldrelay.ports import BLOCK_OCTETS, Attempt, Content
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.nexthop import ScriptedNextHop
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.outbound_settings import OutboundSettings, TlsPolicy

reactor: Any = the_reactor
ALICE = Recipient(parse_mailbox(b"alice@example.com"))
GHOST = Recipient(parse_mailbox(b"ghost@example.com"))
LETTER = b"From: s@sender.example\r\n\r\nhello\r\n"


class MemoryContent:
    """Content in memory, in these blocks."""

    ascii_header = True

    def __init__(self, *blocks: bytes) -> None:
        self.blocks: tuple[bytes, ...] | None = blocks
        self.size = sum(len(block) for block in blocks)

    def open(self) -> BlockReader:
        """Begin a pass over blocks of the lawful size."""
        return BlockReader(b"".join(self.blocks or ()), -2, None)


class FileContent:
    """Content that must be read.

    :param fails_at: the read that fails, from 0; -1: opening fails; -2: none.
    :param clock: answer with Deferreds, every second one fired already; ``None``: answer at once.
    """

    ascii_header = True
    blocks: tuple[bytes, ...] | None = None

    def __init__(self, octets: bytes, fails_at: int = -2, clock: Any = None) -> None:
        self.size = len(octets)
        self.readers: list[BlockReader] = []
        self._octets = octets
        self._fails_at = fails_at
        self._clock = clock

    def open(self) -> BlockReader:
        """Begin a pass."""
        if self._fails_at == -1:
            raise OSError("no such file")
        reader = BlockReader(self._octets, self._fails_at, self._clock)
        self.readers.append(reader)
        return reader


class BlockReader:
    """One pass."""

    def __init__(self, octets: bytes, fails_at: int, clock: Any) -> None:
        self.closed = False
        self._octets = octets
        self._position = 0
        self._reads = 0
        self._fails_at = fails_at
        self._clock = clock

    def read(self) -> bytes | Deferred[bytes]:
        """Give the next block."""
        number, self._reads = self._reads, self._reads + 1
        if number == self._fails_at:
            if self._clock is None:
                raise OSError("input/output error")
            return fail(OSError("input/output error"))
        block = self._octets[self._position : self._position + BLOCK_OCTETS]
        self._position += BLOCK_OCTETS
        if self._clock is None:
            return block
        return succeed(block) if number % 2 else deferLater(self._clock, 0, lambda: block)

    def close(self) -> None:
        """Let go."""
        self.closed = True


class TableResolver:
    """A resolver with a table.

    :ivar answer: what every question gets instead, when set.
    """

    def __init__(self) -> None:
        self.addresses_of: dict[str, Sequence[str]] = {}
        self.answer: Deferred[Sequence[str]] | None = None

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        """Look up."""
        if self.answer is not None:
            return self.answer
        found = self.addresses_of.get(host)
        return succeed(found) if found else fail(OSError("no such name"))

    def mail_exchangers(self, domain: str) -> Deferred[Sequence[str]]:
        """Give the implicit one."""
        return succeed((domain,))


def attempt_for(
    content: Content, *recipients: Recipient, envid: bytes | None = None, on_dot: Callable[[], object] | None = None
) -> Attempt:
    """Build an attempt for alice, unless told otherwise."""
    wanted = recipients or (ALICE,)
    envelope = Envelope(parse_mailbox(b"s@sender.example"), wanted, envid=envid)
    return Attempt(Message("m1", 0.0, "example.com", envelope), wanted, content, on_dot)


class NextHopFixture(TestCase):
    """A server that is up, and a next hop that leads to it.

    :ivar strict: whether the server must find no fault with us at the end.
    """

    tls_options: object | None = None

    def setUp(self) -> None:
        """Bring the server up."""
        self.journal = ListJournal()
        self.resolver = TableResolver()
        self.server = ScriptedNextHop(reactor, tls=self.tls_options)
        self.server.up()
        self.deadlines = Deadlines(reactor, self.journal)
        self.deadlines.start()
        self.next_hop = self.another()

    async def tearDown(self) -> None:  # type: ignore[override]
        """Leave nothing behind, and see that the server has nothing against us."""
        await self.next_hop.stop()
        self.deadlines.stop()
        self.assertEqual(len(self.deadlines), 0)
        await self.server.down()
        self.assertEqual(self.server.violations, [])

    def another(self, host: str = "127.0.0.1", tls: TlsPolicy | None = None, **settings: Any) -> PooledNextHop:
        """Build a next hop that leads to the server."""
        return PooledNextHop(
            reactor,
            host,
            self.server.port,
            resolver=self.resolver,
            settings=OutboundSettings("relay.example", **settings),
            deadlines=self.deadlines,
            journal=self.journal,
            tls=tls,
        )

    def deliver(self) -> Deferred[AttemptResult]:
        """Offer a small letter to alice."""
        return self.next_hop.attempt(attempt_for(MemoryContent(LETTER)))

    def fates(self, result: AttemptResult) -> list[Fate]:
        """Give the fates in order."""
        return [outcome.fate for outcome in result.outcomes]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the reactor turn until something holds; trial's timeout ends what never does."""
        while not condition():
            await deferLater(reactor, 0, lambda: None)
