"""`PeerClient`: asks the other nodes of the cluster, one bounded request and answer at a time each.

The door of ``treq``, which is imported with the first client: a node without peers does without it. Connections are
kept for a few seconds, since a hand-over asks thousands of times. Whoever does not answer in time, or not with a seal
of ours, is `PeerUnreachable`; whoever says no is `PeerRefused`. Neither is retried here.
"""
# ruff: noqa: N802 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from shieldrelay.peers.router import PIECE_OCTETS
from shieldrelay.peers.seal import HEADER, NONCE_OCTETS, Sealer, SealFault
from shieldrelay.ports import WallClock

ANSWER_SECONDS = 10.0
"""How long an answer may take, its connection and its body included."""
CONNECT_SECONDS = 5.0
KEPT_SECONDS = 10
KEPT_CONNECTIONS = 4
"""To one peer, while nothing is asked."""


class PeerUnreachable(Exception):
    """A peer does not answer as a node of this cluster; ``args[0]`` says which and why."""


class PeerRefused(Exception):
    """A peer says no.

    :ivar status: 400 to 599.
    """

    def __init__(self, address: str, status: int, words: str) -> None:
        super().__init__(f"{address}: {words}")
        self.status = status
        self.words = words


@implementer(IPolicyForHTTPS)
class _Policy:
    """Every peer proves the same: that it has the cluster's key."""

    def __init__(self, creator: IOpenSSLClientConnectionCreator) -> None:
        self._creator = creator

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """Give what makes our part of a connection."""
        return self._creator


class PeerClient:
    """Asks.

    :param tls: makes our part of a connection; ``None`` for plaintext, in tests.
    """

    def __init__(
        self, sealer: Sealer, tls: IOpenSSLClientConnectionCreator | None, *, reactor: Any, wall: WallClock
    ) -> None:
        from treq.client import HTTPClient
        from twisted.web.client import Agent, HTTPConnectionPool

        self._sealer = sealer
        self._reactor = reactor
        self._wall = wall
        self._scheme = "http" if tls is None else "https"
        self._pool: Any = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = KEPT_CONNECTIONS
        self._pool.cachedConnectionTimeout = KEPT_SECONDS
        self._pool.retryAutomatically = False
        policy = {} if tls is None else {"contextFactory": _Policy(tls)}
        agent = Agent(reactor, connectTimeout=CONNECT_SECONDS, pool=self._pool, **policy)
        self._http = HTTPClient(agent)

    async def ask(
        self, address: str, method: str, target: str, body: bytes = b"", *, seconds: float = ANSWER_SECONDS
    ) -> bytes:
        """Ask one peer; gives the body of its answer, at most `PIECE_OCTETS`.

        :param address: ``host:port``, IPv6 in brackets.
        :param target: path and query, ASCII.
        :raises PeerUnreachable: (also when the address is none) nobody of ours answered in time.
        :raises PeerRefused: the peer said no.
        """
        asking = Deferred.fromCoroutine(self._ask(address, method, target, body))
        asking.addTimeout(seconds, self._reactor, lambda _result, _timeout: _late(address, seconds))
        answer: bytes = await asking
        return answer

    async def document(
        self, address: str, method: str, target: str, body: bytes = b"", *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """Ask one peer for a JSON object; fails as `ask` does."""
        octets = await self.ask(address, method, target, body, seconds=seconds)
        try:
            value = json.loads(octets)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise PeerUnreachable(f"{address}: its answer is not understood; it may be of another version")
        return value

    async def stop(self) -> None:
        """Close connections that are kept."""
        await self._pool.closeCachedConnections()

    async def _ask(self, address: str, method: str, target: str, body: bytes) -> bytes:
        nonce = os.urandom(NONCE_OCTETS)
        seal = self._sealer.request(method.encode("ascii"), target.encode("ascii"), body, self._wall(), nonce)
        url = f"{self._scheme}://{address}{target}"
        try:
            response = await self._http.request(
                method, url, headers=Headers({HEADER: [seal]}), data=body, unbuffered=True, allow_redirects=False
            )
            octets = await _body(address, response)
        except (PeerUnreachable, CancelledError):
            raise
        except Exception as fault:
            raise PeerUnreachable(f"{address}: {_words(fault)}") from fault
        try:
            self._sealer.open_answer(_only(response.headers.getRawHeaders(HEADER)), response.code, octets, nonce)
        except SealFault as fault:
            raise PeerUnreachable(f"{address}: {fault}") from fault
        if response.code != 200:
            raise PeerRefused(address, response.code, _refusal(octets))
        return octets

def _body(address: str, response: Any) -> Deferred[bytes]:
    """Read a body, and hang up when it is longer than any peer's, or when nobody waits for it any more."""
    body = _Body(address)
    response.deliverBody(body)
    return body.read


class _Body(Protocol):
    """A body as it comes."""

    def __init__(self, address: str) -> None:
        self.read: Deferred[bytes] = Deferred(lambda _cancelled: self._hang_up())
        self._address = address
        self._parts: list[bytes] = []
        self._octets = 0

    def dataReceived(self, data: bytes) -> None:
        """Keep it, while it is not too long."""
        self._octets += len(data)
        self._parts.append(data)
        if self._octets > PIECE_OCTETS and not self.read.called:
            self.read.errback(PeerUnreachable(f"{self._address}: its answer is longer than a peer's"))
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give it, when it has come whole."""
        from twisted.web.client import ResponseDone

        if self.read.called:
            return
        if reason.check(ResponseDone):
            self.read.callback(b"".join(self._parts))
        else:
            self.read.errback(reason)

    def _hang_up(self) -> None:
        self._parts = []
        if self.transport is not None:
            self.transport.loseConnection()


def _late(address: str, seconds: float) -> bytes:
    raise PeerUnreachable(f"{address}: it did not answer within {seconds:.0f} s")


def _only(values: Any) -> bytes:
    return bytes(values[0]) if values and len(values) == 1 else b""


def _refusal(octets: bytes) -> str:
    try:
        return str(json.loads(octets)["refused"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it refuses without a reason"


def _words(fault: BaseException) -> str:
    """Say what went wrong, with the reasons that Twisted wraps."""
    reasons = getattr(fault, "reasons", None)
    if reasons:
        return _words(reasons[0].value)
    if isinstance(fault, ConnectTimeout):
        return "it cannot be reached"
    text = str(fault) or type(fault).__name__
    if "certificate verify failed" in text or "tlsv1" in text or "sslv3" in text:
        return "its key is not ours: it belongs to another cluster, or has another [cluster] key"
    return text[:300]
