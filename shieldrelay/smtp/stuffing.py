"""Content made transparent for DATA (RFC 5321 §4.5.2).

The state runs over the whole stream, so a dot is stuffed wherever block borders fall. A dot is stuffed after *any* LF:
for lawful content, in which LF only follows CR, that is the rule of the RFC; for content that should not exist it means
that ``LF . CR`` and ``LF . LF`` occur once, at the end, and no lenient server can be made to see an earlier end. Octets
are otherwise passed as they are. `smtp.sender` calls it; nothing here can fail.
"""

from __future__ import annotations


class Stuffer:
    """One pass over one message's content."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def stuff(self, block: bytes) -> bytes:
        """Give what is to be written for a block; blocks may be cut anywhere and may be empty."""
        if not block:
            return b""
        stuffed = block.replace(b"\n.", b"\n..") if _dotted(block) else block
        if block[:1] == b"." and self._tail[-1:] == b"\n":
            stuffed = b"." + stuffed
        self._tail = block[-2:] if len(block) > 1 else self._tail[-1:] + block
        return stuffed

    def end(self) -> bytes:
        """Give the end of the content: a CRLF when the last line lacks it, then the final dot."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


def _dotted(block: bytes) -> bool:
    """Whether a line in a block begins with a dot.

    Encoded content has no dots at all, and a single octet is looked for some twenty times faster than two.
    """
    first = block.find(b".")
    return first >= 0 and block.find(b"\n.", max(0, first - 1), block.rfind(b".") + 1) >= 0
