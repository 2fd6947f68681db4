"""The SMTP receiver: one session of RFC 5321 without a socket. Bytes in, events and bytes out.

It knows what is lawful and in which order; who may send what to whom is asked of its owner through events. While a
question is open nothing further is read, so replies come in order under any pipelining. It knows no clock: the owner
watches `Receiver.phase`. Any octets in any segments are answered; nothing here raises but for an answer that nobody
asked for. `wire.inbound` calls it, in a loop::

    receiver.feed(octets)
    while (event := receiver.next_event()) is not None:
        ...                          # a question: answer(reply), now or later
    write(receiver.output())         # and close when receiver.closing

While a question is open the owner stops reading from its socket: what is fed meanwhile is kept without a bound.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.mail.reply import Reply
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp import commands, replies, transfer
from shieldrelay.smtp.command_lines import LineFault
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.events import (
    INTERLUDE,
    ContentCompleted,
    ContentRequested,
    Event,
    MailRequested,
    RecipientRequested,
    TlsRequested,
)
from shieldrelay.smtp.grammar import NO_OFFERS
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.session import Session
from shieldrelay.smtp.tally import Tally
from shieldrelay.smtp.verbs import Stage

STEPS = 64
"""Lines or pieces that are read in one call of `Receiver.next_event` when none of them is an event."""


class Phase(Enum):
    """What a session waits for; each has its own deadline at the edge (RFC 5321 §4.5.3.2)."""

    GREETING = "our greeting"
    COMMAND = "a command"
    WAITING = "our answer"
    CONTENT = "content"
    HANDSHAKE = "the TLS handshake"
    CLOSING = "nothing"


class NotAsked(RuntimeError):
    """An answer was given to no question: a bug of the owner."""


class Receiver:
    """One session.

    :param tls_available: whether STARTTLS may be used.
    """

    __slots__ = ("_greeted", "_question", "_session")

    def __init__(self, settings: ReceiverSettings, *, tls_available: bool) -> None:
        self._session = Session(settings, tls_available)
        self._greeted = False
        self._question: Event | None = None

    @property
    def closing(self) -> bool:
        """Whether the connection ends once the output is written; what comes is not read any more."""
        return self._session.closing

    @property
    def counters(self) -> Tally:
        """What the session has done, for the journal."""
        return self._session.tally

    @property
    def tls(self) -> bool:
        """Whether the session is in TLS."""
        return self._session.tls

    @property
    def content_rules(self) -> ContentRules:
        """The rules of this transaction's content. May be set while MAIL, RCPT or DATA waits for its answer."""
        return self._session.rules

    @content_rules.setter
    def content_rules(self, rules: ContentRules) -> None:
        self._session.rules = rules

    @property
    def phase(self) -> Phase:
        """What the session waits for."""
        session = self._session
        if session.closing:
            return Phase.CLOSING
        if self._question is not None:
            return Phase.WAITING
        if session.handshake:
            return Phase.HANDSHAKE
        if session.reads_content:
            return Phase.CONTENT
        return Phase.COMMAND if self._greeted else Phase.GREETING

    def greet(self) -> None:
        """Say 220, and read from now on."""
        if not self._session.closing:
            self._greeted = True
            self._session.say(self._session.settings.greeting)

    def feed(self, octets: bytes) -> None:
        """Take what the client sent; any octets, cut anywhere."""
        session = self._session
        if session.closing or not octets:
            return
        if session.handshake:
            session.line = octets
            session.end(replies.PLAINTEXT_BEHIND_STARTTLS, ViolationKind.PLAINTEXT_BEHIND_STARTTLS)
            return
        if not self._greeted and not session.inbox.unread:
            session.line = octets
            session.note(ViolationKind.EARLY_TALK)
        session.inbox.feed(octets)

    def next_event(self) -> Event | None:
        """Give the next event; ``None`` when octets or an answer must come first, or nothing comes any more."""
        session, left = self._session, STEPS
        while not session.events:
            if session.closing or self._question is not None or not self._greeted or not self._advance():
                return None
            left -= 1
            if not left:
                return INTERLUDE
        event = session.events.pop(0)
        if event.wants_answer:
            self._question = event
        return event

    def _advance(self) -> bool:
        """Read one line or one piece of content; false when there is none."""
        session = self._session
        if session.swallowing is not None:
            return transfer.read_swallowed(session, session.swallowing)
        if session.incoming is not None and not session.incoming.paused:
            return transfer.read(session, session.incoming)
        if session.handshake:
            return False
        line = session.inbox.take()
        if isinstance(line, bytes):
            commands.obey(session, line)
        elif line is LineFault.INCOMPLETE:
            return False
        else:
            commands.refuse_line(session, line)
        return True

    def answer(self, reply: Reply) -> None:
        """Answer the question that `next_event` gave last. An answer that comes after the end is dropped.

        :raises NotAsked: no question is open.
        """
        session, question = self._session, self._question
        self._question = None
        if session.closing:
            return
        match question:
            case RecipientRequested():
                self._recipient_answered(reply)
            case ContentRequested():
                transfer.answered(session, reply, question.chunking)
            case ContentCompleted():
                self._content_answered(reply, question)
            case MailRequested():
                session.say(reply)
                session.begin_transaction(question.smtputf8)
                session.swallowed = 0
                session.stage = Stage.SENDER if reply.is_positive else Stage.REFUSED
            case TlsRequested():
                session.say(reply)
                session.handshake = reply.is_positive
            case _:
                raise NotAsked("no question is open")

    def _recipient_answered(self, reply: Reply) -> None:
        session = self._session
        session.say(reply)
        session.tally.recipient(reply.is_positive)
        if reply.is_positive:
            session.recipients += 1
            session.stage = Stage.RECIPIENTS

    def _content_answered(self, reply: Reply, completed: ContentCompleted) -> None:
        """The transaction is over, whatever was said (RFC 5321 §4.1.1.4)."""
        session = self._session
        session.say(reply)
        session.tally.message(reply.is_positive)
        session.begin_transaction()
        session.stage = Stage.READY
        if completed.fault is ContentFault.ENDLESS:
            session.close()

    def output(self) -> bytes:
        """Give what is to be written, once."""
        output = self._session.output
        if not output:
            return b""
        octets = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return octets

    def tls_started(self) -> None:
        """Note that the handshake is done: nothing that was said before it counts (RFC 3207 §4.2)."""
        session = self._session
        session.handshake = False
        session.tls = True
        session.inbox.drop()
        session.stage = Stage.FRESH
        session.offers = NO_OFFERS
        session.begin_transaction()

    def fail(self, reply: Reply) -> None:
        """End the session with a reply, in the place of an open question's answer if there is one."""
        session = self._session
        if not session.closing:
            session.events.clear()
            self._question = None
            session.say(reply)
            session.close()

    def eof(self) -> bool:
        """Note that the client is gone; tell whether it was in the midst of content."""
        session = self._session
        midst = session.reads_content or session.stage is Stage.CHUNKS
        session.close()
        return midst
