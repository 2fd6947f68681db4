"""`Pump`: octets arrive in order, in any pieces, when the test says so; ends and producers behave as on a socket."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from shieldrelay.testing.authority import Authority
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings, TlsLevel

AUTHORITY = Authority(now=time.time())


class Ear(Protocol):
    """Keeps what it hears, piece by piece."""

    transport: Any

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost: Failure | None = None

    @property
    def heard(self) -> bytes:
        return b"".join(self.pieces)

    def dataReceived(self, octets: bytes) -> None:
        self.pieces.append(octets)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


@implementer(IPushProducer, IPullProducer)
class Source:
    """Writes blocks until it has none left or is paused."""

    def __init__(self, transport: Any, blocks: int, octets: int) -> None:
        self.transport, self.left, self.octets = transport, blocks, octets
        self.paused = self.stopped = False
        self.pauses = 0

    def write_one(self) -> None:
        self.left -= 1
        self.transport.write(b"x" * self.octets)
        if not self.left:
            self.transport.unregisterProducer()

    def push(self) -> None:
        while self.left and not self.paused:
            self.write_one()

    def resumeProducing(self) -> None:
        self.paused = False
        self.push()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def stopProducing(self) -> None:
        self.stopped = True


class PullSource(Source):
    """Writes one block each time it is asked."""

    def resumeProducing(self) -> None:
        self.write_one()


class PumpTests(SynchronousTestCase):
    """Two ears and a wire."""

    def join(self, pieces: Any = None) -> None:
        self.clock = Clock()
        self.client, self.server = Ear(), Ear()
        self.pump = Pump(self.client, self.server, clock=self.clock, pieces=pieces)
        self.pump.start()

    def lost(self, ear: Ear) -> type | None:
        return None if ear.lost is None else type(ear.lost.value)

    def secure(self) -> None:
        tls = ClientTls(ClientTlsSettings(TlsLevel.REQUIRED), ClientContexts())
        self.server.transport.startTLS(AUTHORITY.issue("mx.test").server_options())
        self.client.transport.startTLS(tls.options("mx.test"))

    def test_nothing_moves_by_itself(self) -> None:
        """Octets arrive when the test flushes, not before."""
        self.join()
        self.client.transport.write(b"hello")
        self.assertEqual(self.server.heard, b"")
        self.pump.flush()
        self.assertEqual(self.server.heard, b"hello")

    def test_cuts_as_declared(self) -> None:
        """One size, or several in turn."""
        self.join(pieces=[1, 3])
        self.client.transport.write(b"abcdefgh")
        self.pump.flush()
        self.assertEqual(self.server.pieces, [b"a", b"bcd", b"e", b"fgh"])

    @settings(deadline=None, derandomize=True, max_examples=40)
    @given(st.lists(st.binary(max_size=300), max_size=10), st.lists(st.integers(1, 50), min_size=1, max_size=5))
    def test_pieces_are_invisible_through_tls(self, writes: list[bytes], pieces: list[int]) -> None:
        """Whatever is written arrives whole and in order, through a real handshake in any pieces."""
        self.join(pieces)
        self.secure()
        for octets in writes:
            self.client.transport.write(octets)
        self.pump.flush()
        whole = b"".join(writes)
        self.assertEqual(self.server.heard, whole)
        if len(whole) > 8:
            self.assertNotIn(whole, bytes(self.pump.client.written))

    def test_closes_after_what_was_written(self) -> None:
        """``loseConnection`` sends what there is, then both sides hear of a clean end."""
        self.join(pieces=1)
        self.client.transport.write(b"last words")
        self.client.transport.loseConnection()
        self.pump.flush()
        self.assertEqual(self.server.heard, b"last words")
        self.assertEqual((self.lost(self.client), self.lost(self.server)), (ConnectionDone, ConnectionDone))

    def test_closes_tls(self) -> None:
        """The same through TLS."""
        self.join(pieces=7)
        self.secure()
        self.client.transport.write(b"last words")
        self.client.transport.loseConnection()
        self.pump.flush()
        self.assertEqual(self.server.heard, b"last words")
        self.assertEqual((self.lost(self.client), self.lost(self.server)), (ConnectionDone, ConnectionDone))

    def test_aborts(self) -> None:
        """``abortConnection`` sends nothing more, and the other side hears of a loss."""
        self.join()
        self.client.transport.write(b"never")
        self.client.transport.abortConnection()
        self.pump.flush()
        self.assertEqual(self.server.heard, b"")
        self.assertEqual((self.lost(self.client), self.lost(self.server)), (ConnectionAborted, ConnectionLost))

    def test_is_cut(self) -> None:
        """A cut wire loses what was under way, and both sides hear of it once."""
        self.join()
        self.client.transport.write(b"never")
        self.pump.cut()
        self.pump.cut()
        self.pump.flush()
        self.assertEqual(self.server.heard, b"")
        self.assertEqual((self.lost(self.client), self.lost(self.server)), (ConnectionLost, ConnectionLost))

    def test_holds_back_what_nobody_reads(self) -> None:
        """A paused side gets nothing, and all of it once it resumes."""
        self.join()
        self.server.transport.pauseProducing()
        self.client.transport.write(b"wait")
        self.pump.flush()
        self.assertEqual(self.server.heard, b"")
        self.server.transport.resumeProducing()
        self.pump.flush()
        self.assertEqual(self.server.heard, b"wait")

    def test_pauses_and_resumes_a_producer(self) -> None:
        """A push producer is paused when the wire is full, with TLS and without, and loses nothing."""
        for secured in (False, True):
            self.join()
            if secured:
                self.secure()
                self.pump.flush()
            source = Source(self.client.transport, 100, 10_000)
            self.client.transport.registerProducer(source, True)
            source.push()
            self.assertGreater(source.left, 80)
            self.pump.flush()
            self.assertEqual((len(self.server.heard), source.left), (1_000_000, 0))
            self.assertGreater(source.pauses, 5)

    def test_asks_a_pull_producer(self) -> None:
        """A pull producer is asked whenever the wire is empty."""
        self.join()
        source = PullSource(self.client.transport, 5, 100)
        self.client.transport.registerProducer(source, False)
        self.pump.flush()
        self.assertEqual((len(self.server.heard), source.left), (500, 0))

    def test_stops_the_producer_of_a_lost_connection(self) -> None:
        """Whoever still produces is told to stop."""
        self.join()
        source = Source(self.client.transport, 100, 10_000)
        self.client.transport.registerProducer(source, True)
        self.pump.cut()
        self.assertTrue(source.stopped)

    def test_time_passes_in_ticks(self) -> None:
        """What timers write moves between the ticks."""
        self.join()
        for moment in (1, 2, 3):
            self.clock.callLater(moment, self.client.transport.write, b"%d" % moment)
        self.pump.advance(3, tick=1)
        self.assertEqual(self.server.pieces, [b"1", b"2", b"3"])
