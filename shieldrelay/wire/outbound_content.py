"""Content that does not fit into one write, from its reader to the socket, no faster than the socket takes it.

A push producer on the transport: it reads on while the transport has room, and waits when the reader answers with a
Deferred. `OutboundConnection` makes one for each such message. The pump never ends the content by itself after a failed
read: a final dot behind half a message would be a lost message.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.ports import ContentReader


class Sink(Protocol):
    """Where the blocks go: the connection."""

    def content_block(self, block: bytes) -> None:
        """Write a block."""

    def content_complete(self) -> None:
        """Write the end of the content; the pump is off the transport."""

    def content_failed(self, reason: str) -> None:
        """Drop the connection: the content cannot be had."""


@implementer(IPushProducer)
class ContentPump:
    """One pass of one message's content."""

    def __init__(self, reader: ContentReader, transport: Any, sink: Sink) -> None:
        self._reader = reader
        self._transport = transport
        self._sink = sink
        self._paused = False
        self._running = False
        self._waiting = False
        self._over = False

    def start(self) -> None:
        """Go on the transport and begin."""
        self._transport.registerProducer(self, True)
        self._run()

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport wants more."""
        self._paused = False
        self._run()

    def stopProducing(self) -> None:
        """The connection is gone, or the transaction is: read no more."""
        if not self._over:
            self._over = True
            self._reader.close()

    def _run(self) -> None:
        """Read while there is room: a loop, whether the reader answers at once, later, or with a fired Deferred."""
        if self._running or self._waiting:
            return
        self._running = True
        try:
            while not (self._paused or self._over or self._waiting):
                self._read()
        finally:
            self._running = False

    def _read(self) -> None:
        try:
            block = self._reader.read()
        except OSError as error:
            self._failed(str(error))
            return
        if isinstance(block, Deferred):
            self._waiting = True
            block.addCallbacks(self._arrived, self._unreadable)
        else:
            self._send(block)

    def _arrived(self, block: bytes) -> None:
        self._waiting = False
        if not self._over:
            self._send(block)
            self._run()

    def _unreadable(self, failure: Failure) -> None:
        self._waiting = False
        if not self._over:
            self._failed(failure.getErrorMessage())

    def _send(self, block: bytes) -> None:
        if block:
            self._sink.content_block(block)
            return
        self._leave()
        self._sink.content_complete()

    def _failed(self, error: str) -> None:
        self._leave()
        self._sink.content_failed(f"the content could not be read: {error}")

    def _leave(self) -> None:
        self.stopProducing()
        self._transport.unregisterProducer()
