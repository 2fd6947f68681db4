"""A content with header fields on top that its place on the disk does not have.

Made by `delivery.holding` when a check of the content annotates a message that is a draft already. Fails as the
content below it does.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from shieldrelay.ports import Content, ContentReader


class ToppedContent:
    """A `ports.Content`: some octets, and then another content.

    :param top: whole header fields of ASCII, at most `BLOCK_OCTETS`.
    """

    __slots__ = ("_below", "_top", "ascii_header", "size")

    blocks = None

    def __init__(self, top: bytes, below: Content) -> None:
        self._top = top
        self._below = below
        self.size: int = len(top) + below.size
        self.ascii_header: bool = below.ascii_header

    def open(self) -> ToppedReader:
        """Begin a pass. May raise OSError."""
        return ToppedReader(self._top, self._below.open())


class ToppedReader:
    """One pass: the top as a block of its own."""

    __slots__ = ("_below", "_top")

    def __init__(self, top: bytes, below: ContentReader) -> None:
        self._top = top
        self._below = below

    def read(self) -> bytes | Deferred[bytes]:
        """Give the next block, ``b""`` at the end."""
        top, self._top = self._top, b""
        return top or self._below.read()

    def close(self) -> None:
        """Let go of what is below."""
        self._top = b""
        self._below.close()
