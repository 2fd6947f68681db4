"""One connection to a Redis server or a Sentinel: asked and answered in order, or dropped.

The only place that knows txredisapi, and of that only its protocol: what it writes and reads. Its factories are not
used: they queue what is asked while nobody is there, and say it late. A question that is given up (cancelled) drops the
connection: whatever answer was under way is nobody's. Nothing is said twice, and nothing but on a connection that
stands. Used by `redis.server` and `redis.link`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from shieldrelay.cluster.hub import HubAway


class Away(HubAway):
    """The server cannot be reached or does not answer. ``args[0]`` says why."""


class Refusal(Exception):
    """The server refused what was asked. ``args[0]`` is what it said."""


Answer = Any
"""What Redis answers: ``bytes``, ``int``, ``str`` of a status, ``None``, or a list of those."""


class Connection:
    """A connection that stands, until it is `lost`.

    :ivar lost: why it ended; empty while it stands.
    :ivar run: the server's id of this life, as `redis.server` found it.
    :ivar ahead: what its clock shows more than ours, in seconds.
    """

    def __init__(self, protocol: Any) -> None:
        self.lost = ""
        self.run = b""
        self.ahead = 0.0
        self._protocol = protocol

    def ask(self, *words: bytes | str | int) -> Deferred[Answer]:
        """Ask one command.

        Fails with `Refusal` when the server says no, with `Away` when the connection ends first. May be cancelled:
        that ends the connection.
        """
        asked: Deferred[Answer] = Deferred(lambda _: self.drop("no answer in time"))
        if self.lost:
            asked.errback(Away(self.lost))
            return asked
        self._protocol.execute_command(*words).addCallbacks(
            lambda answer: None if asked.called else asked.callback(answer),
            lambda failure: None if asked.called else asked.errback(self._failure(failure)),
        )
        return asked

    def drop(self, why: str) -> None:
        """End the connection at once; what is still asked fails."""
        self.lost = self.lost or why
        if self._protocol.transport is not None:
            self._protocol.transport.abortConnection()

    def ended(self, why: str) -> None:
        """Hear from the transport that it is over."""
        self.lost = self.lost or why

    def _failure(self, failure: Failure) -> Exception:
        from txredisapi import ResponseError  # type: ignore[import-untyped]  # see `connect`

        if failure.check(ResponseError):
            return Refusal(str(failure.value).strip())
        return Away(self.lost or f"the connection ended: {failure.getErrorMessage()}")


def connect(endpoint: IStreamClientEndpoint) -> Deferred[Connection]:
    """Connect.

    Fails with what the endpoint fails with. txredisapi takes the global reactor when it is imported, which only a
    process that is already running may do; so it is imported here.
    """
    from txredisapi import BaseRedisProtocol

    class Protocol(BaseRedisProtocol):
        """txredisapi's, which says when it ends."""

        def connectionMade(self) -> None:
            """Keep the connection watched by the system, and begin."""
            if hasattr(self.transport, "setTcpKeepAlive"):
                self.transport.setTcpKeepAlive(True)
            super().connectionMade()

        def connectionLost(self, why: Failure) -> None:
            """Let all that is asked fail."""
            connection.ended(f"the connection ended: {why.getErrorMessage()}")
            super().connectionLost(why)

    protocol = Protocol(charset=None, convertNumbers=False)
    connection = Connection(protocol)
    return endpoint.connect(Factory.forProtocol(lambda: protocol)).addCallback(lambda _: connection)
