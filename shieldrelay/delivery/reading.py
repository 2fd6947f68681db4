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
from shieldrelay.mail.envelope import Precedence
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
    :ivar ready: those that wait for a slot, by precedence, in the order in which they are to start.
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
        self._under_way = dict.fromkeys(Precedence, 0)
        self.ready: dict[Precedence, deque[tuple[Entry, Record]]] = {precedence: deque() for precedence in Precedence}

    def at_hand(self, precedence: Precedence) -> int:
        """How many of a precedence are being read or ready."""
        return self._under_way[precedence] + len(self.ready[precedence])

    def next(self, *, known_good_first: bool) -> deque[tuple[Entry, Record]] | None:
        """Give those of the precedence that starts next; ``None`` when nothing is ready.

        :param known_good_first: whether known-good mail goes before other mail that is ready too.
        """
        known_good, ordinary = self.ready[Precedence.KNOWN_GOOD], self.ready[Precedence.ORDINARY]
        if known_good and (known_good_first or not ordinary):
            return known_good
        return ordinary or None

    def begin(self, entry: Entry, *, probe: bool) -> None:
        """Read an entry that was taken from the window."""
        self._count(entry, 1)
        loading = self._spool.load(entry)
        loading.addCallbacks(self._have_read, self._not_read, callbackArgs=(entry, probe), errbackArgs=(entry,))
        loading.addErrback(self._settling.bug, entry)

    def keep(self, entry: Entry, record: Record) -> None:
        """Let it wait for a slot."""
        self.ready[entry.precedence].append((entry, record))

    def put_back(self) -> None:
        """Let what is ready wait in the window again: it is not to start now."""
        for ready in self.ready.values():
            while ready:
                self._window.put_back(ready.popleft()[0])

    def drop(self) -> None:
        """Forget what is ready: the files are another node's."""
        for ready in self.ready.values():
            while ready:
                self._window.forget(ready.popleft()[0])

    def forget(self, entry: Entry) -> None:
        """Drop an entry that is ready."""
        ready = self.ready[entry.precedence]
        self.ready[entry.precedence] = deque(each for each in ready if each[0].name != entry.name)

    def _count(self, entry: Entry, change: int) -> None:
        self.under_way += change
        self._under_way[entry.precedence] += change

    def _have_read(self, record: Record, entry: Entry, probe: bool) -> None:
        self._count(entry, -1)
        self._read(entry, self._settling.recall(entry, record), probe)

    def _not_read(self, failure: Failure, entry: Entry) -> None:
        self._count(entry, -1)
        self._settling.unread(failure, entry)
        self._unread()
