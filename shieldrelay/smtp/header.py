"""The header block of content as it streams by: how big, how many fields, how many hops (RFC 5322 §2.2, R25).

Blocks are only referred to until the empty line that ends the header is found, or the declared limit is passed; then
everything is counted once, at the speed of C. Called by `smtp.inspection`. Cannot fail; what it finds does not depend
on how the content was cut into blocks.
"""

from __future__ import annotations

import re

from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.smtp.mime_structure import MimeStructure

_EMPTY_LINE = b"\r\n\r\n"
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")


class HeaderReader:
    """Reads one content's header.

    :ivar open: it has not come to its end; `feed` until it has, then `finish`.
    :ivar is_ascii: no octet above 127 was in it.
    :ivar received_count: its Received fields.
    :ivar faults: the rules that it breaks.
    :ivar structure: of the body behind it, to be fed; ``None`` when it has none.
    """

    __slots__ = ("_blocks", "_rules", "_size", "_tail", "faults", "is_ascii", "open", "received_count", "structure")

    def __init__(self, rules: ContentRules) -> None:
        self._rules = rules
        self._blocks: list[bytes] = []
        self._size = 0
        self._tail = b"\r\n"
        self.open = True
        self.is_ascii = True
        self.received_count = 0
        self.structure: MimeStructure | None = None
        self.faults: tuple[ContentFault, ...] = ()

    def feed(self, block: bytes) -> None:
        """Look at the next block; not empty."""
        probe = self._tail + block
        end = probe.find(_EMPTY_LINE)
        if end >= 0:
            self._blocks.append(block[: max(0, end + 2 - len(self._tail))])
            self.finish()
            if self.structure is not None:
                self.structure.feed(probe[end + 2 :])
            return
        self._tail = probe[-3:]
        self._blocks.append(block)
        self._size += len(block)
        if self._size > self._rules.header_block + 2:
            self.finish()

    def finish(self) -> None:
        """Count; nothing more of it will come."""
        if self.open:
            self.open = False
            self._judge(b"".join(self._blocks)[: self._rules.header_block + 1])
            self._blocks.clear()

    def _judge(self, header: bytes) -> None:
        """Count in what stands before the first empty line; look closer only when something is suspicious."""
        if self._is_suspicious(header):
            header = header[: _true_end(header)]
        structure = MimeStructure(header[:-2], depth=self._rules.mime_depth, parts=self._rules.mime_parts)
        self.structure = structure if structure.open else None
        self.is_ascii = header.isascii()
        self.received_count = _received(header)
        self.faults = tuple(self._broken(header))

    def _is_suspicious(self, header: bytes) -> bool:
        rules = self._rules
        return (
            not header.isascii()
            or len(header) > min(rules.header_block, rules.header_field)
            or header.count(b"\r\n") > min(rules.header_fields, rules.hops)
        )

    def _broken(self, header: bytes) -> list[ContentFault]:
        """Name the rules that a header breaks."""
        rules = self._rules
        broken = []
        if self.received_count >= rules.hops:
            broken.append(ContentFault.HOPS)
        if len(header) > rules.header_block:
            broken.append(ContentFault.HEADER_BLOCK)
        if _fields(header) > rules.header_fields:
            broken.append(ContentFault.HEADER_FIELDS)
        if len(header) > rules.header_field and _longest_field(header) > rules.header_field:
            broken.append(ContentFault.HEADER_FIELD)
        return broken


def _true_end(header: bytes) -> int:
    """Find where fields end: at the first line that is neither a field nor the fold of one.

    Content without an empty line, or with a body that begins without one, is no endless header.
    """
    start = 0
    while start < len(header):
        end = header.find(b"\n", start) + 1
        folded = header[start] in b" \t" and start > 0
        if end and not folded and not _FIELD_NAME.match(header, start):
            return start
        start = end or len(header)
    return start


def _fields(header: bytes) -> int:
    """Count fields: lines that are no folds."""
    return header.count(b"\r\n") - header.count(b"\r\n ") - header.count(b"\r\n\t")


def _received(header: bytes) -> int:
    """Count Received fields."""
    lower = header.lower()
    return lower.count(b"\r\nreceived:") + lower.startswith(b"received:")


def _longest_field(header: bytes) -> int:
    """Measure the longest field with its folds and its CRLF."""
    longest = size = 0
    for line in header.split(b"\n"):
        size = size + len(line) + 1 if line[:1] in (b" ", b"\t") else len(line) + 1
        longest = max(longest, size)
    return longest
