"""Who goes on with mail that was another member's: the queue and the ledger of a domain, or the notices' queue (R15).

Bind `spool.adoption.Heir` to what a node has. What fails is the spool's, and fails the adoption, which is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed

from shieldrelay.assembly.outages import Outages
from shieldrelay.delivery.notice_queue import NoticeQueue
from shieldrelay.delivery.queue import Queue
from shieldrelay.ports import WallClock
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.ledger import Ledger


@frozen
class DomainHeir:
    """A protected domain's."""

    domain: str
    queue: Queue
    outages: Outages
    wall: WallClock

    def inherited(self, entries: Sequence[Entry]) -> None:
        """Count them in the backlog."""
        self.queue.inherited(entries)

    def look_again(self) -> None:
        """Look into the spool."""
        self.queue.look_again()

    def bereaved(self, ledger: Ledger) -> Deferred[None]:
        """Add its down-times. One that lasted when its member was lost ends now: no mail expires sooner for that."""
        return Deferred.fromCoroutine(self.outages.absorb(self.domain, ledger.ended(self.wall())))


@frozen
class NoticesHeir:
    """Our own notices', which have no ledger."""

    queue: NoticeQueue

    def inherited(self, entries: Sequence[Entry]) -> None:
        """Have them looked at."""
        if entries:
            self.queue.look()

    def look_again(self) -> None:
        """Look into the spool."""
        self.queue.look()

    def bereaved(self, ledger: Ledger) -> Deferred[None]:
        """Nothing to add."""
        return succeed(None)
