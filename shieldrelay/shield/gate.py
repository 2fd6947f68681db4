"""The gate: every judgement over a mail transaction, in one order (R17, R18).

Pure judgement over facts that others hold: who is protected, who is listed, what the disk can take, what a next hop
said lately. Answers at once, never fails, writes nothing. `delivery.intake` asks it and tells the client and the
journal. A permanent refusal comes only from relaying denied, an unknown recipient, and a declared limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from attrs import frozen

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp import replies


class Place(Enum):
    """Where a recipient belongs, as the gate sees it."""

    LISTED = "listed"
    UNKNOWN = "unknown"
    NOT_OURS = "not ours"


class Listing(Protocol):
    """Who exists behind us."""

    def place(self, mailbox: Mailbox) -> Place:
        """Say where a recipient belongs."""


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
    """

    name: str
    size: int
    next_hop_size: Callable[[], int | None]


class Gate:
    """Judges MAIL and RCPT.

    :param domains: by every name of every protected domain.
    :param domains_per_transaction: how many of them one transaction may have (R3).
    """

    def __init__(
        self,
        domains: dict[str, DomainLimits],
        listing: Listing,
        capacity: Capacity,
        past: PastRefusals,
        *,
        domains_per_transaction: int,
    ) -> None:
        self._domains = domains
        self._listing = listing
        self._capacity = capacity
        self._past = past
        self._domains_per_transaction = domains_per_transaction

    def mail(self, declared_size: int | None) -> Refusal | None:
        """Judge MAIL; the receiver has held the declared size against the node's own limit already."""
        full = self._capacity.full()
        return None if full is None else Refusal(replies.SPOOL_FULL, full, "capacity")

    def recipient(
        self, mailbox: Mailbox, transaction_domains: Sequence[str], declared_size: int | None
    ) -> Refusal | None:
        """Judge one RCPT, cheapest and most general first."""
        domain = self._domains.get(mailbox.domain_key)
        if domain is None:
            return Refusal(replies.RELAYING_DENIED, "the domain is not protected here", "relay")
        place = self._listing.place(mailbox)
        if place is not Place.LISTED:
            return Refusal(replies.UNKNOWN_RECIPIENT, "the recipient is not listed", "recipients")
        if domain.name not in transaction_domains and len(transaction_domains) >= self._domains_per_transaction:
            return Refusal(replies.ANOTHER_TRANSACTION, "the transaction has another domain already", "limits")
        return self._size(domain, declared_size) or self._past_or_room(domain, mailbox)

    def domain_of(self, mailbox: Mailbox) -> str:
        """Give the domain under which a recipient's mail is kept; only for recipients that were let in."""
        return self._domains[mailbox.domain_key].name

    def size_limit(self, domain: str) -> int:
        """Give the largest message in octets that a protected domain takes."""
        return self._domains[domain].size

    def _size(self, domain: DomainLimits, declared_size: int | None) -> Refusal | None:
        if declared_size is None:
            return None
        announced = domain.next_hop_size()
        limit = domain.size if announced is None else min(domain.size, announced)
        if declared_size <= limit:
            return None
        return Refusal(replies.MESSAGE_TOO_BIG, f"the declared size is over {limit} octets", "limits")

    def _past_or_room(self, domain: DomainLimits, mailbox: Mailbox) -> Refusal | None:
        remembered = self._past.recall(mailbox)
        if remembered is not None:
            return Refusal(remembered, "its next hop refused this recipient within the hour", "next_hop")
        full = self._capacity.domain_full(domain.name)
        return None if full is None else Refusal(replies.SPOOL_FULL, full, "capacity")
