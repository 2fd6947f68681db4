"""Messages that are done with leave the spool at once (decision record 0012), or as soon as the disk obeys again.

What cannot be removed would be delivered again by the next scan, and again by each one after it, as long as the disk
is read-only. So it is kept here, tried again after `TROUBLE_SECONDS`, and nothing more of the domain is taken
meanwhile (`blocked`): a disk that fails costs at most what was under way. A crash makes duplicates of what was
delivered and not yet removed, never a loss. Owned by `delivery.settling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.alarm import Alarm
from shieldrelay.delivery.respite import TROUBLE_SECONDS
from shieldrelay.ports import Clock, Journal
from shieldrelay.spool.entry import Entry


class RemovingSpool(Protocol):
    """The spool as far as messages leave it: `spool.maildir.Spool`."""

    def remove(self, entries: Iterable[Entry]) -> Deferred[None]:
        """Forget messages that were settled; OSError when one of them is still there."""


class Removals:
    """What leaves one domain's backlog.

    :param gone: called for each entry once its file is gone.
    :param resumed: called when the disk obeys again.
    :ivar blocked: whether messages could not be removed.
    """

    def __init__(
        self,
        spool: RemovingSpool,
        gone: Callable[[Entry], object],
        resumed: Callable[[], object],
        *,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._spool = spool
        self._gone = gone
        self._resumed = resumed
        self._journal = journal
        self._next: list[Entry] = []
        self._stopping = False
        self._again = Alarm(clock, self._begin)
        self.blocked = False

    def add(self, entry: Entry) -> None:
        """Remove an entry, or keep it with those that could not be removed."""
        self._next.append(entry)
        if not self.blocked or self._stopping:
            self._begin()

    def start(self) -> None:
        """Try again later what cannot be removed."""
        self._stopping = False

    def stop(self) -> None:
        """Try once more what could not be removed, and from now on each entry once."""
        self._stopping = True
        self._again.cancel()
        self._begin()

    def _begin(self) -> None:
        if not self._next:
            return
        batch, self._next = self._next, []
        removing = self._spool.remove(batch)
        removing.addCallbacks(self._removed, self._unremoved, callbackArgs=(batch,), errbackArgs=(batch,))

    def _removed(self, _result: None, batch: list[Entry]) -> None:
        for entry in batch:
            self._gone(entry)
        blocked, self.blocked = self.blocked, False
        if blocked:
            self._resumed()

    def _unremoved(self, failure: Failure, batch: list[Entry]) -> None:
        """Keep what is still there, and say so once for the whole batch."""
        self.blocked = True
        self._next = batch + self._next
        first, error = batch[0], failure.getErrorMessage()
        self._journal.event("remove_failed", message=first.id, domain=first.domain, error=error)
        if not self._stopping:
            self._again.within(TROUBLE_SECONDS)
