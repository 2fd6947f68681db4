"""One SMTP connection to us: its transport, its turns and its time.

Thin: the protocol is `smtp.receiver`, the meaning is `wire.inbound_conversation`. Here octets go in and out by a pump,
which is a loop: an answer that is known goes back at once; one that is not stops the loop until it comes, and what the
client sends meanwhile waits, bounded. A bug in here is journalled and answered 421, never 5yz.

Made by `wire.doorway`, which has the connection admitted before this exists.
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

from shieldrelay.mail.client import Client
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Visit
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import INTERLUDE
from shieldrelay.smtp.receiver import Phase
from shieldrelay.wire.closing import close_now
from shieldrelay.wire.direct import direct_writer
from shieldrelay.wire.inbound_conversation import QUIT, Conversation
from shieldrelay.wire.inbound_timing import ClientPatience
from shieldrelay.wire.inbound_tools import InboundTools, SessionTerms
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
    :param terms: those under which the connection was admitted.
    :param visit: the gate's note of it; it is told `left` once, when the connection is lost.
    :param port: the client's.
    :ivar session: its id, which is the visit's reference.
    :ivar deadline: when `deadline_passed` is wanted; kept by `wire.deadlines`. Before the greeting that is when to
        greet.
    """

    deadline = math.inf
    transport: Any

    def __init__(self, tools: InboundTools, terms: SessionTerms, visit: Visit, client: Client, port: int) -> None:
        self._tools = tools
        self._conversation = Conversation(tools, terms, visit, client, port)
        self._receiver = self._conversation.receiver
        self._counters = self._receiver.counters
        self._patience: ClientPatience = terms.patience(client.address)
        self.session = visit.reference
        self._began = tools.clock.seconds()
        self._write: Callable[[bytes], object] = bytes
        self._pumping = False
        self._waiting = False
        self._paused = False
        self._unread: Unread
        self._closed = False
        self._resting: IDelayedCall | None = None
        self._received = 0
        self._ahead = 0
        self._phase = Phase.GREETING
        self._progress = (0, Phase.GREETING, False)

    # what Twisted calls

    def connectionMade(self) -> None:
        """Greet, or see first whether the client waits for it (R22)."""
        self._unread = Unread(self.transport, self._choked, self._drained)
        self._write = direct_writer(
            self.transport, enabled=self._tools.direct_writes, before=self._unread.expect
        )
        self._tools.sessions.add(self)
        delay = self._conversation.visit.greeting_delay
        if delay > 0.0:
            self.deadline = self._began + delay
        else:
            self._greet(self._began)

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        octets = len(data)
        self._received += octets
        self._patience.octets += octets
        self._receiver.feed(data)
        if self._waiting or self._unread.too_much or self._resting is not None:
            self._ahead += octets
            if self._ahead > WAITING_OCTETS:
                self._pause()
        else:
            self._pump()
            if self._phase is Phase.GREETING and not self._closed:
                self._pause()  # it has talked early: the rest of it can wait for the greeting

    def handshakeCompleted(self) -> None:
        """Begin the session anew inside TLS (RFC 3207 §4.2)."""
        self._conversation.encrypted(described(self.transport))
        self._pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session: what it had not finished is dropped, and what it still had to say is not read."""
        tools, conversation = self._tools, self._conversation
        tools.sessions.discard(self)
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        if self._receiver.phase is Phase.HANDSHAKE:
            tools.journal.event(
                "tls_failed", session=self.session, peer=conversation.client.address, reason=failure_words(reason)
            )
        self._unread.let_go()
        conversation.leave(self._received, self._began, tools.clock.seconds())

    # the pump

    def _greet(self, now: float) -> None:
        """Greet; the client's time begins."""
        self._patience.begin(now)
        self._conversation.greet(now)
        self._pump()

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
        if not self._waiting and (self._ahead or self._paused):
            self._resume()

    def _answer_events(self) -> None:
        receiver, meet = self._receiver, self._conversation.meet
        for _ in range(TURN_EVENTS):
            event = None if self._waiting or self._unread.too_much else receiver.next_event()
            if event is None:
                break
            if event is INTERLUDE:
                self._rest()
                break
            answer = meet(event)
            if answer is not None:
                self._wait_for(answer)
        else:
            self._rest()
        self._phase = phase = receiver.phase
        progress = (self._counters.commands, phase, self._waiting)
        if progress != self._progress:
            self._progress = progress
            self._patience.phase(phase, self._tools.clock.seconds(), waiting=self._waiting)
            self.deadline = self._patience.deadline

    def _flush(self) -> None:
        """Write the replies; then close, or begin TLS, if that is what they announced."""
        octets = self._receiver.output()
        if octets:
            self._write(octets)
        if self._receiver.closing and not self._waiting and self._resting is None:
            self._close()
        elif self._phase is Phase.HANDSHAKE and not self.transport.TLS:
            self.transport.startTLS(self._tools.tls)

    def _close(self) -> None:
        """Close, once; the last reply goes out before."""
        if not self._closed:
            self._closed = True
            self._conversation.ended = self._conversation.ended or "closed by us"
            if self._tools.direct_writes and close_now(self.transport, polite=self._conversation.ended == QUIT):
                return
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

    def _wait_for(self, answer: Deferred[Any]) -> None:
        """Stop the pump until the answer is there; one that is there already does not stop it."""
        self._waiting = True
        answer.addCallback(self._answered)
        answer.addErrback(self._bug)

    def _answered(self, _nothing: object) -> None:
        """Go on after what had to be waited for."""
        self._waiting = False
        self._pump()

    # how much is read

    def _pause(self) -> None:
        """Read no more; until then at most `WAITING_OCTETS` and one read of the transport's have piled up."""
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _resume(self) -> None:
        """Read on: all that came was looked at. Not before, or a client could pile up more with every answer."""
        if self._unread.too_much or self._resting is not None or self._closed or self._phase is Phase.GREETING:
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

    # trouble, time and the end

    def deadline_passed(self, now: float) -> None:
        """Act on a deadline: the client may be greeted, has been too slow, or may go on."""
        if self._closed:
            self.deadline = math.inf
            self.transport.abortConnection()
        elif self._phase is Phase.GREETING:
            self._greet(now)
        else:
            verdict = self._patience.passed(now, waiting=self._waiting)
            self.deadline = self._patience.deadline
            if verdict is not None:
                self.end(verdict)

    def hurry(self) -> None:
        """Let the times that new sessions get hold for this one too; a client with a good past keeps its own."""
        conversation = self._conversation
        if self._closed or self._phase is Phase.GREETING or conversation.visit.known_good:
            return
        patience = self._tools.terms.patience(conversation.client.address).declared
        self._patience.hurry(patience, self._tools.clock.seconds())
        self.deadline = self._patience.deadline

    def end(self, reason: str, reply: Reply = replies.TOO_SLOW) -> None:
        """Tell the client 421 and close; what it had not finished is dropped.

        :param reason: for the journal.
        """
        self._conversation.ended = self._conversation.ended or reason
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
