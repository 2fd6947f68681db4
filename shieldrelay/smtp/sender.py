"""The sender's side of an SMTP session: from the greeting over any number of transactions to QUIT (RFC 5321 §3).

Sans-io: octets in by `Sender.feed`, octets out by `Sender.output`, and events by `Sender.next_event`. It has no clock:
whoever drives it (`wire.outbound_connection`) looks up the deadline of `Sender.phase` and calls `Sender.give_up` when
it passes or when the connection is lost. Every trouble ends in a `TransactionDone` whose outcomes are transient, if a
transaction was under way, and a `SessionOver`; nothing is raised but for misuse. A reply that was not asked for is a
fault (CVE-2011-0411 and its kin).
"""

from __future__ import annotations

from collections import deque

from shieldrelay.mail.envelope import Envelope, Origin, Recipient
from shieldrelay.mail.outcome import Fate, RecipientOutcome, ServerHealth
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp.reply_parser import ReplyFault, ReplyParser
from shieldrelay.smtp.sender_capabilities import Capabilities
from shieldrelay.smtp.sender_commands import mail_line, needs_utf8, rcpt_line
from shieldrelay.smtp.sender_context import Handover, hello_name, xclient, xforward
from shieldrelay.smtp.sender_events import (
    CONTENT_WANTED,
    READY_FOR_MAIL,
    TLS_WANTED,
    SenderEvent,
    SessionOver,
    TransactionDone,
)
from shieldrelay.smtp.sender_opening import Opening, Terms
from shieldrelay.smtp.sender_phases import SERVICE_CLOSING, Phase
from shieldrelay.smtp.sender_transaction import Transaction
from shieldrelay.smtp.stuffing import Stuffer

GREETING = 220
_Asked = tuple[Envelope, tuple[Recipient, ...], int, bool]

NO_SMTPUTF8 = Reply(550, (5, 6, 7), ("The recipient's server cannot take internationalized mail",))
TOO_LARGE = Reply(552, (5, 3, 4), ("The message is larger than the recipient's server takes",))


