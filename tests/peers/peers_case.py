"""A server and clients of one cluster on the loopback interface, over the real TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.peers.client import PeerClient
from shieldrelay.peers.router import PeerCall, PeerRefusal, PeerRoute, PeerRouter
from shieldrelay.peers.seal import Sealer
from shieldrelay.peers.server import PeerServer
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.tls_peers import PeerTls

reactor: Any = the_reactor
KEY = b"0123456789abcdef" * 2
NOW = 1_800_000_000.0


class Octets(Protocol):
    """Sends octets and keeps what comes; ``ended`` fires when the connection does."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.got = b""
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.octets)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(self.got)


class PeersCase(TestCase):
    """One server.

    :ivar served: what was asked, in order.
    """

    timeout = 20
    with_tls = True

    def setUp(self) -> None:
        self.now = NOW
        self.journal = ListJournal()
        self.served: list[tuple[str, bytes]] = []
        self.bugs: list[str] = []
        self.hanging: Deferred[object] = Deferred()
        self.sealer = Sealer(KEY, "mail")
        self.clients: list[PeerClient] = []
        routes = (
            PeerRoute("GET", "/peer/v1/echo/{word}", self.echo),
            PeerRoute("POST", "/peer/v1/echo/{word}", self.echo),
            PeerRoute("GET", "/peer/v1/long", self.long),
            PeerRoute("GET", "/peer/v1/no", self.no),
            PeerRoute("GET", "/peer/v1/bug", self.bug),
            PeerRoute("GET", "/peer/v1/hang", self.hang),
        )
        router = PeerRouter(routes, lambda route, _bug: self.bugs.append(route))
        self.server = PeerServer(
            router, self.sealer, PeerTls(self.sealer.tls) if self.with_tls else None,
            reactor=reactor, wall=lambda: self.now, journal=self.journal,
        )  # fmt: skip
        self.server.start("127.0.0.1", 0)
        self.address = f"127.0.0.1:{self.server.port}"

    async def tearDown(self) -> None:  # type: ignore[override]
        if not self.hanging.called:
            self.hanging.callback({})
        await self.server.stop()
        await deferLater(reactor, 0.02, lambda: None)
        for client in self.clients:
            await client.stop()

    def client(self, key: bytes = KEY, name: str = "mail", *, ahead: float = 0.0) -> PeerClient:
        """Give a client whose clock is so far ahead."""
        sealer = Sealer(key, name)
        tls = PeerTls(sealer.tls) if self.with_tls else None
        self.clients.append(PeerClient(sealer, tls, reactor=reactor, wall=lambda: self.now + ahead))
        return self.clients[-1]

    async def send(self, octets: bytes) -> bytes:
        """Send octets without TLS; give what comes back until the end."""
        protocol = Octets(octets)
        reactor.connectTCP("127.0.0.1", self.server.port, _Factory(protocol))
        return await protocol.ended

    async def echo(self, call: PeerCall) -> object:
        """Give what was asked."""
        self.served.append((call.path["word"], call.body))
        return {"word": call.path["word"], "octets": len(call.body), **call.query}

    async def long(self, _call: PeerCall) -> object:
        """Give more than an answer may be."""
        return bytes(4 << 20)

    async def no(self, _call: PeerCall) -> object:
        """Refuse."""
        raise PeerRefusal(409, "not today")

    async def bug(self, _call: PeerCall) -> object:
        """Fail."""
        raise ZeroDivisionError

    async def hang(self, _call: PeerCall) -> object:
        """Answer at the end of the test."""
        return await self.hanging


class _Factory:
    """Gives one protocol."""

    noisy = False

    def __init__(self, protocol: Octets) -> None:
        self._protocol = protocol

    def doStart(self) -> None:
        """Begin."""

    def doStop(self) -> None:
        """End."""

    def startedConnecting(self, _connector: object) -> None:
        """Begin to connect."""

    def buildProtocol(self, _address: object) -> Octets:
        """Give it."""
        return self._protocol

    def clientConnectionLost(self, _connector: object, _reason: object) -> None:
        """End."""
