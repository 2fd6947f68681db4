"""The control socket: HTTP with JSON on a unix socket, as a service.

Listens on a path that only the node's user and group may open; who can open it may do everything, so there is no
other authentication; who asks is noted by the user's name. One request per connection. Owns the HTTP edge
(`ControlRequest`), which hands method, target and a bounded body to ``admin.router``, or to the warden before it. The
assembly builds it; a socket that cannot be had fails the start with `ControlUnavailable` in words for the operator.
"""
# ruff: noqa: N802, N815 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from shieldrelay.admin.control_socket import ControlReactor, Listener, inode, listen
from shieldrelay.admin.router import Refused, Response, refusal
from shieldrelay.ports import Clock, Journal

SWALLOWED_OCTETS = 8 << 20
"""How much more than a route takes is read before the connection is dropped; none of it is kept."""
IDLE_SECONDS = 30
_CREDENTIALS = struct.Struct("=iII")
"""``struct ucred``: process, user, group (unix(7))."""


class Answerer(Protocol):
    """Who answers: an `admin.router.Router`, or what asks several."""

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have."""

    async def answer(self, method: str, target: bytes, body: bytes = b"") -> Response:
        """Answer one request; never raises."""


class ControlRequest(Request):
    """One request: collects the body within bounds and writes the router's answer."""

    channel: ControlChannel
    content: BytesIO
    received = 0
    limit = 0

    def gotLength(self, length: int | None) -> None:
        """Keep the body in memory, whatever length is announced, as far as the request's line lets it be."""
        self.content = BytesIO()
        method, _, rest = self.channel.request_line.partition(b" ")
        self.limit = self.channel.factory.router.body_limit(method.decode("latin-1"), rest.partition(b" ")[0])

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what fits; swallow some of what does not, then drop the connection."""
        self.received += len(data)
        if self.received <= self.limit:
            self.content.write(data)
        elif self.received > self.limit + SWALLOWED_OCTETS:
            self.channel.forceAbortClient()

    def process(self) -> None:
        """Answer; called when the request is complete."""
        self.gone = False
        self.notifyFinish().addErrback(self._client_left)
        factory = self.channel.factory  # the channel is gone once the answer is written
        Deferred.fromCoroutine(self._answer(factory.answerer(self._uid()))).addErrback(factory.bug)

    def _uid(self) -> int:
        """Give the user of the machine who asks."""
        transport: Any = self.channel.transport
        octets = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(octets)[1])

    def _client_left(self, reason: Failure) -> None:
        self.gone = True

    async def _answer(self, router: Answerer) -> None:
        if self.received > self.limit:
            words = f"The body is larger than {self.limit >> 20} MiB."
            response = refusal(Refused(413, "body_too_large", words))
        else:
            response = await router.answer(self.method.decode("latin-1"), self.uri, self.content.getvalue())
        if not self.gone:
            self._write(response)

    def _write(self, response: Response) -> None:
        body = response.encode()
        self.setResponseCode(response.status)
        self.setHeader(b"content-type", response.kind.encode("ascii"))
        self.setHeader(b"content-length", b"%d" % len(body))
        self.setHeader(b"cache-control", b"no-store")
        if response.allow:
            self.setHeader(b"allow", ", ".join(response.allow).encode("ascii"))
        self.write(body)
        self.finish()


class ControlChannel(HTTPChannel):
    """One connection, for one request: what follows on it is not looked at."""

    requestFactory = ControlRequest
    timeOut = IDLE_SECONDS
    factory: ControlFactory
    request_line = b""

    def lineReceived(self, line: bytes) -> None:
        """Note the request's line: it says how large the body may be."""
        self.request_line = self.request_line or line
        super().lineReceived(line)

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Run timeouts on the clock that was passed in."""
        return self.factory.clock.callLater(period, func)

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Close after the answer, and say so."""
        request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        return False


class ControlFactory(ServerFactory):
    """Makes connections; holds what they share."""

    noisy = False
    protocol = ControlChannel  # type: ignore[assignment]  # it knows its factory more exactly

    def __init__(
        self, router: Answerer, clock: Clock, journal: Journal, callers: Callable[[int], Answerer] | None
    ) -> None:
        self.router = router
        self.clock = clock
        self._journal = journal
        self._callers = callers

    def answerer(self, uid: int) -> Answerer:
        """Give who answers a user of the machine."""
        return self.router if self._callers is None else self._callers(uid)

    def log(self, request: Request) -> None:
        """Tell the journal of requests that ask for a change, where no audit log has them."""
        if self._callers is None and request.method not in (b"GET", b"HEAD"):
            self._journal.event("control_request", method=request.method, target=request.uri, status=request.code)

    def bug(self, failure: Failure) -> None:
        """Tell the journal of an answer that could not be written."""
        if failure.check(ConnectionDone) is None:
            self._journal.event("control_failed", error=repr(failure.value))

    def trouble(self, error: OSError) -> None:
        """Tell the journal of a connection that could not be accepted."""
        self._journal.event("control_failed", error=str(error))


class ControlService(Service):
    """Listens while it runs.

    :param path: of the socket, at most 107 octets; its directory is made (0755) when that is permitted.
    :param mode: 0o600 or 0o660.
    :param callers: gives who answers a user of the machine, by number, in the place of the router.
    """

    def __init__(
        self,
        router: Answerer,
        path: str,
        *,
        reactor: ControlReactor,
        journal: Journal,
        mode: int = 0o660,
        callers: Callable[[int], Answerer] | None = None,
    ) -> None:
        self._factory = ControlFactory(router, reactor, journal, callers)
        self._path = path
        self._reactor = reactor
        self._journal = journal
        self._mode = mode
        self._listener: Listener | None = None
        self._inode: tuple[int, int] | None = None

    def startService(self) -> None:
        """Listen.

        :raises ControlUnavailable: when another node answers there, or the path cannot be used; nothing is left behind.
        """
        listening = listen(self._path, self._mode)
        self._inode = inode(self._path)
        self._listener = Listener(listening, self._reactor, self._factory)
        self._journal.event("control_listening", path=self._path)
        super().startService()

    def stopService(self) -> None:
        """Stop listening, and remove the socket if it is still ours; requests under way are answered."""
        super().stopService()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if inode(self._path) == self._inode:
            os.unlink(self._path)
        listener.close()