class Sender:
    """One session with a next hop.

    :ivar phase: what is waited for.
    :ivar replies: how many replies came so far; grows with every complete reply, so that progress can be seen.
    :ivar offers: how many messages it was asked to send so far.
    """

    __slots__ = (
        "_asked", "_events", "_handover", "_name", "_opening", "_output", "_parser", "_renamed_before",
        "_stuffer", "_transaction", "offers", "phase", "replies",
    )  # fmt: skip

    def __init__(self, terms: Terms) -> None:
        self.phase = Phase.GREETING
        self.replies = 0
        self.offers = 0
        self._opening = Opening(terms)
        self._handover = terms.handover
        self._asked: _Asked | None = None
        self._name = b""
        self._renamed_before = False
        self._parser = ReplyParser()
        self._transaction: Transaction | None = None
        self._stuffer = Stuffer()
        self._events: deque[SenderEvent] = deque()
        self._output: list[bytes] = []

    @property
    def capabilities(self) -> Capabilities:
        """What the next hop offers; nothing before the opening is done."""
        return self._opening.capabilities

    def output(self) -> bytes:
        """Drain what is to be written."""
        if not self._output:
            return b""
        octets = b"".join(self._output)
        self._output.clear()
        return octets

    def next_event(self) -> SenderEvent | None:
        """Give the next event, or ``None`` when more octets are needed first."""
        return self._events.popleft() if self._events else None

    def feed(self, octets: bytes) -> None:
        """Take what came from the next hop."""
        if self.phase is Phase.CLOSED:
            return
        try:
            replies = self._parser.feed(octets)
        except ReplyFault as fault:
            self._fail(f"{fault.args[0]}, while waiting for {self.phase.value}", None, ServerHealth.FAULT)
            return
        for reply in replies:
            self.replies += 1
            self._take(reply)
        if self.phase is Phase.HANDSHAKE and not self._parser.is_empty:
            self.give_up("plaintext came behind the reply to STARTTLS")
        elif self.phase is Phase.HANDSHAKE:
            self._events.append(TLS_WANTED)

    def tls_started(self) -> None:
        """Go on inside TLS: the handshake is complete and the certificate, where it matters, was verified."""
        assert self.phase is Phase.HANDSHAKE
        self._write(self._opening.secured())
        self.phase = self._opening.phase

    def begin(
        self,
        envelope: Envelope,
        recipients: tuple[Recipient, ...],
        size: int,
        *,
        ascii_header: bool = True,
        origin: Origin | None = None,
        message_id: str = "",
    ) -> None:
        """Begin a transaction; the phase is READY.

        :param recipients: at least one; those of the envelope that are still to be served.
        :param size: octets of the content.
        :param ascii_header: see ``ports.Content``; matters only when the envelope says SMTPUTF8.
        :param origin: the client that sent it, and ``message_id`` our id of it, for a next hop that is to be told.
        :raises ValueError: when a command would hold a control octet; nothing was written, the session is as before.
        """
        assert self.phase is Phase.READY and recipients
        self.offers += 1
        if self._handover is Handover.NONE:
            self._transfer(envelope, recipients, size, ascii_header)
            return
        offered = self._opening.capabilities
        if self._handover is Handover.XFORWARD:
            context = b"" if origin is None else xforward(origin, message_id, offered.xforward)
            self._transfer(envelope, recipients, size, ascii_header, context)
            return
        renaming = xclient(origin, offered.xclient)
        if not (renaming or self._renamed_before):
            self._transfer(envelope, recipients, size, ascii_header)
            return
        mail_line(envelope, size, False, offered)  # what no command can hold is told before anything is written
        for recipient in recipients:
            rcpt_line(recipient, offered)
        self._asked = envelope, recipients, size, ascii_header
        self._name = hello_name(origin)
        self.phase = Phase.CONTEXT
        if renaming:
            self._output.append(renaming)
        else:
            self.give_up("the session is another client's, and XCLIENT is not offered any more")

    def _transfer(
        self,
        envelope: Envelope,
        recipients: tuple[Recipient, ...],
        size: int,
        ascii_header: bool,
        context: bytes = b"",
    ) -> None:
        """Offer the message in a transaction, unless the server cannot take it."""
        offered = self._opening.capabilities
        utf8 = needs_utf8(envelope, recipients, ascii_header)
        if utf8 and not offered.smtputf8:
            self._decline(recipients, NO_SMTPUTF8, "it needs SMTPUTF8, which the next hop does not offer")
        elif offered.size_limit is not None and size > offered.size_limit:
            self._decline(recipients, TOO_LARGE, "it is larger than the next hop's SIZE")
        else:
            rcpts = [rcpt_line(recipient, offered) for recipient in recipients]
            transaction = Transaction(mail_line(envelope, size, utf8, offered), rcpts, offered.pipelining, context)
            self._transaction = transaction
            self.phase = transaction.phase
            self._output.append(transaction.begin())

    def content(self, block: bytes) -> bytes:
        """Give a block of content as it is to be written; the phase is CONTENT."""
        assert self.phase is Phase.CONTENT
        return self._stuffer.stuff(block)

    def end_of_content(self) -> bytes:
        """Give the end of the content with its final dot, to be written now; from here on its reply is waited for."""
        assert self.phase is Phase.CONTENT and self._transaction is not None
        self._transaction.content_sent()
        self.phase = Phase.FINAL
        return self._stuffer.end()

    def quit(self) -> None:
        """Say QUIT; the phase is READY. A `SessionOver` follows when it is answered."""
        assert self.phase is Phase.READY
        self.phase = Phase.QUIT
        self._output.append(b"QUIT\r\n")

    def give_up(self, reason: str) -> None:
        """End the session: the connection is lost, a deadline passed, the content cannot be had, or nonsense came.

        :param reason: one clause in our words.
        """
        self._fail(reason, None, ServerHealth.ANSWERED)

    def _take(self, reply: Reply) -> None:
        """Give a reply to the machine that waits for it."""
        phase = self.phase
        if phase is Phase.CLOSED:
            return
        if phase is Phase.QUIT:
            self._close(SessionOver())
        elif reply.code == SERVICE_CLOSING:
            self._fail(f"the next hop said 421 while we waited for {phase.value}", reply, ServerHealth.FAULT)
        elif phase is Phase.CONTENT:
            # Some servers refuse a message in its middle: that is about the message, which is then tried again.
            self._fail("a reply came before the content was sent", reply, ServerHealth.ANSWERED)
        elif self._output or phase is Phase.READY or phase is Phase.HANDSHAKE:
            self._fail("a reply came that was not asked for", reply, ServerHealth.FAULT)
        elif phase is Phase.RESET:
            self._reset_answered(reply)
        elif self._transaction is not None:
            self._transact(self._transaction, reply)
        elif phase is Phase.CONTEXT:
            self._renamed(reply)
        else:
            self._open(reply)

    def _renamed(self, reply: Reply) -> None:
        """Go on behind XCLIENT: its reply is the greeting of a new session."""
        if reply.code != GREETING:
            self._fail(f"the reply to XCLIENT was {reply.code}", reply, ServerHealth.FAULT)
            return
        self._renamed_before = True
        self._write(self._opening.again(self._name))
        self.phase = self._opening.phase

    def _open(self, reply: Reply) -> None:
        opening = self._opening
        self._write(opening.take(reply))
        if opening.phase is Phase.CLOSED:
            self._give_back(opening.fault, reply, ServerHealth.FAULT)
            self._close(SessionOver(opening.fault, reply, opening.tls_refused))
            return
        self.phase = opening.phase
        if opening.phase is not Phase.READY:
            return
        asked, self._asked = self._asked, None
        if asked is None:
            self._events.append(READY_FOR_MAIL)
        else:
            self._transfer(*asked)

    def _give_back(self, reason: str, reply: Reply | None, health: ServerHealth) -> None:
        """Settle a message that waits for the session to be made its client's, if there is one."""
        asked, self._asked = self._asked, None
        if asked is not None:
            outcome = RecipientOutcome(Fate.TRANSIENT, reply, reason)
            self._events.append(TransactionDone((outcome,) * len(asked[1]), health, reason))

    def _transact(self, transaction: Transaction, reply: Reply) -> None:
        self._write(transaction.take(reply))
        if transaction.phase is Phase.CLOSED:
            self._fail(f"{self.phase.value} was {reply.code}, which means nothing there", reply, ServerHealth.FAULT)
            return
        self.phase = transaction.phase
        if self.phase is Phase.CONTENT:
            self._content_wanted(transaction)
        elif self.phase is Phase.READY:
            self._settled(transaction)

    def _content_wanted(self, transaction: Transaction) -> None:
        self._stuffer = Stuffer()
        if transaction.wants_lone_dot:
            self._output.append(self.end_of_content())
        else:
            self._events.append(CONTENT_WANTED)

    def _settled(self, transaction: Transaction) -> None:
        self._transaction = None
        outcomes = tuple(outcome for outcome in transaction.outcomes if outcome is not None)
        if not transaction.clean:
            self.phase = Phase.RESET
            self._output.append(b"RSET\r\n")
        self._events.append(TransactionDone(outcomes, ServerHealth.ANSWERED))

    def _reset_answered(self, reply: Reply) -> None:
        if reply.code >= 300:
            self._fail(f"the reply to RSET was {reply.code}", reply, ServerHealth.FAULT)
            return
        self.phase = Phase.READY
        self._events.append(READY_FOR_MAIL)

    def _decline(self, recipients: tuple[Recipient, ...], reply: Reply, reason: str) -> None:
        """Settle a message that this server cannot take without asking it (R9)."""
        outcome = RecipientOutcome(Fate.CONTENT_REFUSED, reply, reason)
        self._events.append(TransactionDone((outcome,) * len(recipients), ServerHealth.ANSWERED))

    def _fail(self, reason: str, reply: Reply | None, health: ServerHealth) -> None:
        """End everything; nothing that a server in trouble said before is held against a recipient.

        :param health: what it says about the server when it had answered this transaction (R6).
        """
        if self.phase is Phase.CLOSED:
            return
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            outcome = RecipientOutcome(Fate.TRANSIENT, reply, reason)
            if not transaction.answered:
                health = ServerHealth.STALE if self.offers > 1 else ServerHealth.FAULT
            self._events.append(TransactionDone((outcome,) * len(transaction.outcomes), health, reason))
        unheard = self.phase is Phase.CONTEXT and reply is None
        self._give_back(reason, reply, ServerHealth.STALE if unheard and self.offers > 1 else ServerHealth.FAULT)
        self._close(SessionOver(reason, reply))

    def _close(self, event: SessionOver) -> None:
        self.phase = Phase.CLOSED
        self._output.clear()
        self._events.append(event)

    def _write(self, octets: bytes) -> None:
        if octets:
            self._output.append(octets)
