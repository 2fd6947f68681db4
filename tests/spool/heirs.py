"""An heir for the tests of takeovers: it keeps what it is given, as a queue and a ledger would."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from shieldrelay.spool.entry import Entry
from shieldrelay.spool.ledger import Ledger
from shieldrelay.spool.maildir import Spool


class KeepingHeir:
    """One domain's heir.

    :ivar entries: by id, those that it was given.
    :ivar looks: how often it was asked to look again.
    """

    def __init__(self, spool: Spool, domain: str) -> None:
        self.entries: dict[str, Entry] = {}
        self.looks = 0
        self._spool = spool
        self._domain = domain

    def inherited(self, entries: Sequence[Entry]) -> None:
        """Keep them."""
        self.entries.update({entry.id: entry for entry in entries})

    def look_again(self) -> None:
        """Count."""
        self.looks += 1

    def bereaved(self, ledger: Ledger) -> Deferred[None]:
        """Merge the ledger."""
        return self._spool.merge_ledger(self._domain, ledger).addCallback(lambda _: None)
