"""One message's content on its way in: a reader for each stretch of it, and one inspection over all of them.

DATA is one stretch, each BDAT another. Knows nothing of commands and replies. Called by `smtp.transfer`. Cannot fail.
"""

from __future__ import annotations

from shieldrelay.ports import BLOCK_OCTETS
from shieldrelay.smtp.command_lines import CommandLines
from shieldrelay.smtp.content import ContentReader
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.events import ContentCompleted, ContentReceived
from shieldrelay.smtp.inspection import Inspection
from shieldrelay.smtp.limits import ContentRules


class Incoming:
    """Content that is wanted.

    :ivar reader: the stretch that is being read, or was read last.
    :ivar paused: between two chunks: what comes next is a command.
    """

    __slots__ = ("_inspection", "_rules", "paused", "reader")

    def __init__(self, rules: ContentRules, reader: ContentReader) -> None:
        self._rules = rules
        self._inspection = Inspection(rules)
        self.reader = reader
        self.paused = False

    def begin(self, reader: ContentReader) -> None:
        """Go on with the next stretch."""
        self.reader = reader
        self.paused = False

    def step(self, inbox: CommandLines) -> list[ContentReceived]:
        """Read one piece of a settled inbox that is not empty."""
        block = self.reader.read(inbox)
        return _received(self._inspection.pass_on(block)) if block else []

    @property
    def endless(self) -> bool:
        """No end came within the octets that anybody would read."""
        return self.reader.taken > self._rules.endless

    def finish(self) -> list[ContentReceived | ContentCompleted]:
        """Come to the end: give what was held back until now, and the completion."""
        rest = _received(self._inspection.finish())
        seen = self._inspection
        return [*rest, ContentCompleted(seen.fault, seen.size, seen.header.is_ascii, seen.header.received_count)]

    def give_up(self) -> ContentCompleted:
        """Complete what has no end; what was counted of it says nothing."""
        return ContentCompleted(ContentFault.ENDLESS, self._rules.endless)


def _received(block: bytes) -> list[ContentReceived]:
    """Cut to the size in which blocks move through the house: normalizing may have made one longer."""
    if not block:
        return []
    if len(block) <= BLOCK_OCTETS:
        return [ContentReceived(block)]
    return [ContentReceived(block[at : at + BLOCK_OCTETS]) for at in range(0, len(block), BLOCK_OCTETS)]
