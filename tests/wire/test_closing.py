"""Closing at once, and the transport made with less ado: what they lean on in Twisted, over real sockets."""

from __future__ import annotations

import select
import socket
import struct
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.closing import close_now
from shieldrelay.wire.direct import direct_writer
from shieldrelay.wire.server_transport import ServerTransport

reactor: Any = the_reactor


class Told(Protocol):
    """A protocol that keeps why its connection ended."""

    def __init__(self) -> None:
        self.reasons: list[Failure] = []
        self.octets = b""

    def dataReceived(self, data: bytes) -> None:
        self.octets += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason)


class ClosingTests(SynchronousTestCase):
    """One real connection, turned by hand."""

    def setUp(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listening.getsockname(), timeout=5)
        ours, _peer = listening.accept()
        listening.close()
        self.protocol = Told()
        self.transport: Any = ServerTransport(ours, self.protocol, ("192.0.2.9", 4711), reactor)
        self.protocol.makeConnection(self.transport)
        self.addCleanup(self.client.close)

    def tearDown(self) -> None:
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(len(self.protocol.reasons), 1)
        self.assertNotIn(self.transport, reactor.getReaders() + reactor.getWriters())

    def test_reading_gives_octets_then_the_end(self) -> None:
        """What came goes to the protocol, nothing is no trouble, and the client's end is told."""
        self.assertIsNone(self.transport.doRead())
        self.client.send(b"QUIT")
        select.select([self.transport], [], [], 5)
        self.assertEqual((self.transport.doRead(), self.protocol.octets), (None, b"QUIT"))
        self.client.shutdown(socket.SHUT_WR)
        select.select([self.transport], [], [], 5)
        self.assertIs(self.transport.doRead(), CONNECTION_DONE)

    def test_a_reset_is_a_loss(self) -> None:
        """A connection that the client broke off is told to be lost."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()
        select.select([self.transport], [], [], 5)
        self.assertIs(self.transport.doRead(), CONNECTION_LOST)

    def test_the_reply_and_the_end_come_at_once(self) -> None:
        """What was written directly is followed by the end, without a turn of the reactor."""
        direct_writer(self.transport)(b"221 Bye\r\n")
        self.assertTrue(close_now(self.transport, polite=True))
        self.assertEqual((self.client.recv(100), self.client.recv(100)), (b"221 Bye\r\n", b""))
        self.assertTrue(self.protocol.reasons[0].check(ConnectionDone))
        self.assertFalse(close_now(self.transport, polite=True))

    def test_what_was_not_read_resets_nothing(self) -> None:
        """Octets that we never looked at do not cost the client our reply, nor an orderly end."""
        self.client.sendall(b"x" * 1000)
        select.select([self.transport], [], [], 5)
        direct_writer(self.transport)(b"421 Bye\r\n")
        self.assertTrue(close_now(self.transport, polite=False))
        self.assertEqual((self.client.recv(100), self.client.recv(100)), (b"421 Bye\r\n", b""))

    def test_what_is_buffered_goes_out_first(self) -> None:
        """With octets in Twisted's buffers nothing is closed here."""
        self.transport.write(b"x")
        self.assertFalse(close_now(self.transport, polite=True))
        self.transport.doWrite()
        self.assertEqual(self.client.recv(100), b"x")
        self.assertTrue(close_now(self.transport, polite=True))

    def test_a_partial_write_is_not_lost(self) -> None:
        """A reply that the kernel did not take whole is still written, and then the connection ends."""
        write = direct_writer(self.transport)
        sent = 0
        while not self.transport._tempDataBuffer:
            write(b"y" * 100_000)
            sent += 100_000
        self.assertFalse(close_now(self.transport, polite=True))
        self.transport.loseConnection()
        read = 0
        while read < sent:
            if self.transport.connected and select.select([], [self.transport], [], 0)[1]:
                self.assertNotIsInstance(self.transport.doWrite(), OSError)
            read += len(self.client.recv(1 << 20))
        self.assertEqual(read, sent)

    def test_it_is_left_alone(self) -> None:
        """TLS, a connection that is closing already, and what is no socket of Twisted's are closed by Twisted."""
        self.transport.TLS = True
        self.assertFalse(close_now(self.transport, polite=True))
        self.transport.TLS = False
        self.transport.loseConnection()
        self.assertFalse(close_now(self.transport, polite=True))
        self.assertFalse(close_now(StringTransport(), polite=True))

    def test_the_transport_is_read(self) -> None:
        """It reads from its making on, and tells its protocol."""
        self.assertIn(self.transport, reactor.getReaders())
        self.client.sendall(b"EHLO\r\n")
        select.select([self.transport], [], [], 5)
        self.assertIsNone(self.transport.doRead())
        self.assertEqual(self.protocol.octets, b"EHLO\r\n")
        self.client.close()
        select.select([self.transport], [], [], 5)
        self.assertIsInstance(self.transport.doRead(), ConnectionDone)

    def test_the_transport_knows_its_client(self) -> None:
        """Its peer is whom it was told, as Twisted's address; its host is where we listen."""
        self.assertEqual((self.transport.getPeer().host, self.transport.getPeer().port), ("192.0.2.9", 4711))
        self.assertEqual(self.transport.getHost().host, "127.0.0.1")
        self.transport.client = ("2001:db8::7", 4711)
        self.transport._addressType = IPv6Address
        self.assertEqual(self.transport.getPeer(), IPv6Address("TCP", "2001:db8::7", 4711))
        self.assertEqual((repr(self.transport), self.transport.logPrefix()), ("<ServerTransport>", "smtp"))

    def test_an_abort_is_a_reset(self) -> None:
        """What is broken off is reset, so that nothing of it stays with the kernel."""
        self.transport.connectionLost(Failure(ConnectionAborted()))
        with self.assertRaises(ConnectionResetError):
            self.client.recv(100)
