"""HTTP on TCP within bounds: connections, heads, bodies and times; what `admin.web` and `admin.web_health` build on.

A client that is slow, endless or hostile ends its own connection and nothing else. Knows no routes.
"""
# ruff: noqa: N802, N815 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from shieldrelay.admin.limits import source_of
from shieldrelay.admin.router import Document, Refused, Response, refusal
from shieldrelay.ports import Clock, Journal

CONNECTIONS_MOST = 256
"""Connections of one listener at once, those in their handshake among them."""
CONNECTIONS_OF_SOURCE = 64
IDLE_SECONDS = 30
LIFE_SECONDS = 60.0
"""A request that has not come whole, or whose answer is not read, after so long is cut off, however busy it is."""
LONG_SECONDS = 600.0
"""What a request gets that may have a long body, or take long."""
TELL_SECONDS = 60.0
"""Too many connections are told to the journal so often at most."""
SWALLOWED_OCTETS = 1 << 20
"""How much more than a body may have is read before the connection is dropped; none of it is kept."""
_HEADER_OCTETS = 16384
_HEADERS_MOST = 60

FIELDS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
"""Header fields of every answer."""
API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of our pages: nothing from elsewhere, nothing inline."""


class WebRequest(Request):
    """One request: collects its body within bounds and writes one answer."""

    channel: WebChannel
    content: BytesIO
    received = 0
    limit = 0
    gone = False

    def gotLength(self, length: int | None) -> None:
        """Keep the body in memory, whatever length is announced."""
        self.content = BytesIO()
        self.method, self.uri = self.channel.first_words()
        self.limit = self.body_limit()

    def body_limit(self) -> int:
        """Say how large the body may be; asked when the head has come."""
        return 0

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what fits; whoever sends more is cut off after a while, unheard."""
        self.received += len(data)
        if self.received <= self.limit:
            self.content.write(data)
        elif self.received > self.limit + SWALLOWED_OCTETS:
            self.channel.forceAbortClient()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer; of forms, as Twisted would take them apart, nothing is understood."""
        self.method, self.uri, self.clientproto = command, path, version
        self.content.seek(0)
        self.notifyFinish().addErrback(self._client_left)
        factory = self.channel.factory
        Deferred.fromCoroutine(self._process()).addErrback(factory.bug)

    async def answer(self) -> Response | None:
        """Give the answer; ``None`` when the request is answered already, or goes on."""
        raise NotImplementedError

    async def _process(self) -> None:
        if self.received > self.limit:
            words = f"The body is larger than {self.limit} octets."
            response: Response | None = refusal(Refused(413, "body_too_large", words))
        else:
            response = await self.answer()
        if response is not None:
            self.give(response)

    def give(self, response: Response, policy: bytes = API_POLICY) -> None:
        """Write an answer, unless nobody is there any more."""
        if self.gone:
            return
        body = response.encode()
        self.head(response.status, response.kind, policy, response.fields)
        self.setHeader(b"content-length", b"%d" % len(body))
        if response.allow:
            self.setHeader(b"allow", ", ".join(response.allow).encode("ascii"))
        if isinstance(response.value, Document) and response.value.name:
            name = response.value.name.encode("ascii")
            self.setHeader(b"content-disposition", b'attachment; filename="%s"' % name)
        self.write(body)
        self.finish()

    def head(self, status: int, kind: str, policy: bytes, fields: Iterable[tuple[str, str]] = ()) -> None:
        """Set status and header fields."""
        self.setResponseCode(status)
        for name, value in FIELDS:
            self.setHeader(name, value)
        self.setHeader(b"content-type", kind.encode("ascii"))
        self.setHeader(b"content-security-policy", policy)
        for field, written in fields:
            self.setHeader(field.encode("ascii"), written.encode("ascii"))

    def _client_left(self, _reason: Failure) -> None:
        self.gone = True


class WebChannel(HTTPChannel):
    """One connection, for any number of requests one after the other."""

    timeOut = IDLE_SECONDS
    factory: WebFactory
    maxHeaders = _HEADERS_MOST
    totalHeadersSize = _HEADER_OCTETS
    host = ""
    _first = b""
    _deadline: IDelayedCall | None = None
    _admitted = False

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Run timeouts on the clock that was passed in."""
        return self.factory.clock.callLater(period, func)

    def connectionMade(self) -> None:
        """Take it, unless there are too many."""
        super().connectionMade()
        transport: Any = self.transport
        self.host = str(getattr(transport.getPeer(), "host", ""))
        self._admitted = self.factory.admit(self)
        if self._admitted:
            self._deadline = self.factory.clock.callLater(LIFE_SECONDS, self.forceAbortClient)
        else:
            transport.abortConnection()

    def lineReceived(self, line: bytes) -> None:
        """Note the request's line: it says how large the body may be."""
        if not self._first:
            self._first = line
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Say that the target, or a field, is too long, and hang up."""
        place = "header field" if self._first else "target"
        refused = refusal(Refused(400, "too_long", f"A {place} is longer than {self.MAX_LENGTH} octets."))
        body = refused.encode()
        assert self.transport is not None
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        self.loseConnection()

    def first_words(self) -> tuple[bytes, bytes]:
        """Give method and target of the request that is coming, and forget them."""
        words, self._first = self._first.split(b" "), b""
        return (words[0], words[1]) if len(words) == 3 else (b"", b"")

    def allow(self, seconds: float | None) -> None:
        """Give the request that is there so long from now; ``None``: for good, somebody else looks after it."""
        deadline = self._deadline
        if deadline is None or not deadline.active():
            return
        if seconds is None:
            deadline.cancel()
        else:
            deadline.reset(seconds)

    def requestDone(self, request: Any) -> None:
        """The answer is written: the next request has its time."""
        self.allow(LIFE_SECONDS)
        super().requestDone(request)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget it."""
        self.allow(None)
        if self._admitted:
            self.factory.let_go(self)
        super().connectionLost(reason)


