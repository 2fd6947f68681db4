"""The rules of content, held to while it streams by (R17, R25): what is passed on, what it is refused for.

All content is looked at, also behind the first fault, so that the verdict does not depend on how the content was cut
into segments; only what comes before the first fault is passed on. Scans at the speed of C, half a
microsecond a kilobyte for the newlines. Knows nothing of dots and chunks (`smtp.content` has taken them off).
Cannot fail.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.header import HeaderReader
from shieldrelay.smtp.limits import BareNewlines, ContentRules
from shieldrelay.smtp.mime_structure import MimeStructure

_PRECEDENCE = tuple(ContentFault)


def _only_pairs(block: bytes) -> bool:
    """Whether every CR is followed by an LF, and every LF preceded by a CR.

    The decoder of universal newlines looks for all three kinds in one pass, which takes a quarter of the time of two
    counts and a search.
    """
    seen = IncrementalNewlineDecoder(None, translate=False)
    seen.decode(block.decode("latin-1"), final=True)
    return seen.newlines is None or seen.newlines == "\r\n"


class Inspection:
    """One message's content.

    :ivar size: octets passed on, or that would have been.
    :ivar header: what is known of its header.
    """

    __slots__ = ("_cr", "_faults", "_line", "_rules", "header", "size")

    def __init__(self, rules: ContentRules) -> None:
        self._rules = rules
        self._cr = False
        self._line = 0
        self._faults: set[ContentFault] = set()
        self.size = 0
        self.header = HeaderReader(rules)

    @property
    def fault(self) -> ContentFault | None:
        """The fault that takes precedence among those found so far."""
        return min(self._faults, key=_PRECEDENCE.index) if self._faults else None

    def pass_on(self, block: bytes) -> bytes:
        """Look at the next block.

        :param block: in the content's order, cut anywhere; not empty.
        :returns: what is to be passed on; empty from the first fault on. A CR at its end waits for the next block.
        """
        if self._cr:
            block = b"\r" + block
        self._cr = block[-1:] == b"\r"
        if self._cr:
            block = block[:-1]
        return self._look(block) if block else b""

    def finish(self) -> bytes:
        """Come to the end of the content; give what is still to be passed on."""
        rest = self._look(b"\r") if self._cr else b""
        self._cr = False
        self.header.finish()
        self._faults.update(self.header.faults)
        return b"" if self._faults else rest

    def _look(self, block: bytes) -> bytes:
        if not _only_pairs(block):
            block = self._bare(block)
        if b"\0" in block:
            self._faults.add(ContentFault.NUL)
        self._measure(block)
        if self.header.open:
            self.header.feed(block)
            self._faults.update(self.header.faults)
            self._look_through(self.header.structure)
        elif (structure := self.header.structure) is not None and structure.open:
            structure.feed(block)
            self._look_through(structure)
        return b"" if self._faults else block

    def _look_through(self, structure: MimeStructure | None) -> None:
        """Hold the structure against its limits."""
        if structure is not None and structure.too_deep:
            self._faults.add(ContentFault.MIME_DEPTH)
        if structure is not None and structure.too_many:
            self._faults.add(ContentFault.MIME_PARTS)

    def _bare(self, block: bytes) -> bytes:
        """Deal with newlines that stand alone."""
        pairs = block.count(b"\r\n")
        if self._rules.bare_newlines is BareNewlines.NORMALIZE:
            return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if block.count(b"\n") != pairs:
            self._faults.add(ContentFault.BARE_LF)
        if block.count(b"\r") != pairs:
            self._faults.add(ContentFault.BARE_CR)
        return block

    def _measure(self, block: bytes) -> None:
        """Measure the message, and the lines that begin or end in earlier or later blocks."""
        self.size += len(block)
        if self.size > self._rules.message_size:
            self._faults.add(ContentFault.SIZE)
        if self._longest_line(block) > self._rules.line:
            self._faults.add(ContentFault.LINE)

    def _longest_line(self, block: bytes) -> int:
        """Measure the lines that end in this block, and what there is of the last one; without CRLF.

        Lines within a block need a look only when the block is longer than a line may be.
        """
        first = block.find(b"\n")
        if first < 0:
            self._line += len(block)
            return self._line
        last = block.rfind(b"\n")
        longest = max(self._line + first - 1, len(block) - last - 1)
        self._line = len(block) - last - 1
        if len(block) > self._rules.line + 3:
            longest = max(longest, max(map(len, block[first:last].split(b"\n"))) - 1)
        return longest
