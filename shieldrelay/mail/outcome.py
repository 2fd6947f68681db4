"""What became of a message at a next hop (RFC 5321 §4.2.1; the table of R2 stands in ``delivery.settlement``)."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.mail.reply import Reply


class Fate(Enum):
    """What one recipient's part of an attempt came to."""

    TAKEN = "taken"
    """The next hop has it: it answered 2yz after the final dot."""
    TRANSIENT = "transient"
    """Try again later."""
    REFUSED = "refused"
    """The next hop refused this recipient, or this sender, for good."""
    CONTENT_REFUSED = "content refused"
    """The next hop refused the content for good (5yz after DATA)."""


@frozen
class RecipientOutcome:
    """One recipient's fate with its reason.

    :ivar reply: the next hop's words, ``None`` when there were none (connection lost, timeout, our own decision).
    :ivar reason: why, in our words; one clause without a full stop.
    """

    fate: Fate
    reply: Reply | None = None
    reason: str = ""


class ServerHealth(Enum):
    """What an attempt says about the *server*, which is what the breaker judges (R6)."""

    ANSWERED = "answered"
    """It replied to MAIL or RCPT: it is up, whatever it said."""
    FAULT = "fault"
    """Connect, greeting, EHLO, TLS or 421: it is down or shuts down."""
    STALE = "stale"
    """A pooled connection had been closed while idle: says nothing, retried once on a fresh one."""
    SILENT = "silent"
    """It was given up while it had said nothing at all to this attempt: as bad as a fault, and nobody else is tried."""
    UNTRIED = "untried"
    """No connection was attempted (no slot in time), or it was given up half-way: says nothing."""

    @property
    def is_fault(self) -> bool:
        """Whether it speaks against the server."""
        return self is ServerHealth.FAULT or self is ServerHealth.SILENT


@frozen
class AttemptResult:
    """What one attempt came to.

    :ivar outcomes: one per recipient, in the envelope's order.
    :ivar health: what it says about the server.
    :ivar next_hop: ``address:port`` that was spoken to last, or ``""``: for the journal only, never for a sender (R11).
    :ivar reason: when health is FAULT, which step failed and how, in our words.
    :ivar tls: protocol version of the connection, ``None`` in plaintext.
    """

    outcomes: tuple[RecipientOutcome, ...]
    health: ServerHealth
    next_hop: str = ""
    reason: str = ""
    tls: str | None = None
