"""One SMTP connection to us: octets to the receiver, its questions to the intake, answers back.

Thin: the protocol is `smtp.receiver`, the meaning is `delivery.intake`. Here are the transport, the pump, and time.
The pump is a loop: an answer that is known goes back at once; one that is not stops the loop until it comes, and what
the client sends meanwhile waits, bounded. A bug in here is journalled and answered 421, never 5yz.

Made by `wire.inbound_factory`, which admits connections before this exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.delivery.intake import Intake
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import (
    INTERLUDE,
    ContentCompleted,
    ContentReceived,
    ContentRequested,
    Event,
    Hello,
    MailRequested,
    QuitRequested,
    RecipientRequested,
    TlsRequested,
    TransactionReset,
    Violation,
)
from shieldrelay.smtp.receiver import Phase, Receiver
from shieldrelay.wire.direct import direct_writer
from shieldrelay.wire.inbound_timing import ClientPatience
from shieldrelay.wire.inbound_tools import InboundTools
from shieldrelay.wire.inbound_unread import Unread
from shieldrelay.wire.tls_context import described, failure_words

WAITING_OCTETS = 65536
"""What a client may send while its answer is pending before we read no more."""
TURN_EVENTS = 16
"""Events that one client is answered before others have their turn: one segment may hold thousands of commands."""
FAREWELL_SECONDS = 5.0
"""What a client gets, once we have closed, to read our last reply and to close too; then the connection is broken off.
Without it a client that does not read, or does not answer the end of TLS, would keep its connection for ever."""


@implementer(IHandshakeListener)
class InboundConnection(Protocol):
    """One session.

    :param tools: what all sessions share.
    :ivar deadline: when `deadline_passed` is wanted; kept by `wire.deadlines`.
    """

    deadline = math.inf
    transport: Any

    def __init__(self, tools: InboundTools, address: str, port: int) -> None:
        self._tools = tools
        self._address = address
        self._port = port
        self.session = tools.new_session_id()
        self._receiver = Receiver(tools.terms.receiver_settings(address), tls_available=tools.tls is not None)
        self._intake = Intake(tools.terms.intake, self.session, address)
        self._patience: ClientPatience = tools.terms.patience(address)
        self._hello: Hello | None = None
        self._tls: str | None = None
        self._began = tools.clock.seconds()
        self._write: Callable[[bytes], object] = bytes
        self._pumping = False
        self._waiting = False
        self._paused = False
        self._unread: Unread
        self._closed = False
        self._resting: IDelayedCall | None = None
        self._ended = ""
        self._received = 0
        self._ahead = 0
        self._phase = Phase.GREETING
        self._progress = (0, Phase.GREETING, False)

    # what Twisted calls

    def connectionMade(self) -> None:
        """Greet."""
        self._write = direct_writer(self.transport, enabled=self._tools.direct_writes)
        self._unread = Unread(self.transport, self._choked, self._drained)
        self._tools.sessions.add(self)
        self._patience.begin(self._began)
        self._receiver.greet()
        self._pump()

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        self._received += len(data)
        self._patience.octets(len(data))
        self._receiver.feed(data)
        if self._waiting or self._unread.too_much or self._resting is not None:
            self._ahead += len(data)
            if self._ahead > WAITING_OCTETS:
                self._pause()
        else:
            self._pump()

    def handshakeCompleted(self) -> None:
        """Begin the session anew inside TLS (RFC 3207 §4.2)."""
        self._tls = described(self.transport)
        self._hello = None
        self._intake.reset()
        self._receiver.tls_started()
        self._pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session: what it had not finished is dropped, and what it still had to say is not read."""
        tools = self._tools
        tools.sessions.discard(self)
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        if self._receiver.phase is Phase.HANDSHAKE:
            tools.journal.event("tls_failed", session=self.session, peer=self._address, reason=failure_words(reason))
        self._receiver.eof()
        self._tell_session()
        self._intake.reset()

    # the pump

    def _pump(self) -> None:
        """Answer what can be answered now, up to a turn's share, in one piece; read on if nothing is owed."""
        if self._pumping or self._resting is not None or self._closed:
            return
        self._pumping = True
        try:
            self._answer_events()
        except Exception:  # noqa: BLE001 - the edge: a bug is told, answered 421, and ends this session alone
            self._bug(Failure())
        finally:
            self._pumping = False
        self._flush()
        if not self._waiting:
            self._resume()

    def _answer_events(self) -> None:
        receiver = self._receiver
        for _ in range(TURN_EVENTS):
            event = None if self._waiting or self._unread.too_much else receiver.next_event()
            if event is None:
                break
            if event is INTERLUDE:
                self._rest()
                break
            _ANSWERS[type(event)](self, event)
        else:
            self._rest()
        self._phase = phase = receiver.phase
        progress = (receiver.counters.commands, phase, self._waiting)
        if progress != self._progress:
            self._progress = progress
            self._patience.phase(phase, self._tools.clock.seconds(), waiting=self._waiting)
            self.deadline = self._patience.deadline

    def _flush(self) -> None:
        """Write the replies; then close, or begin TLS, if that is what they announced."""
        octets = self._receiver.output()
        if octets:
            self._unread.expect()
            self._write(octets)
        if self._receiver.closing and not self._waiting and self._resting is None:
            self._close()
        elif self._phase is Phase.HANDSHAKE and not self.transport.TLS:
            self.transport.startTLS(self._tools.tls)

    def _close(self) -> None:
        """Close, once; the last reply goes out before."""
        if not self._closed:
            self._closed = True
            self._ended = self._ended or "closed by us"
            self.deadline = self._tools.clock.seconds() + FAREWELL_SECONDS
            self._unread.forget()
            self.transport.loseConnection()

    def _rest(self) -> None:
        """Let others have their turn, and go on after them."""
        self._resting = self._tools.clock.callLater(0, self._rested)

    def _rested(self) -> None:
        self._resting = None
        if not self._waiting:
            self._pump()

    def _answered(self, reply: Reply) -> None:
        """Go on after an answer that had to be waited for."""
        self._waiting = False
        self._receiver.answer(reply)
        self._pump()

    def _held(self, _nothing: object) -> None:
        """Go on after content that had to be waited for."""
        self._waiting = False
        self._pump()

    def _pause(self) -> None:
        """Read no more; until then at most `WAITING_OCTETS` and one read of the transport's have piled up."""
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _resume(self) -> None:
        """Read on: all that came was looked at. Not before, or a client could pile up more with every answer."""
        if self._unread.too_much or self._resting is not None or self._closed:
            return
        self._ahead = 0
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def _choked(self) -> None:
        """Answer no more and read no more: the client does not read what it was answered."""
        self._pause()

    def _drained(self) -> None:
        """Go on: the client has read everything."""
        if not self._waiting:
            self._pump()

    # what the events mean

    def _on_hello(self, event: Hello) -> None:
        self._hello = event

    def _on_mail(self, event: MailRequested) -> None:
        self._receiver.answer(self._intake.mail(event, self._origin(event)))

    def _on_recipient(self, event: RecipientRequested) -> None:
        self._receiver.answer(self._intake.recipient(event))

    def _on_content_requested(self, _event: ContentRequested) -> None:
        self._receiver.content_rules = self._intake.content_rules()
        self._receiver.answer(self._intake.content_requested())

    def _on_content(self, event: ContentReceived) -> None:
        held = self._intake.content(event.block)
        if held is not None:
            self._wait_for(held, self._held)

    def _on_completed(self, event: ContentCompleted) -> None:
        answer = self._intake.completed(event)
        if isinstance(answer, Deferred):
            self._wait_for(answer, self._answered)
        else:
            self._receiver.answer(answer)

    def _on_reset(self, _event: TransactionReset) -> None:
        self._intake.reset()

    def _on_tls(self, _event: TlsRequested) -> None:
        self._receiver.answer(replies.START_TLS)

    def _on_quit(self, _event: QuitRequested) -> None:
        self._ended = "quit"

    def _on_violation(self, event: Violation) -> None:
        self._tools.journal.event(
            "violation", session=self.session, peer=self._address, kind=event.kind.value, evidence=event.evidence
        )

    def _wait_for(self, answer: Deferred[Any], then: Callable[[Any], None]) -> None:
        """Stop the pump until the answer is there; one that is there already does not stop it."""
        self._waiting = True
        answer.addCallback(then)
        answer.addErrback(self._bug)

    def _origin(self, event: MailRequested) -> Origin:
        hello = self._hello
        return Origin(
            self._address,
            self._port,
            "" if hello is None else hello.name.decode("latin-1"),
            _protocol(hello is not None and hello.extended, self._tls is not None, event.smtputf8),
            self._tls,
            self.session,
        )

    # trouble, time and the end

    def deadline_passed(self, now: float) -> None:
        """Act on a deadline: the client has been too slow, or may go on."""
        if self._closed:
            self.deadline = math.inf
            self.transport.abortConnection()
            return
        verdict = self._patience.passed(now, waiting=self._waiting)
        self.deadline = self._patience.deadline
        if verdict is not None:
            self.end(verdict)

    def end(self, reason: str, reply: Reply = replies.TOO_SLOW) -> None:
        """Tell the client 421 and close; what it had not finished is dropped.

        :param reason: for the journal.
        """
        self._ended = self._ended or reason
        unable_to_hear = self._unread.too_much or self._receiver.phase is Phase.HANDSHAKE
        self._receiver.fail(reply)
        self._waiting = False
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if unable_to_hear:
            self.transport.abortConnection()
        else:
            self._flush()

    def break_off(self) -> None:
        """Close without a word, whatever is under way."""
        self.transport.abortConnection()

    @property
    def in_transaction(self) -> bool:
        """Whether the client is sending content, or waits for the answer to it: to end it now would cost work."""
        return self._waiting or self._receiver.phase is Phase.CONTENT

    def _bug(self, failure: Failure) -> None:
        """Tell a bug, and end this session with 421 so that the client comes back."""
        self._tools.journal.event(
            "bug", where="inbound", session=self.session, error=repr(failure.value), traceback=failure.getTraceback()
        )
        self.end("a bug of ours", replies.INTERNAL_FAULT_CLOSING)

    def _tell_session(self) -> None:
        receiver = self._receiver
        self._tools.journal.event(
            "session",
            session=self.session,
            peer=self._address,
            port=self._port,
            helo="" if self._hello is None else self._hello.name,
            tls=self._tls,
            seconds=round(self._tools.clock.seconds() - self._began, 3),
            end=self._ended or "lost",
            commands=receiver.counters.commands,
            errors=receiver.counters.errors,
            messages=self._intake.accepted,
            refused=self._intake.refused,
            received=self._received,
        )


def _protocol(extended: bool, tls: bool, utf8: bool) -> str:
    """Give the ``with`` word of the trace line (RFC 3848, RFC 6531 §4.3)."""
    name = "UTF8SMTP" if utf8 else "ESMTP" if extended else "SMTP"
    return name + "S" if tls and name != "SMTP" else name


_ANSWERS: dict[type[Event], Callable[[InboundConnection, Any], None]] = {
    Hello: InboundConnection._on_hello,
    MailRequested: InboundConnection._on_mail,
    RecipientRequested: InboundConnection._on_recipient,
    ContentRequested: InboundConnection._on_content_requested,
    ContentReceived: InboundConnection._on_content,
    ContentCompleted: InboundConnection._on_completed,
    TransactionReset: InboundConnection._on_reset,
    TlsRequested: InboundConnection._on_tls,
    QuitRequested: InboundConnection._on_quit,
    Violation: InboundConnection._on_violation,
}
