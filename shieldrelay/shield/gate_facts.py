"""What others tell the gate: where a recipient belongs, what the disk can take, what next hops said, a domain's limits.

Protocols and values only. Assembly gives `shield.gate` who knows them; each answers at once and never fails.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from attrs import frozen

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.mode import Mode


class Place(Enum):
    """Where a recipient belongs, as the gate sees it."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    LISTED = "listed"
    UNKNOWN = "unknown"
    FORMER = "former"
    """Unknown, but it was listed once: evidence that weighs little."""
    TRAP = "trap"
    """Unknown, and nobody lawful has ever had it: evidence that weighs much."""
    NOT_OURS = "not ours"


class Listing(Protocol):
    """Who exists behind us."""

    def place(self, mailbox: Mailbox) -> Place:
        """Say where a recipient belongs."""

    def enforced(self, domain: str) -> bool:
        """Whether a domain's list refuses already, or only says whom it would refuse (R27)."""


class Capacity(Protocol):
    """What the spool's disk can take (R14)."""

    def full(self) -> str | None:
        """Why no mail at all can be taken now, in our words; ``None`` when it can."""

    def domain_full(self, domain: str) -> str | None:
        """Why this domain's mail cannot be taken now: it has used up its share of the disk."""


class PastRefusals(Protocol):
    """What next hops refused lately (R2)."""

    def recall(self, mailbox: Mailbox) -> Reply | None:
        """Give the reply for a recipient that was refused for good within the hour."""


@frozen
class DomainLimits:
    """What one protected domain takes.

    :ivar name: the domain under which its mail is kept; its aliases have the same.
    :ivar size: largest message in octets, by our configuration.
    :ivar next_hop_size: gives the SIZE that its next hop announced last (R9), ``None`` when it never did.
    :ivar harvest: whether the defence against harvesting acts for this domain.
    """

    name: str
    size: int
    next_hop_size: Callable[[], int | None]
    harvest: Mode = Mode.ENFORCE
