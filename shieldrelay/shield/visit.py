"""One connection in the gate's eyes, from admission to its end.

A note of the gate's, written and read by `shield.gate` alone; whoever holds the connection only gives it back, and
reads what `ports.Visit` names. Holds no socket and no clock.
"""

from __future__ import annotations

from shieldrelay.mail.address import ReversePath
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import HarvestSession
from shieldrelay.shield.reputation_score import Band


class Visit:
    """One connection.

    :ivar reference: the session's id.
    :ivar allowed: the operator lets this client pass whatever the defences say (R18).
    :ivar doubted: weak evidence has been held against its client in this session.
    :ivar greeting_delay: seconds.
    :ivar band: what the client's name was worth at the last MAIL.
    :ivar asked: well-formed recipients of protected domains, in all transactions.
    :ivar unknown: those of them that do not exist.
    :ivar open_least: see `harvest_asked.Asked`.
    :ivar sender: the last reverse-path and its hash, so that a transaction is hashed once.
    """

    __slots__ = (
        "acquaintance", "allowed", "asked", "band", "client", "doubted", "greeting_delay", "harvest",
        "harvest_observed", "open_least", "reference", "sender", "unknown",
    )  # fmt: skip

    def __init__(self, client: Client, acquaintance: Acquaintance, reference: str) -> None:
        self.client = client
        self.acquaintance = acquaintance
        self.reference = reference
        self.allowed = False
        self.doubted = False
        self.greeting_delay = 0.0
        self.harvest: HarvestSession | None = None
        self.harvest_observed: HarvestSession | None = None
        self.band = Band.CLEAN
        self.asked = 0
        self.unknown = 0
        self.open_least = 0.0
        self.sender: tuple[ReversePath | None, int] = (None, 0)

    @property
    def known_good(self) -> bool:
        """Whether the client's past earns it precedence (R19)."""
        return self.acquaintance is Acquaintance.KNOWN_GOOD
