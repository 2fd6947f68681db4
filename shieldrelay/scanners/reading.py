"""One pass over a message's content by a coroutine, wherever the content is.

Cancelling the coroutine while a block is being read from the disk lets that read end by itself: its file is open.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from shieldrelay.ports import Content


class Reading:
    """One pass; whoever begins it closes it."""

    def __init__(self, content: Content) -> None:
        self._reader = content.open()

    async def block(self) -> bytes:
        """Give the next block, ``b""`` at the end."""
        coming = self._reader.read()
        if not isinstance(coming, Deferred):
            return coming
        block: Deferred[bytes] = Deferred()
        coming.chainDeferred(block)
        return await block

    def close(self) -> None:
        """Let go of the content."""
        self._reader.close()
