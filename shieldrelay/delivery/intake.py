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
from shieldrelay.delivery.transaction import Transaction
from shieldrelay.mail.address import BarePostmaster, Mailbox
from shieldrelay.mail.envelope import Message, Origin, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Clock, Gate, Journal, WallClock
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import ContentCompleted, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.spool.faults import SpoolFull

REFUSALS_TOLD = 100
"""Refusals of one session that have a line of their own in the journal; the session's line has the number of all. A
client may pipeline 20 000 recipients that do not exist, and must not fill our disk with them."""


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
    :ivar accepted: messages that were answered 2yz.
    :ivar refused: commands and contents that were refused.
    """

    __slots__ = ("_address", "_fault", "_holding", "_session", "_tools", "_transaction", "accepted", "refused")

    def __init__(self, tools: IntakeTools, session: str, address: str) -> None:
        self._tools = tools
        self._session = session
        self._address = address
        self.accepted = 0
        self.refused = 0
        self._transaction: Transaction | None = None
        self._holding: Holding | None = None
        self._fault: OSError | MemoryError | None = None

    # the questions, in the order in which a session asks them

    def mail(self, asked: MailRequested, origin: Origin) -> Reply:
        """Answer MAIL."""
        refusal = self._tools.gate.mail(asked.size)
        if refusal is not None:
            return self._refuse("mail", refusal, asked)
        self._transaction = Transaction(asked, origin, self._tools.clock.seconds())
        return replies.SENDER_OK

    def recipient(self, asked: RecipientRequested) -> Reply:
        """Answer RCPT."""
        transaction = self._transaction
        if transaction is None:
            return replies.BAD_SEQUENCE
        path = asked.forward_path
        mailbox = self._tools.postmaster if isinstance(path, BarePostmaster) else path
        refusal = self._tools.gate.recipient(mailbox, transaction.domains, transaction.mail.size)
        if refusal is not None:
            return self._refuse("rcpt", refusal, transaction.mail, str(mailbox))
        transaction.add(self._tools.domains.domain_of(mailbox), Recipient(mailbox, asked.notify, asked.orcpt))
        return replies.RECIPIENT_OK

    def content_rules(self) -> ContentRules:
        """Give what the content of this transaction must be like; asked before DATA or BDAT is answered."""
        return self._tools.domains.content_rules(self._begun().domains[0], self._address)

    def content_requested(self) -> Reply:
        """Answer DATA, or the first BDAT: from here on content may come."""
        tools, transaction = self._tools, self._begun()
        message = transaction.make_messages(tools.wall(), tools.new_id)
        self._fault = None
        self._holding = Holding(message, tools.budget, tools.in_memory, tools.open_draft)
        self._holding.begin(tools.trace(transaction.origin, message.id, message.arrived, transaction.only_recipient))
        return replies.START_CONTENT

    def content(self, block: bytes) -> Deferred[None] | None:
        """Hold a block; a Deferred means that nothing more may come until it fires. It never fails."""
        holding = self._holding
        if holding is None:
            return None
        held = holding.append(block)
        return None if held is None else held.addErrback(self._unheld, holding)

    def completed(self, complete: ContentCompleted) -> Reply | Deferred[Reply]:
        """Answer the end of the content; the transaction is over."""
        transaction, self._transaction = self._begun(), None
        holding, self._holding = self._holding, None
        if complete.fault is None and holding is not None:
            content = holding.content(ascii_header=complete.ascii_header)
            answer = self._tools.acceptance.accept(transaction.messages, holding, content)
            return answer.addCallback(self._ended, transaction, "", content.size)
        if holding is not None:
            self._discard(holding)
        if complete.fault is not None:
            self.refused += 1
            return self._ended(complete.fault.reply, transaction, f"content: {complete.fault.name.lower()}")
        full = isinstance(self._fault, SpoolFull)
        return self._ended(replies.SPOOL_FULL if full else replies.SPOOL_UNAVAILABLE, transaction, str(self._fault))

    def reset(self) -> None:
        """Drop the transaction: RSET, EHLO, a lost connection. One whose content is complete goes on all the same."""
        self._transaction = None
        holding, self._holding = self._holding, None
        if holding is not None:
            self._discard(holding)

    # its parts

    def _begun(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("there is no transaction")
        return self._transaction

    def _unheld(self, failure: Failure, holding: Holding) -> None:
        """Remember that content could not be held; the rest of it is swallowed."""
        error = failure.value
        if not isinstance(error, (OSError, MemoryError)):
            error = OSError(failure.getErrorMessage())
            self._tools.journal.event("bug", where="holding", session=self._session, traceback=failure.getTraceback())
        self._discard(holding)
        if self._holding is holding:
            self._holding = None
            self._fault = error

    def _discard(self, holding: Holding) -> None:
        discarding = holding.discard()
        if discarding is not None:
            discarding.addErrback(self._undiscarded)

    def _undiscarded(self, failure: Failure) -> None:
        self._tools.journal.event("discard_failed", session=self._session, error=failure.getErrorMessage())

    def _refuse(self, stage: str, refusal: Refusal, mail: MailRequested, recipient: str = "") -> Reply:
        self.refused += 1
        if self.refused > REFUSALS_TOLD:
            return refusal.reply
        self._tools.journal.event(
            "refused",
            session=self._session,
            peer=self._address,
            stage=stage,
            code=refusal.reply.code,
            status=refusal.reply.status,
            defence=refusal.defence,
            reason=refusal.reason,
            reverse_path=str(mail.reverse_path),
            recipient=recipient,
        )
        return refusal.reply

    def _ended(self, reply: Reply, transaction: Transaction, reason: str, size: int = 0) -> Reply:
        """Write the transaction's line."""
        if reply.is_positive:
            self.accepted += 1
        first = transaction.messages[0]
        self._tools.journal.event(
            "transaction",
            session=self._session,
            message=first.id,
            peer=self._address,
            helo=transaction.origin.helo,
            reverse_path=str(transaction.mail.reverse_path),
            domain=first.domain,
            recipients=transaction.mailboxes,
            size=size,
            code=reply.code,
            status=reply.status,
            result="accepted" if reply.is_positive else "refused" if reply.is_permanent else "tempfailed",
            reason=reason,
            seconds=round(self._tools.clock.seconds() - transaction.began, 4),
        )
        return reply
