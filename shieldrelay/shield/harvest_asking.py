"""Unknown recipients that were asked for and wait for their answer: the other members hear of them before the asker.

An answer is charged when it is told, and the others hear of that with the next exchange: too late for who goes to
another member at once, who would be told as much by each. So an ask that waits for an exchange (R21) counts in it
already, for the others alone; here those that are answered count. What is never answered, because its client went
away, fades. Pure; used by `shield.harvest`. Cannot fail.
"""

from __future__ import annotations

from shieldrelay.cluster.table import Table
from shieldrelay.shield.harvest_kinds import ASKING, WAITING


class Asking:
    """What waits for its answer, by source.

    :ivar table: to be shared by the exchange.
    """

    def __init__(self) -> None:
        self.table = Table(ASKING)

    def begin(self, source: bytes, weight: float, now: float) -> None:
        """Count an ask that is going to wait."""
        self.table.add(self.table.row(source, now), WAITING, weight)

    def end(self, source: bytes, weight: float, now: float) -> None:
        """Count it no more: it is answered."""
        row = self.table.get(source, now)
        if row is not None and row.own[WAITING]:
            self.table.put(row, WAITING, max(0.0, row.own[WAITING] - weight))

    def elsewhere(self, source: bytes, now: float) -> float:
        """Give what waits on the other members."""
        row = self.table.get(source, now)
        return 0.0 if row is None else row.others[WAITING]
