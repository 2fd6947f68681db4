"""One RCPT with all that is known around it: whose counters it is held against.

Gathered by `shield.harvest` for each question, read by `shield.harvest_ladder` and `shield.harvest_patience`. A source
with a good name has counters at each domain (R19); others have one set for all domains.
"""

from __future__ import annotations

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest_asked import WEIGHTS, Asked
from shieldrelay.shield.harvest_domain import DomainShield, Level
from shieldrelay.shield.harvest_settings import Budget, HarvestSettings


class Case:
    """The facts of one RCPT.

    :ivar table: of ``row``.
    :ivar row: of the source, or of the source at this domain.
    :ivar kind: how well the source is known; one with a good name that offended lately counts as a neighbour.
    :ivar budget: what it is held against.
    :ivar network: the row of its network.
    :ivar elsewhere: unknown recipients whose answer waits on other members.
    :ivar level: of the domain.
    :ivar weight: how much the recipient counts as unknown; 0 when it exists.
    """

    __slots__ = (
        "asked", "budget", "domain", "elsewhere", "kind", "level", "network", "now", "row", "settings", "table",
        "weight",
    )  # fmt: skip

    def __init__(
        self,
        asked: Asked,
        settings: HarvestSettings,
        table: Table,
        row: Row,
        kind: Acquaintance,
        network: Row,
        domain: DomainShield,
        now: float,
        elsewhere: float = 0.0,
    ) -> None:
        self.asked = asked
        self.settings = settings
        self.table = table
        self.row = row
        self.kind = kind
        self.network = network
        self.domain = domain
        self.now = now
        self.elsewhere = elsewhere
        self.budget: Budget = settings.budgets[kind]
        self.level = Level.CALM
        self.weight = WEIGHTS[asked.existence]

    @property
    def good(self) -> bool:
        """Whether the source has a good name."""
        return self.kind is Acquaintance.KNOWN_GOOD

    def total(self, field: int) -> float:
        """Give a counter of the source."""
        return self.table.total(self.row, field)

    def add(self, field: int, amount: float) -> None:
        """Add to a counter of the source."""
        self.table.add(self.row, field, amount)

    def take(self, field: int, amount: float) -> None:
        """Take from a counter of the source, down to nothing."""
        self.table.cap(self.row, field, max(0.0, self.total(field) - amount))
