"""One mail transaction with a next hop: which reply settles whom (RFC 5321 §3.3, RFC 2920, R2).

A machine without I/O: replies in, octets and outcomes out. It is the same machine with and without PIPELINING; without,
the next command is given when the reply to the one before is here, and none is given whose fate is already known. What
is unsure is transient. `smtp.sender` owns it, and deals with 421 and with lost connections.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.mail.outcome import Fate, RecipientOutcome
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp.sender_phases import Kind, Phase, kind_of

_REFUSALS = {Kind.TRANSIENT: Fate.TRANSIENT, Kind.PERMANENT: Fate.REFUSED}
_CONTENT_REFUSALS = {Kind.TRANSIENT: Fate.TRANSIENT, Kind.PERMANENT: Fate.CONTENT_REFUSED}


class Transaction:
    """One transaction.

    :param context: XFORWARD, to be said first, or ``b""``: whatever it is answered with, the message goes on.
    :ivar phase: CONTEXT, MAIL, RCPT or DATA: the reply that is waited for; CONTENT: the content is wanted; FINAL: the
        reply to it; READY: settled; CLOSED: the next hop talked nonsense.
    :ivar outcomes: aligned with the recipients; ``None`` while unsettled.
    :ivar answered: whether a reply to MAIL or RCPT came: the server is up, whatever it said (R6).
    :ivar clean: whether it ended with a reply to its content, so that no RSET is needed before the next.
    """

    __slots__ = ("_commands", "_context", "_pipelining", "_position", "answered", "clean", "outcomes", "phase")

    def __init__(self, mail: bytes, rcpts: list[bytes], pipelining: bool, context: bytes = b"") -> None:
        self._commands = [mail, *rcpts, b"DATA\r\n"]
        self._context = context
        self._pipelining = pipelining
        self._position = 0
        self.phase = Phase.CONTEXT if context else Phase.MAIL
        self.outcomes: list[RecipientOutcome | None] = [None] * len(rcpts)
        self.answered = False
        self.clean = False

    def begin(self) -> bytes:
        """Give what is to be written first."""
        if self._pipelining:
            return self._context + b"".join(self._commands)
        return self._context or self._commands[0]

    def take(self, reply: Reply) -> bytes:
        """Take the reply that the phase waits for; give what is to be written."""
        row = _TRANSITIONS.get((self.phase, kind_of(reply)))
        if row is None:
            self.phase = Phase.CLOSED
            return b""
        return row(self, reply)

    @property
    def wants_lone_dot(self) -> bool:
        """Whether 354 came although nobody is left to send the content to (R2)."""
        return self.phase is Phase.CONTENT and None not in self.outcomes

    def content_sent(self) -> None:
        """Note that the final dot is written."""
        self.phase = Phase.FINAL

    def _context_answered(self, _reply: Reply) -> bytes:
        self.phase = Phase.MAIL
        return b"" if self._pipelining else self._commands[0]

    def _mail_answered(self, reply: Reply) -> bytes:
        self.answered = True
        if reply.code >= 400:
            self._settle(RecipientOutcome(_REFUSALS[kind_of(reply)], reply, "refused at MAIL"))
        return self._go_on()

    def _rcpt_answered(self, reply: Reply) -> bytes:
        index = self._position - 1
        if reply.code >= 400 and self.outcomes[index] is None:
            fate = Fate.TRANSIENT if self._is_one_too_many(reply) else _REFUSALS[kind_of(reply)]
            self.outcomes[index] = RecipientOutcome(fate, reply, "refused at RCPT")
        return self._go_on()

    def _is_one_too_many(self, reply: Reply) -> bool:
        """Whether 552 may mean too many recipients, which is for later (RFC 5321 §4.5.3.1.10)."""
        if reply.code != 552 or reply.enhanced not in (None, (5, 5, 3)):
            return False
        return None in self.outcomes[: self._position - 1]

    def _go_on(self) -> bytes:
        """Wait for the reply to the next command, giving it first when it was not given yet."""
        self._position += 1
        last = len(self._commands) - 1
        self.phase = Phase.DATA if self._position == last else Phase.RCPT
        if self._pipelining:
            return b""
        everyone_settled = None not in self.outcomes
        if everyone_settled and (self._position == 1 or self._position == last):
            self.phase = Phase.READY
            return b""
        return self._commands[self._position]

    def _data_accepted(self, _reply: Reply) -> bytes:
        self.phase = Phase.CONTENT
        return b""

    def _data_refused(self, reply: Reply) -> bytes:
        self._settle(RecipientOutcome(_CONTENT_REFUSALS[kind_of(reply)], reply, "refused at DATA"))
        self.phase = Phase.READY
        return b""

    def _content_answered(self, reply: Reply) -> bytes:
        kind = kind_of(reply)
        if kind is Kind.COMPLETED:
            self._settle(RecipientOutcome(Fate.TAKEN, reply))
        else:
            self._settle(RecipientOutcome(_CONTENT_REFUSALS[kind], reply, "refused after the content"))
        self.clean = True
        self.phase = Phase.READY
        return b""

    def _settle(self, outcome: RecipientOutcome) -> None:
        """Give everybody who has none this outcome."""
        self.outcomes = [outcome if settled is None else settled for settled in self.outcomes]


_TRANSITIONS: dict[tuple[Phase, Kind], Callable[[Transaction, Reply], bytes]] = {
    (Phase.CONTEXT, Kind.COMPLETED): Transaction._context_answered,
    # A server that refuses to be told who sent a message may still want the message.
    (Phase.CONTEXT, Kind.TRANSIENT): Transaction._context_answered,
    (Phase.CONTEXT, Kind.PERMANENT): Transaction._context_answered,
    (Phase.MAIL, Kind.COMPLETED): Transaction._mail_answered,
    (Phase.MAIL, Kind.TRANSIENT): Transaction._mail_answered,
    (Phase.MAIL, Kind.PERMANENT): Transaction._mail_answered,
    (Phase.RCPT, Kind.COMPLETED): Transaction._rcpt_answered,
    (Phase.RCPT, Kind.TRANSIENT): Transaction._rcpt_answered,
    (Phase.RCPT, Kind.PERMANENT): Transaction._rcpt_answered,
    (Phase.DATA, Kind.INTERMEDIATE): Transaction._data_accepted,
    # 2yz to DATA is absent: a server that takes DATA for done has not seen the content.
    (Phase.DATA, Kind.TRANSIENT): Transaction._data_refused,
    (Phase.DATA, Kind.PERMANENT): Transaction._data_refused,
    (Phase.FINAL, Kind.COMPLETED): Transaction._content_answered,
    (Phase.FINAL, Kind.TRANSIENT): Transaction._content_answered,
    (Phase.FINAL, Kind.PERMANENT): Transaction._content_answered,
}
"""Whatever is absent is nonsense: the phase becomes CLOSED."""
