"""`PeerServer`: answers the other nodes of the cluster.

Owns the HTTP edge towards peers. Nobody without the cluster's key gets past the handshake of TLS; every request is
looked at again by its seal and its nonce. Connections, heads, bodies and times are bounded, and hostile octets end
their connection and nothing else. The assembly builds it; a port that cannot be had is `PeerListenFault`.
"""
# ruff: noqa: N802, N815 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from shieldrelay.peers.nonces import Nonces
from shieldrelay.peers.router import PIECE_OCTETS, PeerAnswer, PeerRefusal, PeerRouter, refused
from shieldrelay.peers.seal import HEADER, Sealer, SealFault
from shieldrelay.ports import Clock, Journal, WallClock

CONNECTIONS_MOST = 64
"""Connections at once, those in their handshake among them."""
IDLE_SECONDS = 30
LIFE_SECONDS = 60.0
"""A connection that has brought no whole request for so long is cut off, however busy it is."""
TELL_SECONDS = 60.0
"""Who is refused is told to the journal so often at most."""
_HEADER_OCTETS = 8192
_HEADERS_MOST = 40


class PeerListenFault(Exception):
    """The address for peers cannot be listened on; ``args[0]`` says why."""


class PeerRequest(Request):
    """One request: collects the body within bounds, and writes the answer with its seal."""

    channel: PeerChannel
    content: BytesIO
    received = 0
    gone = False

    def gotLength(self, length: int | None) -> None:
        """Keep the body in memory, whatever length is announced."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what fits; whoever sends more is cut off."""
        self.received += len(data)
        if self.received > PIECE_OCTETS:
            self.channel.forceAbortClient()
        else:
            self.content.write(data)

    def process(self) -> None:
        """Answer; called when the request is complete."""
        self.notifyFinish().addErrback(self._client_left)
        channel = self.channel  # it is gone once the answer is written
        channel.put_off()
        Deferred.fromCoroutine(self._answer(channel.factory, channel.host)).addErrback(channel.factory.bug)

    def _client_left(self, _reason: Failure) -> None:
        self.gone = True

    async def _answer(self, factory: PeerFactory, host: str) -> None:
        body = self.content.getvalue()
        seals = self.requestHeaders.getRawHeaders(HEADER) or []
        seal = seals[0] if len(seals) == 1 else b""
        try:
            nonce = factory.proven(seal, self.method, self.uri, body)
        except SealFault as fault:
            factory.tell_refused(host, str(fault))
            self._refuse(factory, fault, seal)
            return
        answer = await factory.router.answer(self.method.decode("latin-1"), self.uri, body)
        self._write(answer, factory.sealer.answer(answer.status, answer.body, nonce))

    def _refuse(self, factory: PeerFactory, fault: SealFault, seal: bytes) -> None:
        """Say why to whoever has the key, and nothing to others."""
        if not fault.known:
            self._write(PeerAnswer(401, b""), None)
            return
        answer = refused(PeerRefusal(401, str(fault)))
        nonce = bytes.fromhex(seal.split(b" ")[2].decode("ascii"))
        self._write(answer, factory.sealer.answer(answer.status, answer.body, nonce))

    def _write(self, answer: PeerAnswer, seal: bytes | None) -> None:
        if self.gone:
            return
        self.setResponseCode(answer.status)
        self.setHeader(b"content-type", b"application/octet-stream")
        self.setHeader(b"content-length", b"%d" % len(answer.body))
        if seal is not None:
            self.setHeader(HEADER, seal)
        self.write(answer.body)
        self.finish()


