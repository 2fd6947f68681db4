"""What every session's `delivery.intake` works with, and the small ports of it. Values; nothing here fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from shieldrelay.content.inspected import Inspected
from shieldrelay.content.judgement import Judgement
from shieldrelay.content.steps import Seen
from shieldrelay.delivery.acceptance import Acceptance
from shieldrelay.delivery.holding import Draft, MemoryBudget
from shieldrelay.delivery.pauses import Pauses
from shieldrelay.delivery.provenance import NOTHING, ProvenanceTools
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message, Origin
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Clock, Gate, Journal, WallClock
from shieldrelay.smtp.limits import ContentRules


class Domains(Protocol):
    """What is configured for each protected domain."""

    def domain_of(self, mailbox: Mailbox) -> str:
        """Give the domain under which a recipient's mail is kept."""

    def content_rules(self, domain: str, address: str) -> ContentRules:
        """Give what content for a domain from a client must be like."""


class Trace(Protocol):
    """Makes the trace line: `mail.trace.received` with our hostname."""

    def __call__(self, origin: Origin, message_id: str, arrived: float, recipient: Mailbox | None) -> bytes:
        """Give one Received field, CRLF included."""


class EarlyStages(Protocol):
    """What the site's plugins say of one session before its contents: `content.conversation.Conversation`."""

    def mail(self, seen: Seen) -> Refusal | Deferred[Refusal | None] | None:
        """Judge a sender, and the connection and its name before it; never fails."""

    def recipient(self, seen: Seen) -> Refusal | Deferred[Refusal | None] | None:
        """Judge a recipient; never fails."""


class ContentStage(Protocol):
    """The checks of a complete message: `content.stage.Stage`."""

    def judge(self, inspected: Inspected) -> Judgement | Deferred[Judgement]:
        """Judge it; never fails."""


@frozen
class IntakeTools:
    """What every session's intake works with; made anew by a reload, and then used by sessions that begin.

    :ivar postmaster: where ``<postmaster>`` without a domain goes.
    :ivar in_memory: octets up to which one message's content stays in memory.
    :ivar stage: the checks of complete messages; ``None`` when there are none.
    :ivar early: begins what plugins are asked in one session before its contents; ``None`` when none sees that.
    """

    gate: Gate[Any]
    domains: Domains
    acceptance: Acceptance
    trace: Trace
    new_id: Callable[[], str]
    postmaster: Mailbox
    budget: MemoryBudget
    in_memory: int
    open_draft: Callable[[Message], Deferred[Draft]]
    pauses: Pauses
    clock: Clock
    wall: WallClock
    journal: Journal
    stage: ContentStage | None = None
    early: Callable[[], EarlyStages] | None = None
    provenance: ProvenanceTools = NOTHING
