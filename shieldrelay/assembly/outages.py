"""The down-times of every domain's server, in memory and in the spool's ledger (R7).

Binds `delivery.lane`, which says when a server goes down and comes back, and `delivery.queue`, which asks how much of a
message's life that took, to the spool's ledger files. A line that cannot be written is journalled and nothing else:
memory still knows it, and the next one stands for it.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.ports import Journal, WallClock
from shieldrelay.spool.ledger import Change, Ledger, overlap
from shieldrelay.spool.maildir import Spool


class Outages:
    """The ledgers of all domains.

    :param kept: seconds after which a down-time that is over matters to no message any more.
    """

    def __init__(self, spool: Spool, *, kept: float, wall: WallClock, journal: Journal) -> None:
        self._spool = spool
        self._kept = kept
        self._wall = wall
        self._journal = journal
        self._ledgers: dict[str, Ledger] = {}
        self._last: dict[str, Deferred[None]] = {}

    async def load(self, domain: str) -> float | None:
        """Read a domain's ledger; give for how many seconds an outage lasts that was never ended.

        :raises SpoolUnavailable: when it cannot be read.
        """
        ledger = await self._spool.compact_ledger(domain, self._wall() - self._kept)
        self._ledgers[domain] = ledger
        return max(0.0, self._wall() - ledger.intervals[-1].begin) if ledger.is_down else None

    def down(self, domain: str, seconds_ago: float) -> None:
        """An outage began, so many seconds ago."""
        self._note(domain, Change.DOWN, self._wall() - seconds_ago)

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """It is over, since so many seconds."""
        self._note(domain, Change.UP, self._wall() - seconds_ago)

    def of(self, domain: str) -> DomainOutages:
        """Give one domain's view."""
        return DomainOutages(self, domain)

    def overlap(self, domain: str, since: float, until: float) -> float:
        """Give the seconds of this stretch of wall-clock time in which a domain's server was down."""
        return overlap(self._ledgers.get(domain, _EMPTY), since, until)

    def down_since(self, domain: str) -> float | None:
        """Give when the outage began that lasts, seconds since the epoch."""
        ledger = self._ledgers.get(domain, _EMPTY)
        return ledger.intervals[-1].begin if ledger.is_down else None

    def _note(self, domain: str, change: Change, at: float) -> None:
        """Note a change, and write it down behind the one before it."""
        self._ledgers[domain] = self._ledgers.get(domain, _EMPTY).noting(change, at)
        before = self._last.get(domain)
        self._last[domain] = Deferred.fromCoroutine(self._write(domain, change, at, before)).addErrback(self._bug)

    async def _write(self, domain: str, change: Change, at: float, before: Deferred[None] | None) -> None:
        if before is not None:
            await before
        try:
            await self._spool.append_ledger(domain, change, at)
        except OSError as error:
            self._journal.event("ledger_failed", domain=domain, change=change.value, error=str(error))

    async def absorb(self, domain: str, other: Ledger) -> None:
        """Add down-times that a lost member knew of, in memory at once and durable at the end (R15).

        :raises SpoolUnavailable: when they cannot be written; memory knows them.
        """
        self._ledgers[domain] = self._ledgers.get(domain, _EMPTY).united(other)
        await self.write_anew(domain)

    async def write_anew(self, domain: str) -> None:
        """Have the file know all that memory knows, behind what is being written. Raises SpoolUnavailable."""
        before = self._last.get(domain)
        mine: Deferred[None] = Deferred()
        self._last[domain] = mine
        try:
            if before is not None:
                await before
            await self._spool.merge_ledger(domain, self._ledgers.get(domain, _EMPTY))
        finally:
            mine.callback(None)

    def written(self) -> list[Deferred[None]]:
        """Give what fires when every change is on disk; for the stop."""
        return list(self._last.values())

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="ledger", traceback=failure.getTraceback())


class DomainOutages:
    """One domain's down-times, as `delivery.queue` asks for them."""

    def __init__(self, outages: Outages, domain: str) -> None:
        self._outages = outages
        self._domain = domain

    def overlap(self, since: float, until: float) -> float:
        """Seconds of this interval of wall-clock time in which the next hop was down."""
        return self._outages.overlap(self._domain, since, until)


_EMPTY = Ledger()
