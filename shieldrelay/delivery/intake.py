"""What one session's commands mean here: from MAIL to the reply after the content (R2, R3, R9).

One per SMTP session. The connection hands it the receiver's questions and sends what it answers; it asks the gate,
keeps the transaction, holds the content, and gives the complete message to the acceptance. An answer that the gate
delays or holds is a Deferred. Knows no socket. Every refusal has two faces: the reply with a reference, which is the
session's id, and the line in the journal under it.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from shieldrelay.content.judgement import Judgement
from shieldrelay.delivery.hearing import Hearing, inspected
from shieldrelay.delivery.holding import Holding
from shieldrelay.delivery.intake_tools import ContentStage, IntakeTools
from shieldrelay.delivery.provenance import Provenance
from shieldrelay.delivery.transaction import Transaction
from shieldrelay.mail.address import BarePostmaster, Mailbox
from shieldrelay.mail.client import Client
from shieldrelay.mail.envelope import Origin, Precedence, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import GO_ON, Refusal, Verdict
from shieldrelay.ports import RecipientAsked, SenderAsked, Visit
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import ContentCompleted, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.spool.faults import SpoolFull

REFUSALS_TOLD = 100
"""Refusals of one session that have a line of their own in the journal; the session's line has the number of all. A
client may pipeline 20 000 recipients that do not exist, and must not fill our disk with them."""


class Intake:
    """The transactions of one session.

    :param session: the session's id.
    :param visit: the gate's note of the connection.
    :ivar accepted: messages that were answered 2yz.
    :ivar refused: commands and contents that were refused.
    """

    __slots__ = (
        "_client", "_fault", "_granted", "_headed", "_hearing", "_holding", "_pausing", "_provenance", "_referenced",
        "_session", "_tools", "_transaction", "_visit", "accepted", "refused",
    )  # fmt: skip

    def __init__(self, tools: IntakeTools, session: str, visit: Visit, client: Client) -> None:
        self._tools = tools
        self._session = session
        self._visit = visit
        self._client = client
        self.accepted = 0
        self.refused = 0
        self._transaction: Transaction | None = None
        self._provenance: Provenance | None = None
        self._granted = 0
        self._headed = False
        self._holding: Holding | None = None
        self._fault: OSError | MemoryError | None = None
        self._pausing: Deferred[None] | None = None
        self._hearing = None if tools.early is None else Hearing(tools.early(), session, visit, client.address)
        self._referenced: dict[Reply, Reply] | None = None

    # the questions, in the order in which a session asks them

    def mail(self, asked: MailRequested, origin: Origin) -> Reply | Deferred[Reply]:
        """Answer MAIL."""
        now = self._tools.clock.seconds()
        verdict = self._tools.gate.mail(self._visit, SenderAsked(asked.reverse_path, asked.size, asked.envid), now)
        if verdict.refusal is not None:
            return self._delayed(self._refuse("mail", verdict.refusal, asked), verdict)
        provenance = Provenance(
            self._tools.provenance, self._visit, self._client, asked.reverse_path, origin.helo
        )
        unlawful = provenance.judged(now)
        if unlawful is not None:
            return self._delayed(self._refuse("mail", unlawful, asked), verdict)
        if self._hearing is None:
            return self._sender_heard(None, asked, origin, now, provenance, verdict)
        path = asked.reverse_path
        return self._hearing.sender(path, origin, self._sender_heard, asked, origin, now, provenance, verdict)

    def _sender_heard(
        self, refusal: Refusal | None, asked: MailRequested, origin: Origin, now: float, provenance: Provenance,
        verdict: Verdict,
    ) -> Reply | Deferred[Reply]:  # fmt: skip
        """Answer MAIL when the site's plugins have."""
        if refusal is not None:
            return self._refuse("mail", refusal, asked)
        self._provenance = provenance
        precedence = Precedence.KNOWN_GOOD if self._visit.known_good else Precedence.ORDINARY
        self._transaction = Transaction(asked, origin, now, precedence)
        self._granted = 0
        return replies.SENDER_OK if verdict is GO_ON else self._delayed(replies.SENDER_OK, verdict)

    def recipient(self, asked: RecipientRequested) -> Reply | Deferred[Reply]:
        """Answer RCPT."""
        tools, transaction = self._tools, self._transaction
        if transaction is None:
            return replies.BAD_SEQUENCE
        path, mail = asked.forward_path, transaction.mail
        mailbox = tools.postmaster if isinstance(path, BarePostmaster) else path
        question = RecipientAsked(mailbox, mail.reverse_path, transaction.domains, mail.size, asked.orcpt)
        verdict = tools.gate.recipient(self._visit, question, tools.clock.seconds())
        if not verdict.held:
            return self._recipient_judged(verdict, asked, question)
        self._pausing = pausing = tools.pauses.exchange()
        if pausing is None:
            return self._decided(None, asked, question)
        decided: Deferred[Reply] = pausing.addCallback(self._decided, asked, question)
        return decided.addErrback(_broken_off)

    def _decided(self, _: None, asked: RecipientRequested, question: RecipientAsked) -> Reply | Deferred[Reply]:
        """Judge a recipient whose answer was held."""
        self._pausing = None
        verdict = self._tools.gate.decide(self._visit, question, self._tools.clock.seconds())
        return self._recipient_judged(verdict, asked, question)

    def _recipient_judged(
        self, verdict: Verdict, asked: RecipientRequested, question: RecipientAsked
    ) -> Reply | Deferred[Reply]:
        transaction = self._begun()
        if verdict.refusal is not None:
            refused = self._refuse("rcpt", verdict.refusal, transaction.mail, str(question.mailbox))
            return self._delayed(refused, verdict)
        mailbox = question.mailbox
        domain = self._tools.domains.domain_of(mailbox)
        if self._hearing is None:
            return self._recipient_heard(None, verdict, asked, mailbox, domain)
        answer = self._recipient_heard, verdict, asked, mailbox, domain
        return self._hearing.recipient(transaction.mail.reverse_path, transaction.origin, mailbox, domain, *answer)

    def _recipient_heard(
        self, refusal: Refusal | None, verdict: Verdict, asked: RecipientRequested, mailbox: Mailbox, domain: str
    ) -> Reply | Deferred[Reply]:
        """Answer RCPT when the site's plugins have."""
        transaction = self._begun()
        if refusal is not None:
            return self._refuse("rcpt", refusal, transaction.mail, str(mailbox))
        self._granted += 1
        transaction.add(domain, Recipient(mailbox, asked.notify, asked.orcpt))
        return replies.RECIPIENT_OK if verdict is GO_ON else self._delayed(replies.RECIPIENT_OK, verdict)

    def content_rules(self) -> ContentRules:
        """Give what the content of this transaction must be like; asked before DATA or BDAT is answered."""
        return self._tools.domains.content_rules(self._begun().domains[0], self._client.address)

    def content_requested(self) -> Reply:
        """Answer DATA, or the first BDAT: from here on content may come."""
        tools, transaction, provenance = self._tools, self._begun(), self._proven()
        unlawful = provenance.judged(tools.clock.seconds())
        if unlawful is not None:
            return self._refuse("data", unlawful, transaction.mail)
        message = transaction.make_messages(tools.wall(), tools.new_id)
        self._fault = None
        self._headed = False
        self._holding = Holding(message, tools.budget, tools.in_memory, tools.open_draft)
        trace = tools.trace(transaction.origin, message.id, message.arrived, transaction.only_recipient)
        self._holding.begin(provenance.field() + trace)
        return replies.START_CONTENT

    def content(self, block: bytes) -> Deferred[None] | None:
        """Hold a block; a Deferred means that nothing more may come until it fires. It never fails."""
        holding = self._holding
        if not self._headed:
            self._headed = True
            self._tools.gate.header(self._visit, block, self._tools.clock.seconds())
        if holding is None:
            return None
        block = self._proven().passed(block)
        held = holding.append(block) if block else None
        return None if held is None else held.addErrback(self._unheld, holding)

    def completed(self, complete: ContentCompleted) -> Reply | Deferred[Reply]:
        """Answer the end of the content; the transaction is over."""
        transaction, self._transaction = self._begun(), None
        holding, self._holding = self._holding, None
        provenance, self._provenance = self._provenance, None
        granted, self._granted = self._granted, 0
        self._tools.gate.completed(self._visit, granted, self._tools.clock.seconds())
        if complete.fault is None and holding is not None and provenance is not None:
            rest = provenance.rest()
            held, wait = holding.append(rest) if rest else None, provenance.wait()
            if held is None and wait is None:
                return self._proved(provenance, transaction, holding, complete)
            return Deferred.fromCoroutine(self._awaited(held, wait, provenance, transaction, holding, complete))
        if holding is not None:
            self._discard(holding)
        if complete.fault is not None:
            self._tools.gate.spoiled(self._visit, complete.fault.name, self._tools.clock.seconds())
            self.refused += 1
            return self._ended(complete.fault.reply, transaction, f"content: {complete.fault.name.lower()}")
        return self._unkept(transaction, self._fault)

    async def _awaited(
        self,
        held: Deferred[None] | None,
        wait: Deferred[None] | None,
        provenance: Provenance,
        transaction: Transaction,
        holding: Holding,
        complete: ContentCompleted,
    ) -> Reply:
        """Wait for the last octets to be held, and for what DNS says; a client may leave meanwhile."""
        try:
            if held is not None:
                await held
        except OSError as fault:
            self._discard(holding)
            return self._unkept(transaction, fault)
        if wait is not None:
            await wait
        answer = self._proved(provenance, transaction, holding, complete)
        return await answer if isinstance(answer, Deferred) else answer

    def _proved(
        self, provenance: Provenance, transaction: Transaction, holding: Holding, complete: ContentCompleted
    ) -> Reply | Deferred[Reply]:
        """Judge the sender by what is known, and go on with the message."""
        unlawful = provenance.judged(self._tools.clock.seconds(), finally_=True)
        if unlawful is not None:
            self._discard(holding)
            reply = self._refuse("content", unlawful, transaction.mail)
            return self._ended(reply, transaction, unlawful.reason)
        field = provenance.field(finally_=True)
        if field:
            holding.annotate(field)
        if self._tools.stage is not None:
            return self._inspected(self._tools.stage, transaction, holding, complete, provenance.client_name)
        return self._accepted(transaction, holding, complete)

    def _unkept(self, transaction: Transaction, fault: BaseException | None) -> Reply:
        full = isinstance(fault, SpoolFull)
        return self._ended(replies.SPOOL_FULL if full else replies.SPOOL_UNAVAILABLE, transaction, str(fault))

    def _accepted(
        self, transaction: Transaction, holding: Holding, complete: ContentCompleted
    ) -> Deferred[Reply]:
        """Have somebody take responsibility for the message."""
        content = holding.content(ascii_header=complete.ascii_header)
        answer = self._tools.acceptance.accept(transaction.messages, holding, content)
        return answer.addCallback(self._ended, transaction, "", content.size)

    def _inspected(
        self, stage: ContentStage, transaction: Transaction, holding: Holding, complete: ContentCompleted, name: str
    ) -> Reply | Deferred[Reply]:
        """Have the checks judge the message, and act on what they say."""
        content = holding.content(ascii_header=complete.ascii_header)
        known_good = self._visit.known_good
        judged = stage.judge(inspected(transaction, content, self._client.address, name, known_good=known_good))
        if isinstance(judged, Deferred):
            answer: Deferred[Reply] = judged.addCallback(self._judged, transaction, holding, complete)
            return answer
        return self._judged(judged, transaction, holding, complete)

    def _judged(
        self, judgement: Judgement, transaction: Transaction, holding: Holding, complete: ContentCompleted
    ) -> Reply | Deferred[Reply]:
        """Refuse the message, or go on with it."""
        if isinstance(judgement, Refusal):
            self.refused += 1
            if judgement.reply.is_permanent:
                self._tools.gate.content_refused(self._visit, self._tools.clock.seconds())
            self._discard(holding)
            return self._ended(self._with_reference(judgement.reply), transaction, judgement.reason)
        if judgement is not None:
            holding.annotate(judgement.fields)
        return self._accepted(transaction, holding, complete)

    def reset(self) -> None:
        """Drop the transaction: RSET, EHLO, a lost connection. One whose content is complete goes on all the same."""
        self._transaction = self._provenance = None
        granted, self._granted = self._granted, 0
        if granted:
            self._tools.gate.abandoned(self._visit, granted, self._tools.clock.seconds())
        pausing, self._pausing = self._pausing, None
        if pausing is not None:
            pausing.cancel()
        if self._hearing is not None:
            self._hearing.drop()
        holding, self._holding = self._holding, None
        if holding is not None:
            self._discard(holding)

    # its parts

    def _proven(self) -> Provenance:
        if self._provenance is None:
            raise RuntimeError("there is no transaction")
        return self._provenance

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

    def _delayed(self, reply: Reply, verdict: Verdict) -> Reply | Deferred[Reply]:
        """Say a reply when its verdict wants it said."""
        slept = self._tools.pauses.rest(verdict.delay) if verdict.delay else None
        if slept is None:
            return reply
        self._pausing = slept
        return slept.addCallback(self._awake, reply).addErrback(_broken_off)

    def _awake(self, _: None, reply: Reply) -> Reply:
        self._pausing = None
        return reply

    def _refuse(self, stage: str, refusal: Refusal, mail: MailRequested, recipient: str = "") -> Reply:
        self.refused += 1
        if self.refused <= REFUSALS_TOLD:
            self._tools.journal.event(
                "refused",
                session=self._session,
                peer=self._client.address,
                stage=stage,
                code=refusal.reply.code,
                status=refusal.reply.status,
                defence=refusal.defence,
                reason=refusal.reason,
                reverse_path=str(mail.reverse_path),
                recipient=recipient,
            )
        else:
            self._tools.journal.count("refused", refusal.defence)
        return self._with_reference(refusal.reply)

    def _with_reference(self, reply: Reply) -> Reply:
        """Give a refusal with the session's id, by which the journal tells its reason; made once a session."""
        made = self._referenced
        if made is None:
            made = self._referenced = {}
        referenced = made.get(reply)
        if referenced is None:
            referenced = made[reply] = replies.referenced(reply, self._session)
        return referenced

    def _ended(self, reply: Reply, transaction: Transaction, reason: str, size: int = 0) -> Reply:
        """Write the transaction's line."""
        if reply.is_positive:
            self.accepted += 1
        self._tools.journal.event(
            "transaction",
            session=self._session,
            peer=self._client.address,
            helo=transaction.origin.helo,
            reverse_path=str(transaction.mail.reverse_path),
            recipients=transaction.mailboxes,
            **transaction.told(),
            size=size,
            code=reply.code,
            status=reply.status,
            result="accepted" if reply.is_positive else "refused" if reply.is_permanent else "tempfailed",
            reason=reason,
            seconds=round(self._tools.clock.seconds() - transaction.began, 4),
        )
        return reply


def _broken_off(failure: Failure) -> Reply:
    """Answer a client that left, or was made to leave, while its answer was held back: nobody hears it."""
    failure.trap(CancelledError)
    return replies.SHUTTING_DOWN
