"""Asks another process's control socket without waiting: one request, one answer, within bounds.

The counterpart of ``admin.control`` for who runs in a reactor; ``admin.ctl_client`` is the one that blocks. Both ends
are ours, so of HTTP only what ``admin.control`` writes is understood. Fails with `NoAnswer`.
"""


from __future__ import annotations

import json
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from shieldrelay.admin.router import Document, Response

ANSWER_OCTETS = 64 << 20
"""The longest answer that is read."""


class NoAnswer(Exception):
    """Nobody answered, or not as we do; ``args[0]`` says why, in a clause."""


class _Asking(Protocol):
    """One request."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._said = bytearray()
        self._ended = False
        self.over: Deferred[bytes] = Deferred(self._given_up)

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Gather the answer."""
        self._said += data
        if len(self._said) > ANSWER_OCTETS:
            self._given_up(self.over)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give what was said."""
        if self._ended:
            return
        self._ended = True
        if reason.check(ConnectionDone):
            self.over.callback(bytes(self._said))
        else:
            self.over.errback(NoAnswer("the connection broke"))

    def _given_up(self, _over: Deferred[bytes]) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]


def ask(
    reactor: Any, path: str, method: str, target: bytes, body: bytes = b"", *, seconds: float
) -> Deferred[Response]:
    """Ask once.

    :param path: of the control socket.
    :param target: path and query.
    :param seconds: after which it is given up.
    :return: fails with `NoAnswer`.
    """
    from twisted.internet.endpoints import UNIXClientEndpoint  # large, and most nodes never ask

    first = b"%s %s HTTP/1.1" % (method.encode("ascii"), target)
    head = b"%s\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (first, len(body))
    asking = _Asking(head + body)
    endpoint = UNIXClientEndpoint(reactor, path, timeout=seconds)
    answered: Deferred[Any] = endpoint.connect(Factory.forProtocol(lambda: asking))
    answered.addCallback(lambda _connected: asking.over)
    answered.addTimeout(seconds, reactor)
    return answered.addCallbacks(_parsed, _failed)


def _failed(failure: Failure) -> Response:
    if failure.check(NoAnswer):
        failure.raiseException()
    if failure.check(defer.TimeoutError):
        raise NoAnswer("it did not answer in time")
    failure.trap(ConnectError)
    raise NoAnswer("nobody listens at its control socket")


def _parsed(said: bytes) -> Response:
    """Take the answer apart."""
    head, _, body = said.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    kind = next((each[13:].strip() for each in fields if each.lower().startswith(b"content-type:")), b"")
    try:
        status = int(first.split(b" ")[1])
        document = kind not in (b"", b"application/json")
        value: Any = Document(body, kind.decode("latin-1")) if document else json.loads(body)
    except (IndexError, ValueError):
        raise NoAnswer("its answer is none, or broke off") from None
    allow: tuple[str, ...] = ()
    for each in fields:
        name, _, written = each.partition(b":")
        if name.lower() == b"allow":
            allow = tuple(written.decode("latin-1").strip().split(", "))
    return Response(status, value, allow)