class PeerChannel(HTTPChannel):
    """One connection, for any number of requests one after the other."""

    requestFactory = PeerRequest
    timeOut = IDLE_SECONDS
    factory: PeerFactory
    maxHeaders = _HEADERS_MOST
    totalHeadersSize = _HEADER_OCTETS
    host = ""
    _deadline: IDelayedCall | None = None

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Run timeouts on the clock that was passed in."""
        return self.factory.clock.callLater(period, func)

    def connectionMade(self) -> None:
        """Take it, unless there are too many."""
        super().connectionMade()
        transport: Any = self.transport
        self.host = str(getattr(transport.getPeer(), "host", ""))
        if not self.factory.admit(self):
            transport.abortConnection()
            return
        self._deadline = self.factory.clock.callLater(LIFE_SECONDS, self.forceAbortClient)

    def put_off(self) -> None:
        """A whole request has come: it is our turn, and then the next one has its time."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.reset(LIFE_SECONDS)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget it."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self.factory.let_go(self)
        super().connectionLost(reason)


class PeerFactory(ServerFactory):
    """Makes connections; holds what they share."""

    noisy = False
    protocol = PeerChannel  # type: ignore[assignment]  # it knows its factory more exactly

    def __init__(self, router: PeerRouter, sealer: Sealer, clock: Clock, wall: WallClock, journal: Journal) -> None:
        self.router = router
        self.sealer = sealer
        self.clock = clock
        self._wall = wall
        self._journal = journal
        self._nonces = Nonces()
        self._open: set[PeerChannel] = set()
        self._told = -TELL_SECONDS

    def proven(self, seal: bytes, method: bytes, target: bytes, body: bytes) -> bytes:
        """Look at a request; gives its nonce.

        :raises SealFault: it is none of a peer, or came before.
        """
        now = self._wall()
        sealed = self.sealer.open_request(seal, method, target, body, now)
        if not self._nonces.is_new(sealed.nonce, now):
            raise SealFault("the request came before", known=True)
        return sealed.nonce

    def tell_refused(self, host: str, reason: str) -> None:
        """Tell the journal of a request that is none of a peer, once a minute."""
        now = self.clock.seconds()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._journal.event("peer_refused", client=host, reason=reason)

    def admit(self, channel: PeerChannel) -> bool:
        """Count a connection; false when there are too many."""
        if len(self._open) >= CONNECTIONS_MOST:
            self.tell_refused(channel.host, f"there are {CONNECTIONS_MOST} connections of peers already")
            return False
        self._open.add(channel)
        return True

    def let_go(self, channel: PeerChannel) -> None:
        """Count it no more."""
        self._open.discard(channel)

    def close(self) -> None:
        """Cut off who is there."""
        for channel in list(self._open):
            channel.forceAbortClient()

    def log(self, request: Request) -> None:
        """Keep Twisted's access log quiet: whoever changes something tells the journal."""

    def bug(self, failure: Failure) -> None:
        """Tell the journal of an answer that could not be written."""
        if failure.check(ConnectionDone) is None:
            self._journal.event("bug", where="peers", error=repr(failure.value), traceback=failure.getTraceback())


class PeerServer:
    """Listens while it runs.

    :param tls: makes our part of a connection; ``None`` for plaintext, in tests.
    """

    def __init__(
        self,
        router: PeerRouter,
        sealer: Sealer,
        tls: IOpenSSLServerConnectionCreator | None,
        *,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self.factory = PeerFactory(router, sealer, reactor, wall, journal)
        self._tls = tls
        self._reactor = reactor
        self._port: Any = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._port.getHost().port)

    def start(self, host: str, port: int) -> None:
        """Listen.

        :param host: an IP address.
        :raises PeerListenFault: the address cannot be had.
        """
        factory: Any = self.factory
        if self._tls is not None:
            factory = TLSMemoryBIOFactory(self._tls, False, factory, self._reactor)
            factory.noisy = False
        try:
            self._port = self._reactor.listenTCP(port, factory, interface=host)
        except CannotListenError as fault:
            raise PeerListenFault(f"cannot listen for peers on {host} port {port}: {fault.socketError}") from fault

    async def stop(self) -> None:
        """Listen no more, and cut off who is there."""
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()
        self.factory.close()
