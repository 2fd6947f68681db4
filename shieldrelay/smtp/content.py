"""Where content ends and what stands in it: the stream behind DATA, and the chunks of BDAT.

Readers take from the inbox in pieces of a block and give what belongs to the message. The end of DATA is CRLF.CRLF
and nothing else, wherever the segments are cut; the dots that transparency added are taken off (RFC 5321 §4.5.2). A
chunk is counted exactly (RFC 3030 §2). What the content may hold is judged by `smtp.inspection`. Cannot fail.
"""

from __future__ import annotations

from typing import Protocol

from shieldrelay.ports import BLOCK_OCTETS
from shieldrelay.smtp.command_lines import CommandLines

_END = b"\r\n.\r\n"
_BEGINNINGS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
"""Of the end, longest first."""


class ContentReader(Protocol):
    """Reads one stretch of content from the inbox.

    :ivar complete: its end was read; the inbox stands behind it.
    :ivar taken: octets on the wire so far.
    """

    complete: bool
    taken: int

    def read(self, inbox: CommandLines) -> bytes:
        """Take one piece of a settled inbox that is not empty; give the content in it, perhaps none."""


class DataReader:
    """The stream behind DATA.

    What might be the beginning of the end is held back until more is known. The stream begins at the beginning of a
    line, so it is read as if a CRLF had gone before it, which is not given out.
    """

    __slots__ = ("_held", "_hidden", "complete", "taken")

    def __init__(self) -> None:
        self._held = b"\r\n"
        self._hidden = 2
        self.complete = False
        self.taken = 0

    def read(self, inbox: CommandLines) -> bytes:
        """See `ContentReader.read`."""
        piece = inbox.octets[inbox.offset : inbox.offset + BLOCK_OCTETS]
        stream = self._held + piece
        dot = _dotted_line(stream)
        end = dot
        if dot >= 0 and stream[dot + 3 : dot + 5] != b"\r\n":
            end = stream.find(_END, dot + 3)
        if end >= 0:
            self.complete = True
            stop, taken = end + 2, end + len(_END) - len(self._held)
        else:
            stop, taken = len(stream) - _held_back(stream), len(piece)
        inbox.offset += taken
        self.taken += taken
        self._held = stream[stop:] if end < 0 else b""
        return self._unstuffed(stream[:stop], 0 <= dot != end)

    def _unstuffed(self, stream: bytes, dotted: bool) -> bytes:
        """Take off the dots that were added, and the CRLF that never was there."""
        if dotted:
            stream = stream.replace(b"\r\n.", b"\r\n")
        if self._hidden and stream:
            self._hidden = 0
            return stream[2:]
        return stream


def _dotted_line(stream: bytes) -> int:
    """Find the first line that begins with a dot, from the CRLF before it; -1 when there is none.

    A single octet is looked for some fifty times faster than three, and what is encoded has no dots at all: only what
    lies between the first dot and the last one is searched, the last one of all content, which ends it, apart.
    """
    first = stream.find(b".")
    if first < 0:
        return -1
    last = len(stream) - 3 if stream.endswith(_END) else len(stream)
    dotted = stream.find(b"\r\n.", max(0, first - 2), stream.rfind(b".", first, last) + 1)
    return dotted if dotted >= 0 or last == len(stream) else last - 2


def _held_back(stream: bytes) -> int:
    """Count the octets at the end that may be the beginning of the end of content."""
    if stream[-1:] in b"\r\n.":
        for beginning in _BEGINNINGS:
            if stream.endswith(beginning):
                return len(beginning)
    return 0


class ChunkReader:
    """The octets of one BDAT."""

    __slots__ = ("_left", "complete", "taken")

    def __init__(self, size: int) -> None:
        self._left = size
        self.complete = not size
        self.taken = 0

    def read(self, inbox: CommandLines) -> bytes:
        """See `ContentReader.read`."""
        piece = inbox.octets[inbox.offset : inbox.offset + min(BLOCK_OCTETS, self._left)]
        inbox.offset += len(piece)
        self.taken += len(piece)
        self._left -= len(piece)
        self.complete = not self._left
        return piece