class WebFactory(ServerFactory):
    """Makes connections; holds what they share.

    :ivar secure: whether they run under TLS.
    """

    noisy = False
    protocol = WebChannel  # type: ignore[assignment]  # it knows its factory more exactly
    request: type[WebRequest] = WebRequest

    def __init__(self, clock: Clock, journal: Journal, *, secure: bool) -> None:
        self.clock = clock
        self.secure = secure
        self.journal = journal
        self._open: set[WebChannel] = set()
        self._of_source: Counter[str] = Counter()
        self._told = -TELL_SECONDS

    def buildProtocol(self, addr: Any) -> Any:
        """Make a connection's channel."""
        channel = WebChannel()
        channel.factory = self
        channel.requestFactory = self.request
        return channel

    def admit(self, channel: WebChannel) -> bool:
        """Count a connection; false when there are too many."""
        source = source_of(channel.host)
        if len(self._open) >= CONNECTIONS_MOST or self._of_source[source] >= CONNECTIONS_OF_SOURCE:
            now = self.clock.seconds()
            if now - self._told >= TELL_SECONDS:
                self._told = now
                self.journal.event("admin_connections", source=channel.host, connections=len(self._open))
            return False
        self._open.add(channel)
        self._of_source[source] += 1
        return True

    def let_go(self, channel: WebChannel) -> None:
        """Count it no more."""
        self._open.discard(channel)
        source = source_of(channel.host)
        self._of_source[source] -= 1
        if self._of_source[source] <= 0:
            del self._of_source[source]

    def close(self) -> None:
        """Cut off who is there."""
        for channel in list(self._open):
            channel.forceAbortClient()

    def log(self, request: Request) -> None:
        """Keep Twisted's access log quiet: the audit log has what matters."""

    def bug(self, failure: Failure) -> None:
        """Tell the journal of an answer that could not be written."""
        if failure.check(ConnectionDone, ConnectionLost) is None:
            self.journal.event("bug", where="admin", error=repr(failure.value), traceback=failure.getTraceback())
