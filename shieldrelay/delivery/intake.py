"""What one session's commands mean here: from MAIL to the reply after the content (R2, R3, R9).

One per SMTP session. The connection hands it the receiver's questions and sends what it answers; it asks the gate,
keeps the transaction, holds the content, and gives the complete message to the acceptance. Knows no socket. Every
refusal has two faces: the reply, and the line in the journal under the session's id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.acceptance import Acceptance
from shieldrelay.delivery.holding import Draft, Holding, MemoryBudget
from shieldrelay.mail.address import BarePostmaster, Mailbox, ReversePath
from shieldrelay.mail.envelope import Envelope, Message, Origin, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Clock, Gate, Journal, WallClock
from shieldrelay.smtp import replies
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.events import ContentCompleted, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.spool.faults import SpoolFull


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


@frozen
class IntakeTools:
    """What every session's intake works with; made anew by a reload, and then used by sessions that begin.

    :ivar postmaster: where ``<postmaster>`` without a domain goes.
    :ivar in_memory: octets up to which one message's content stays in memory.
    """

    gate: Gate
    domains: Domains
    acceptance: Acceptance
    trace: Trace
    new_id: Callable[[], str]
    postmaster: Mailbox
    budget: MemoryBudget
    in_memory: int
    open_draft: Callable[[Message], Deferred[Draft]]
    clock: Clock
    wall: WallClock
    journal: Journal


class Intake:
    """The transactions of one session.

    :param session: the session's id.
    :param address: the client's IP address.
    :ivar accepted: messages that were answered 2yz; ``refused`` commands that were refused.
    """

    __slots__ = (
        "_address",
        "_began",
        "_content_rules",
        "_declared_size",
        "_domains",
        "_fault",
        "_holding",
        "_mail",
        "_message",
        "_origin",
        "_parts",
        "_recipients",
        "_session",
        "_tools",
        "accepted",
        "refused",
    )

    def __init__(self, tools: IntakeTools, session: str, address: str) -> None:
        self._tools = tools
        self._session = session
        self._address = address
        self.accepted = 0
        self.refused = 0
        self._holding: Holding | None = None
        self._forget()

    def _forget(self) -> None:
        self._mail: MailRequested | None = None
        self._recipients: list[tuple[str, Recipient]] = []
        self._domains: list[str] = []
        self._message: Message | None = None
        self._parts: list[Message] = []
        self._fault: OSError | MemoryError | None = None
        self._origin: Origin | None = None
        self._began = 0.0

    # the questions, in the order in which a session asks them

    def mail(self, asked: MailRequested, origin: Origin) -> Reply:
        """Answer MAIL."""
        refusal = self._tools.gate.mail(asked.size)
        if refusal is not None:
            return self._refuse("mail", refusal, reverse_path=asked.reverse_path)
        self._forget()
        self._mail = asked
        self._origin = origin
        self._began = self._tools.clock.seconds()
        return replies.SENDER_OK

    def recipient(self, asked: RecipientRequested) -> Reply:
        """Answer RCPT."""
        mail = self._mail
        if mail is None:
            return replies.BAD_SEQUENCE
        path = asked.forward_path
        mailbox = self._tools.postmaster if isinstance(path, BarePostmaster) else path
        refusal = self._tools.gate.recipient(mailbox, self._domains, mail.size)
        if refusal is not None:
            return self._refuse("rcpt", refusal, reverse_path=mail.reverse_path, recipient=str(mailbox))
        domain = self._tools.domains.domain_of(mailbox)
        if domain not in self._domains:
            self._domains.append(domain)
        self._recipients.append((domain, Recipient(mailbox, asked.notify, asked.orcpt)))
        return replies.RECIPIENT_OK

    def content_rules(self) -> ContentRules:
        """Give what the content of this transaction must be like; asked before DATA or BDAT is answered."""
        return self._tools.domains.content_rules(self._domains[0], self._address)

    def content_requested(self) -> Reply:
        """Answer DATA, or the first BDAT: from here on content may come."""
        self._parts = self._messages()
        self._message = self._parts[0]
        tools = self._tools
        self._holding = Holding(self._message, tools.budget, tools.in_memory, tools.open_draft)
        self.content(tools.trace(self._origin_now(), self._message.id, self._message.arrived, self._only_recipient()))
        return replies.START_CONTENT

    def content(self, block: bytes) -> Deferred[None] | None:
        """Hold a block; a Deferred means that nothing more may come until it fires. It never fails."""
        holding = self._holding
        if holding is None or self._fault is not None:
            return None
        held = holding.append(block)
        return None if held is None else held.addErrback(self._unheld)

    def completed(self, complete: ContentCompleted) -> Reply | Deferred[Reply]:
        """Answer the end of the content."""
        fault = complete.fault
        if fault is not None:
            return self._ended(self._refuse_content(fault), f"content: {fault.name.lower()}")
        if self._fault is not None:
            reply = replies.SPOOL_FULL if isinstance(self._fault, SpoolFull) else replies.SPOOL_UNAVAILABLE
            return self._ended(reply, str(self._fault))
        holding = self._holding
        if holding is None:
            return replies.BAD_SEQUENCE
        content = holding.content(ascii_header=complete.ascii_header)
        self._holding = None
        answer = self._tools.acceptance.accept(self._parts, holding, content)
        return answer.addCallback(self._ended, "", content.size)

    def reset(self) -> None:
        """Drop the transaction: RSET, EHLO, a lost connection."""
        self._drop_content()
        self._forget()

    # its parts

    def _messages(self) -> list[Message]:
        """Make the messages of this transaction, one for each protected domain (R3)."""
        arrived = self._tools.wall()
        return [self._message_for(domain, arrived) for domain in self._domains]

    def _message_for(self, domain: str, arrived: float) -> Message:
        mail = self._mail
        if mail is None:
            raise RuntimeError("there is no transaction")
        recipients = tuple(recipient for where, recipient in self._recipients if where == domain)
        envelope = Envelope(mail.reverse_path, recipients, mail.body, mail.smtputf8, mail.ret, mail.envid)
        return Message(self._tools.new_id(), arrived, domain, envelope, self._origin)

    def _origin_now(self) -> Origin:
        if self._origin is None:
            raise RuntimeError("there is no transaction")
        return self._origin

    def _only_recipient(self) -> Mailbox | None:
        """Give the recipient for the trace line, unless that would tell one of another (RFC 5321 §7.2)."""
        return self._recipients[0][1].mailbox if len(self._recipients) == 1 else None

    def _unheld(self, failure: Failure) -> None:
        """Remember that content could not be held; the rest of it is swallowed."""
        if isinstance(failure.value, (OSError, MemoryError)):
            self._fault = failure.value
        else:
            self._fault = OSError(failure.getErrorMessage())
            self._tools.journal.event("bug", where="holding", session=self._session, traceback=failure.getTraceback())
        self._drop_content()

    def _drop_content(self) -> None:
        holding, self._holding = self._holding, None
        discarding = None if holding is None else holding.discard()
        if discarding is not None:
            discarding.addErrback(self._undiscarded)

    def _undiscarded(self, failure: Failure) -> None:
        self._tools.journal.event("discard_failed", session=self._session, error=failure.getErrorMessage())

    def _refuse(self, stage: str, refusal: Refusal, *, reverse_path: ReversePath, recipient: str = "") -> Reply:
        self.refused += 1
        self._tools.journal.event(
            "refused",
            session=self._session,
            peer=self._address,
            stage=stage,
            code=refusal.reply.code,
            status=refusal.reply.status,
            defence=refusal.defence,
            reason=refusal.reason,
            reverse_path=str(reverse_path),
            recipient=recipient,
        )
        return refusal.reply

    def _refuse_content(self, fault: ContentFault) -> Reply:
        self.refused += 1
        return fault.reply

    def _ended(self, reply: Reply, reason: str, size: int = 0) -> Reply:
        """Write the transaction's line and forget it."""
        mail, message = self._mail, self._message
        if reply.is_positive:
            self.accepted += 1
        if mail is not None and message is not None:
            self._tools.journal.event(
                "transaction",
                session=self._session,
                message=message.id,
                peer=self._address,
                helo=message.origin.helo if message.origin else "",
                reverse_path=str(mail.reverse_path),
                domain=message.domain,
                recipients=[str(recipient.mailbox) for _, recipient in self._recipients],
                size=size,
                code=reply.code,
                status=reply.status,
                result="accepted" if reply.is_positive else "refused" if reply.is_permanent else "tempfailed",
                reason=reason,
                seconds=round(self._tools.clock.seconds() - self._began, 4),
            )
        self._drop_content()
        self._forget()
        return reply
