"""Whether a client reads what it is answered: replies that pile up unread stop the session that makes them.

A client may send ten thousand commands and read nothing; every answer would wait in our memory. So the transport is
given a producer, which it pauses at its own buffer's size (64 KiB, beyond what the kernel holds) and resumes when the
buffer is empty. `wire.inbound` answers nothing in between, and its deadlines end a client that never reads.

A plaintext connection gets the producer only when something is buffered, because `wire.direct` stands back from a
transport that has one; from then on it keeps it. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Unread:
    """Watches one connection's buffer.

    :param choked: called when too much is unread.
    :param drained: called when everything has been read; not when the connection is lost before.
    :ivar too_much: whether it is in between.
    """

    __slots__ = ("_choked", "_drained", "_transport", "_watching", "too_much")

    def __init__(self, transport: Any, choked: Callable[[], None], drained: Callable[[], None]) -> None:
        self._transport = transport
        self._choked = choked
        self._drained = drained
        self._watching = False
        self.too_much = False

    def expect(self) -> None:
        """Note that something is about to be buffered: watch from now on."""
        if not self._watching:
            self._watching = True
            self._transport.registerProducer(self, True)

    def forget(self) -> None:
        """Watch no more: the connection is to be closed, which waits for a producer under TLS."""
        if self._watching:
            self._transport.unregisterProducer()

    def let_go(self) -> None:
        """Forget whom to call, the connection being lost: else the two would wait for the garbage collector."""
        self._choked = self._drained = _nobody

    def pauseProducing(self) -> None:
        """Twisted: too much is buffered."""
        self.too_much = True
        self._choked()

    def resumeProducing(self) -> None:
        """Twisted: the buffer is empty."""
        if self.too_much:
            self.too_much = False
            self._drained()

    def stopProducing(self) -> None:
        """Twisted: the connection is lost; nothing is left to tell."""


def _nobody() -> None:
    """Take the place of a connection that is gone."""
