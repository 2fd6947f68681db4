"""The messages that are growing on the disk, counted, for the headroom (R14)."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from shieldrelay.delivery.holding import Draft
from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Content
from shieldrelay.spool.draft import Draft as SpoolDraft
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.progress import Progress


class Drafts:
    """Opens drafts and counts those that are not yet committed or discarded.

    :ivar growing: how many there are.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.growing = 0

    def open(self, message: Message) -> Deferred[Draft]:
        """Begin a draft."""
        return self._spool.draft(message).addCallback(self._opened)

    def _opened(self, draft: SpoolDraft) -> Draft:
        self.growing += 1
        return _CountedDraft(draft, self)


class _CountedDraft:
    """A draft that leaves the count when it ends."""

    def __init__(self, draft: SpoolDraft, drafts: Drafts) -> None:
        self._draft = draft
        self._drafts = drafts
        self._counted = True

    @property
    def message(self) -> Message:
        """What the draft's envelope block says."""
        return self._draft.message

    def append(self, block: bytes) -> Deferred[None]:
        """Write a block."""
        return self._draft.append(block)

    def content(self, *, ascii_header: bool) -> Content:
        """Give what was appended, for reading."""
        return self._draft.content(ascii_header=ascii_header)

    def commit(self, *, due: float, progress: Progress | None = None) -> Deferred[Entry]:
        """Make it a durable spool entry."""
        self._uncount()
        return self._draft.commit(due=due, progress=progress)

    def discard(self) -> Deferred[None]:
        """Remove the file, unless it was committed."""
        self._uncount()
        return self._draft.discard()

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            self._drafts.growing -= 1
