"""The direct write: order is kept, trouble is left to Twisted, and Twisted is as we know it (D12, R33)."""

from __future__ import annotations

import socket
import time
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.testing.authority import Authority
from shieldrelay.wire.direct import DirectWriter, direct_writer

reactor: Any = the_reactor


class TwistedTests(SynchronousTestCase):
    """What `wire.direct` believes of Twisted."""

    def test_the_buffers_are_where_we_look(self) -> None:
        """Every attribute that the seam reads exists on a fresh transport, empty or false."""
        transport: Any = tcp.Connection(socket.socketpair()[0], Protocol(), reactor)
        self.assertEqual((transport.dataBuffer, transport._tempDataBuffer, transport.producer), (b"", [], None))
        for name in ("connected", "disconnecting", "_writeDisconnecting", "TLS"):
            self.assertFalse(getattr(transport, name), name)
        transport.socket.close()

    def test_write_only_buffers(self) -> None:
        """``write`` puts octets into ``_tempDataBuffer``, and only ``doWrite`` moves them into ``dataBuffer``."""
        ours, theirs = socket.socketpair()
        transport: Any = tcp.Connection(ours, Protocol(), SilentReactor())  # type: ignore[arg-type]
        transport.connected = 1
        FileDescriptor.write(transport, b"abc")
        self.assertEqual((transport._tempDataBuffer, transport.dataBuffer), ([b"abc"], b""))
        transport.doWrite()
        self.assertEqual((theirs.recv(9), transport._tempDataBuffer), (b"abc", []))
        ours.close()
        theirs.close()

    def test_write_some_data_gives_a_number_or_an_exception(self) -> None:
        """The number of octets written, 0 when the socket is full, or an exception when it is broken."""
        ours, theirs = socket.socketpair()
        transport: Any = tcp.Connection(ours, Protocol(), SilentReactor())  # type: ignore[arg-type]
        self.assertEqual(transport.writeSomeData(b"abc"), 3)
        while (written := transport.writeSomeData(b"x" * 65536)) != 0:
            self.assertGreater(written, 0)
        theirs.close()
        self.assertIs(transport.writeSomeData(b"abc"), CONNECTION_LOST)
        ours.close()


class SilentReactor:
    """A reactor that is told who wants to read and write."""

    def addWriter(self, writer: object) -> None:
        """Hear."""

    def removeWriter(self, writer: object) -> None:
        """Hear."""


class SwitchTests(SynchronousTestCase):
    """When the seam is used."""

    def test_foreign_transports_keep_their_write(self) -> None:
        """What is no TCP connection of Twisted's is written to as always, and so is everything with the switch off."""
        transport = StringTransport()
        direct_writer(transport)(b"abc")
        self.assertEqual(transport.value(), b"abc")
        ours, theirs = socket.socketpair()
        connection = tcp.Connection(ours, Protocol(), reactor)
        self.assertEqual(direct_writer(connection, enabled=False), connection.write)
        self.assertIsInstance(direct_writer(connection).__self__, DirectWriter)  # type: ignore[attr-defined]
        ours.close()
        theirs.close()


class StateTests(SynchronousTestCase):
    """Each reason to leave the octets to the transport."""

    def setUp(self) -> None:
        """Build a connected transport over a socket pair."""
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        self.transport: Any = tcp.Connection(ours, Protocol(), SilentReactor())  # type: ignore[arg-type]
        self.transport.connected = 1
        self.write = direct_writer(self.transport)

    def arrived(self) -> bytes:
        """Give what is at the other end."""
        try:
            return self.theirs.recv(1 << 22)
        except BlockingIOError:
            return b""

    def test_nothing_in_the_way(self) -> None:
        """The octets are on the wire when ``write`` returns."""
        self.write(b"abc")
        self.assertEqual((self.arrived(), self.transport._tempDataBuffer), (b"abc", []))

    def test_buffered_octets_go_first(self) -> None:
        """Behind buffered octets, moved or not, nothing overtakes."""
        self.transport.write(b"a")
        self.write(b"b")
        self.assertEqual((self.arrived(), self.transport._tempDataBuffer), (b"", [b"a", b"b"]))
        self.transport.doWrite()
        self.transport.dataBuffer = b"c"
        self.write(b"d")
        self.assertEqual((self.arrived(), self.transport._tempDataBuffer), (b"ab", [b"d"]))

    def test_a_producer_is_respected(self) -> None:
        """With a producer the transport must see every octet, or it would not pause it."""
        self.transport.producer = object()
        self.transport.streamingProducer = False
        self.write(b"abc")
        self.assertEqual((self.arrived(), self.transport._tempDataBuffer), (b"", [b"abc"]))

    def test_closing_connections_are_left_alone(self) -> None:
        """After ``loseConnection`` or ``loseWriteConnection``, and when not connected."""
        for name, value in (("disconnecting", 1), ("_writeDisconnecting", True), ("connected", 0)):
            before = getattr(self.transport, name)
            setattr(self.transport, name, value)
            self.write(b"abc")
            setattr(self.transport, name, before)
            self.assertEqual(self.arrived(), b"", name)

    def test_what_does_not_fit_is_buffered(self) -> None:
        """A partial write leaves its rest, in order."""
        octets = bytes(range(256)) * 16384
        self.write(octets)
        sent = b""
        for _ in range(10000):
            sent += self.arrived()
            if len(sent) == len(octets):
                break
            self.transport.doWrite()
        self.assertEqual(sent, octets)

    def test_errors_are_left_to_the_reactor(self) -> None:
        """A broken connection does not raise: the octets are buffered, and ``doWrite`` meets the error."""
        self.theirs.close()
        self.write(b"abc")
        self.assertEqual(self.transport._tempDataBuffer, [b"abc"])
        self.assertIs(self.transport.doWrite(), CONNECTION_LOST)

    def test_tls_is_never_bypassed(self) -> None:
        """From ``startTLS`` on nothing of ours is written to the socket in plaintext (R33)."""
        options = Authority(now=time.time()).issue("a.test").server_options()
        self.transport._tlsClientDefault = False
        self.transport.protocol.makeConnection(self.transport)
        self.transport.startTLS(options)
        self.write(b"secret")
        self.assertEqual((self.arrived(), self.transport._tempDataBuffer), (b"", []))


class Collector(Protocol):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.octets = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        """Keep."""
        self.octets += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note."""
        self.lost = True


class RealReactorTests(TestCase):
    """With the real reactor behind it."""

    async def test_the_reactor_finishes_what_was_begun(self) -> None:
        """A few megabytes, written in one go and followed by small writes and a close, arrive whole."""
        ours, theirs = socket.socketpair()
        writer, reader = Collector(), Collector()
        here = adopt(ours, writer)
        adopt(theirs, reader)
        write = direct_writer(here)
        octets = bytes(range(256)) * 20000
        write(octets)
        write(b"tail")
        here.loseConnection()
        while not reader.lost:
            await deferLater(reactor, 0, lambda: None)
        self.assertEqual(reader.octets, octets + b"tail")


def adopt(sock: socket.socket, protocol: Protocol) -> tcp.Connection:
    """Give a socket to the reactor."""
    connection = tcp.Connection(sock, protocol, reactor)
    connection.connected = 1
    protocol.makeConnection(connection)
    connection.startReading()
    return connection
