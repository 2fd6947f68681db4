"""Inbound sessions over real sockets: what memory transports cannot show."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.testing.authority import Authority
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.doorway import Doorway
from shieldrelay.wire.listeners import ListenAddress, Listeners
from shieldrelay.wire.tls_server import ServerTls, ServerTlsSettings
from tests.wire.inbound_fixture import HELLO_WORLD, MAIL, OPENING, RCPT, Client, World

reactor: Any = the_reactor
FLOOD = 12_000
"""HELP so often: the replies are more than the kernel's buffers hold, which are made small."""


class SocketTests(TestCase):
    """A world that listens on the loopback interface."""

    timeout = 60

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        files = CertificateFiles(*Authority(now=time.time()).issue("mx.test").write(directory / "crt", directory / "k"))
        self.world = World(clock=reactor, tls=ServerTls(ServerTlsSettings("mx.test", directory, files), time.time))
        self.world.door = Doorway(self.world.tools, reactor)
        self.listeners = Listeners(reactor, [ListenAddress("127.0.0.1", 0)])
        self.listeners.bind()
        self.listeners.listen(self.world.door)

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.listeners.stop()
        for session in self.world.sessions.everyone():
            session.break_off()  # type: ignore[attr-defined]
        await self.until(lambda: not len(self.world.sessions))
        self.world.sessions.stop()

    async def until(self, condition: Any) -> None:
        """Let the reactor turn until something holds; the time limit ends what never does."""
        while not condition():
            await deferLater(reactor, 0.005, lambda: None)

    async def client(self) -> Client:
        """Connect and read the greeting."""
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", self.listeners.addresses()[0].port)
        connected: Deferred[Any] = connectProtocol(endpoint, Client())
        client: Client = await connected
        await self.until(lambda: client.octets)
        return client

    async def test_a_whole_session(self) -> None:
        """Commands in one segment and content in another come to a message, and QUIT closes."""
        client = await self.client()
        client.say(OPENING + b"DATA\r\n")
        await self.until(lambda: 354 in client.codes)
        client.say(HELLO_WORLD + b".\r\nQUIT\r\n")
        await self.until(lambda: client.lost)
        self.assertEqual((client.codes[-2:], len(self.world.taken)), ([250, 221], 1))
        await self.until(self.world.ended)
        self.assertEqual(self.world.ended(), ["quit"])

    async def flood(self, client: Client) -> None:
        """Read nothing, say HELP without end; then read everything."""
        session: Any = self.world.sessions.everyone()[0]
        client.transport.pauseProducing()
        client.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        session.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
        client.say(b"EHLO client.test\r\n" + b"HELP\r\n" * FLOOD)
        counters, said = session._receiver.counters, -1
        while said != counters.commands:
            said = counters.commands
            await deferLater(reactor, 0.2, lambda: None)
        self.assertTrue(session._unread.too_much)
        transport = session.transport
        self.assertLess(len(transport.dataBuffer) + transport._tempDataLen, 300_000)
        self.assertLess(session._receiver._session.inbox.unread, 300_000)
        client.transport.resumeProducing()
        await self.until(lambda: client.octets.count(b"214 ") == FLOOD)
        client.say(b"QUIT\r\n")
        await self.until(lambda: client.lost)
        self.assertIn(b"221 ", client.octets[-60:])

    async def test_a_client_that_does_not_read(self) -> None:
        """It is answered no more, is not read, costs a bounded memory, and goes on where it stopped."""
        await self.flood(await self.client())

    async def test_a_client_that_does_not_read_within_tls(self) -> None:
        """The same within TLS."""
        client = await self.client()
        client.say(b"STARTTLS\r\n")
        await self.until(lambda: len(client.codes) == 2)
        client.transport.startTLS(CertificateOptions())
        session: Any = self.world.sessions.everyone()[0]
        await self.until(lambda: session._receiver.tls)
        await self.flood(client)

    async def test_octets_in_the_clear_instead_of_a_handshake(self) -> None:
        """A client that goes on in the clear after our 220 gets no answer to it, and its session is lost."""
        client = await self.client()
        client.say(b"STARTTLS\r\n")
        await self.until(lambda: len(client.codes) == 2)
        client.say(MAIL)
        await self.until(lambda: client.lost)
        await self.until(self.world.ended)
        self.assertEqual((client.codes, len(self.world.journal.named("tls_failed"))), ([220, 220], 1))

    async def test_messages_without_shortcuts(self) -> None:
        """With direct writes switched off a session is the same."""
        self.world.tools.direct_writes = False
        client = await self.client()
        client.say(OPENING + b"BDAT 5 LAST\r\nhello" + MAIL + RCPT + b"BDAT 5 LAST\r\nhelloQUIT\r\n")
        await self.until(lambda: client.lost)
        self.assertEqual(client.codes, [220] + [250] * 7 + [221])
