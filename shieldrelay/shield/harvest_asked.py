"""What the defence against harvesting is asked, and what it answers: values, and the note of one session.

Made by `shield.gate`, read by ``shield.harvest*``. No judgement.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, frozen

from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance


class Existence(Enum):
    """Whether a recipient exists."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    LISTED = "listed"
    UNKNOWN = "unknown"
    FORMER = "former"
    """Unknown, but it was listed once: weighs a quarter."""
    TRAP = "trap"
    """Unknown, and nobody lawful has ever had it: weighs five."""


WEIGHTS = {Existence.LISTED: 0.0, Existence.UNKNOWN: 1.0, Existence.FORMER: 0.25, Existence.TRAP: 5.0}
"""How much each counts as an unknown recipient."""


class Rung(Enum):
    """How a RCPT is answered."""

    __hash__ = object.__hash__

    TRUTH = "truth"
    """As things are."""
    UNIFORM = "uniform"
    """450, whether it exists or not (D8)."""
    CLOSE = "close"
    """421, whether it exists or not."""


class HarvestSession:
    """What is remembered of one connection; owned by its visit.

    :ivar uniform: RCPTs answered alike so far.
    :ivar fresh: whether the recipient that is being asked for is new to its source; from `ask` to `answer`.
    :ivar grants: recipients granted in this transaction, by domain.
    """

    __slots__ = ("fresh", "grants", "uniform")

    def __init__(self) -> None:
        self.uniform = 0
        self.fresh = False
        self.grants: dict[str, int] = {}


@define(eq=False)
class Asked:
    """One RCPT; treated as immutable.

    :ivar domain: the protected domain's name.
    :ivar name: the recipient's 64-bit hash, domain included.
    :ivar sender: the reverse-path's 64-bit hash; 0 for the null reverse-path.
    :ivar open_least: recipients that may stand granted without a message, where the source's class has more than its
        past earns it (R23).
    """

    client: Client
    acquaintance: Acquaintance
    domain: str
    name: int
    existence: Existence
    sender: int
    session: HarvestSession
    open_least: float = 0.0


@frozen
class Answer:
    """How it is answered.

    :ivar delay: seconds to wait before; the same for all recipients once a source is suspect.
    :ivar reason: for the journal: the counter, its value and its threshold; ``""`` for the truth.
    :ivar crossing: this RCPT is the one that crossed the threshold: worth one line in the journal.
    """

    rung: Rung
    delay: float = 0.0
    reason: str = ""
    crossing: bool = False


TRUTH = Answer(Rung.TRUTH)
"""The truth, at once."""
