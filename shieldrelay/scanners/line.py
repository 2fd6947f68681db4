"""One connection to a scanner: octets out as fast as it takes them, octets in as they come, both bounded.

Owned by the coroutine that asks, which closes it whatever happens; cancelling that coroutine is enough. Knows no
protocol. Trouble is `ScannerFault`, or the error of the connection.
"""


from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

HELD_OCTETS = 262144
"""What a scanner may say without being asked."""


class ScannerFault(Exception):
    """A scanner did not do what it is for; ``args[0]`` says what, in words for the journal."""


@implementer(IPushProducer)
class Line(Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._waiting: Deferred[None] | None = None
        self._blocked: Deferred[None] | None = None
        self._paused = False
        self._ended = False

    # what Twisted calls

    def connectionMade(self) -> None:
        """Ask to be told when what was written piles up."""
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Hold what came."""
        self._held += data
        if len(self._held) > HELD_OCTETS:
            self.close()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let everybody know."""
        self._ended = True
        self._wake()
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """Write no more for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on writing."""
        self._paused = False
        blocked, self._blocked = self._blocked, None
        if blocked is not None and not blocked.called:
            blocked.callback(None)

    def stopProducing(self) -> None:
        """Be told that nothing can be written any more."""
        self.resumeProducing()

    # what the asking coroutine calls

    async def write(self, octets: bytes) -> None:
        """Write, and wait until the scanner has taken most of it.

        :raises ScannerFault: it has closed the connection.
        """
        if self._ended:
            raise ScannerFault("it closed the connection before it had everything")
        self.transport.write(octets)  # type: ignore[union-attr]
        if self._paused and not self._ended:
            blocked: Deferred[None] = Deferred()
            self._blocked = blocked
            await blocked

    async def read(self) -> bytes:
        """Give what has come since the last time, or comes next; ``b""`` at the end."""
        if not self._held and not self._ended:
            waiting: Deferred[None] = Deferred()
            self._waiting = waiting
            await waiting
        octets = bytes(self._held)
        self._held.clear()
        return octets

    @property
    def has_said_something(self) -> bool:
        """Whether there is something to read, or the end."""
        return bool(self._held) or self._ended

    def close(self) -> None:
        """End the connection at once; allowed more than once."""
        transport: Any = self.transport
        if transport is not None:
            transport.unregisterProducer()
            transport.abortConnection()

    def end(self) -> None:
        """Close once what was written is out; at once where it does not go out."""
        transport: Any = self.transport
        if self._paused:
            self.close()
        elif transport is not None:
            transport.unregisterProducer()
            transport.loseConnection()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


async def connect(where: IStreamClientEndpoint) -> Line:
    """Connect to a scanner."""
    line: Any = await where.connect(Factory.forProtocol(Line))
    assert isinstance(line, Line)
    return line
