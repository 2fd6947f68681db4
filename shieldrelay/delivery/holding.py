"""Where a message's content is while it comes in: in memory, and beyond a limit in an unsynced spool draft (D2, R14).

One `MemoryBudget` bounds what all sessions hold together. A `Holding` belongs to one mail transaction; it is told
the blocks in order and ends as a `Content`, or is discarded. It knows nothing of SMTP. A disk that fails shows as
the Deferred of an append, or of `commit`, failing with OSError; the holding is then only good for `discard`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from shieldrelay.delivery.topped import ToppedContent
from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Content, joined
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.progress import Progress


class MemoryBudget:
    """Octets of content that all sessions together may hold in memory.

    :ivar limit: octets; reaching it sends further content to the disk, it refuses nothing.
    :ivar used: octets held now.
    """

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, octets: int) -> bool:
        """Reserve; false, and nothing reserved, when it does not fit."""
        if self.used + octets > self.limit:
            return False
        self.used += octets
        return True

    def take_anyway(self, octets: int) -> None:
        """Reserve, whether or not it fits: for what is small and cannot wait."""
        self.used += octets

    def give_back(self, octets: int) -> None:
        """Return what was taken."""
        self.used -= octets


class Draft(Protocol):
    """A spool file under ``tmp/`` that grows while content comes in: ``spool.draft.Draft``."""

    @property
    def message(self) -> Message:
        """Give what its envelope block says."""

    def append(self, block: bytes) -> Deferred[None]:
        """Write a block; one at a time."""

    def content(self, *, ascii_header: bool) -> Content:
        """Give what was appended, for reading."""

    def discard(self) -> Deferred[None]:
        """Remove the file; allowed at any time and more than once."""

    def commit(self, *, due: float, progress: Progress | None = None) -> Deferred[Entry]:
        """Make it a durable spool entry, with what an inline attempt came to."""


class Holding:
    """The content of one message while it is received.

    :param message: what the message is, for the draft's envelope block.
    :param budget: the cap over all sessions.
    :param in_memory: octets up to which this message stays in memory.
    :param open_draft: begins a spool draft.
    """

    __slots__ = (
        "_blocks", "_budget", "_discarded", "_draft", "_held", "_in_memory", "_message", "_on_top", "_open_draft",
    )  # fmt: skip

    def __init__(
        self, message: Message, budget: MemoryBudget, in_memory: int, open_draft: Callable[[Message], Deferred[Draft]]
    ) -> None:
        self._message = message
        self._budget = budget
        self._in_memory = in_memory
        self._open_draft = open_draft
        self._blocks: list[bytes] = []
        self._held = 0
        self._draft: Draft | None = None
        self._discarded = False
        self._on_top = b""

    @property
    def draft(self) -> Draft | None:
        """The spool draft that is the whole content, when that outgrew its place in memory and nothing came on top."""
        return None if self._on_top else self._draft

    def begin(self, block: bytes) -> None:
        """Hold the first octets, our trace line, in memory in any case: nobody waits before the content has begun."""
        self._budget.take_anyway(len(block))
        self._held = len(block)
        self._blocks.append(block)

    def append(self, block: bytes) -> Deferred[None] | None:
        """Hold one more block.

        :returns: ``None`` when it is held; else a Deferred that fires when it is, and until then nothing more may be
            appended. It fails with OSError when the disk does.
        """
        if self._draft is not None:
            return self._draft.append(block)
        octets = len(block)
        if self._held + octets <= self._in_memory and self._budget.take(octets):
            self._held += octets
            self._blocks.append(block)
            return None
        return Deferred.fromCoroutine(self._spill(block))

    async def _spill(self, block: bytes) -> None:
        """Move what is in memory, and this block, to a draft; discarded meanwhile, the draft goes at once."""
        draft = await self._open_draft(self._message)
        if self._discarded:
            await draft.discard()
            return
        self._draft = draft
        blocks, self._blocks = self._blocks, []
        await draft.append(joined([*blocks, block]))
        self._release()

    def annotate(self, fields: bytes) -> None:
        """Put header fields on top of the content; after the last append, and before the `content` that has them.

        A draft then serves for reading only: what is spooled is a copy with the fields.

        :param fields: whole header fields of printable ASCII, each ended by CRLF.
        """
        if self._draft is not None:
            self._on_top = fields + self._on_top
            return
        self._budget.take_anyway(len(fields))
        self._held += len(fields)
        self._blocks.insert(0, fields)

    def content(self, *, ascii_header: bool) -> Content:
        """Give the whole content; after the last append only.

        :param ascii_header: whether the header block has no octet above 127.
        """
        if self._draft is not None:
            content = self._draft.content(ascii_header=ascii_header)
            return ToppedContent(self._on_top, content) if self._on_top else content
        return MemoryContent(tuple(self._blocks), ascii_header=ascii_header)

    def discard(self) -> Deferred[None] | None:
        """Let go of memory and draft; allowed at any time, more than once, and after `content` was used up.

        :returns: what fires when the draft is gone, ``None`` when there is none; fails with OSError, and the file is
            then left for the sweep of the next start.
        """
        self._discarded = True
        self._blocks = []
        self._release()
        draft, self._draft = self._draft, None
        return None if draft is None else draft.discard()

    def _release(self) -> None:
        held, self._held = self._held, 0
        self._budget.give_back(held)
