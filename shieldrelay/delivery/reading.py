"""Messages of one domain's backlog that are being read, or were read and wait for a slot.

They are read ahead by threads, so that no slot waits for the disk. What is here counts as in flight in the window.
Owned by `delivery.queue`, which says how many and which; what was read goes to it first. A file that cannot be read is
`delivery.settling`'s affair.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.settling import Settling
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.spool.entry import Entry, Record


class ReadingSpool(Protocol):
    """The spool as far as messages are read: `spool.maildir.Spool`."""

    def load(self, entry: Entry) -> Deferred[Record]:
        """Read one; fails with Damaged (set aside), Gone, or another OSError."""


class Reading:
    """The messages of one domain that are at hand.

    :param read: called with each message that was read; whoever is called may `keep` it.
    :param unread: called when one could not be read and the next may be.
    :ivar under_way: how many are being read.
    :ivar ready: those that wait for a slot, in the order in which they are to start.
    """

    def __init__(
        self,
        spool: ReadingSpool,
        window: BacklogWindow,
        settling: Settling,
        read: Callable[[Entry, Record, bool], object],
        unread: Callable[[], object],
    ) -> None:
        self._spool = spool
        self._window = window
        self._settling = settling
        self._read = read
        self._unread = unread
        self.under_way = 0
        self.ready: deque[tuple[Entry, Record]] = deque()

    @property
    def at_hand(self) -> int:
        """Both together."""
        return self.under_way + len(self.ready)

    def begin(self, entry: Entry, *, probe: bool) -> None:
        """Read an entry that was taken from the window."""
        self.under_way += 1
        loading = self._spool.load(entry)
        loading.addCallbacks(self._have_read, self._not_read, callbackArgs=(entry, probe), errbackArgs=(entry,))
        loading.addErrback(self._settling.bug, entry)

    def keep(self, entry: Entry, record: Record) -> None:
        """Let it wait for a slot."""
        self.ready.append((entry, record))

    def put_back(self) -> None:
        """Let what is ready wait in the window again: it is not to start now."""
        while self.ready:
            self._window.put_back(self.ready.popleft()[0])

    def forget(self, entry: Entry) -> None:
        """Drop an entry that is ready."""
        self.ready = deque(ready for ready in self.ready if ready[0].name != entry.name)

    def _have_read(self, record: Record, entry: Entry, probe: bool) -> None:
        self.under_way -= 1
        self._read(entry, self._settling.recall(entry, record), probe)

    def _not_read(self, failure: Failure, entry: Entry) -> None:
        self.under_way -= 1
        self._settling.unread(failure, entry)
        self._unread()
