"""The loop of a `ScriptedNextHop`'s connection: octets in, acts performed in order, impatience written down.

Knows no SMTP command; `NextHopSession` adds them. Everything is answered in order; while an answer waits (delay, gate)
nothing else is taken from the buffer. An error in a test's callable reaches the log through Twisted, fails that test,
and drops the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.testing.nexthop_conduct import LAST_IN_GROUP
from shieldrelay.testing.nexthop_record import ConnectionRecord, StoredMessage
from shieldrelay.testing.nexthop_script import Act, End, Occasion, Step, say

if TYPE_CHECKING:
    from shieldrelay.testing.nexthop import ScriptedNextHop

UNJUDGED = b""
"""What is waited for while the client may say what it likes."""

_LINE_OCTETS = 65536


def nothing(_act: Act) -> None:
    """Follow a reply that changes nothing."""


@implementer(IPullProducer)
class Conversation(Protocol):
    """The server's side of one connection, without its commands.

    Subclasses set ``_take``, which takes one thing out of ``_buffer`` and answers it by `_perform` or `_reply`, or
    gives ``False`` when it is not whole yet; and ``_waiting_on``, what the client has to wait for: a verb, `UNJUDGED`,
    or ``None`` when nothing is to be answered.
    """

    transport: Any
    _take: Callable[[], bool]

    def __init__(self, hop: ScriptedNextHop, record: ConnectionRecord) -> None:
        self.hop = hop
        self.record = record
        self._buffer = b""
        self._offered: frozenset[bytes] = frozenset()
        self._waiting_on: bytes | None = b"greeting"
        self._advancing = False
        self._deaf = False
        self._repeated = b""

    # -- what Twisted calls

    def dataReceived(self, octets: bytes) -> None:
        """Take octets; hold it against the client when it should have waited."""
        if self._deaf:
            return
        if self._waiting_on is not None:
            self._blame_impatience(self._waiting_on)
        self._buffer += octets
        self._advance()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note it; what was begun is forgotten."""
        self.record.open = False
        self._deaf = True
        self._repeated = b""
        self.hop.session_over(self)

    def resumeProducing(self) -> None:
        """Write the endless answer's next piece."""
        if self._repeated:
            self._write(self._repeated * max(1, 4096 // len(self._repeated)))

    def stopProducing(self) -> None:
        """Stop the endless answer."""
        self._repeated = b""

    # -- for the hop

    def write_unasked(self, octets: bytes) -> None:
        """Say something though nobody asked."""
        self._write(octets)

    def end(self, how: End) -> None:
        """End the connection now."""
        self._deaf = self._deaf or how is not End.GO_ON
        if how is End.CLOSE:
            self.transport.loseConnection()
        elif how is End.RESET:
            self.transport.abortConnection()
        elif how is End.STALL:
            self.transport.pauseProducing()

    # -- the loop

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        try:
            while not self._deaf and self._waiting_on is None and self._buffer and self._take():
                pass
        finally:
            self._advancing = False

    def _take_line(self) -> bytes | None:
        line, crlf, rest = self._buffer.partition(b"\r\n")
        if not crlf:
            if len(self._buffer) > _LINE_OCTETS:
                self._blame("a line without CRLF: %r" % self._buffer[:80])
                self.end(End.CLOSE)
            elif self._buffer.endswith(b"\n"):
                self._blame("a line that ends with a bare LF: %r" % self._buffer[:80])
            return None
        self._buffer = rest
        return line

    # -- the answers

    def _perform(
        self,
        step: Step,
        decent: str | Act,
        then: Callable[[Act], None] = nothing,
        *,
        mailbox: bytes = b"",
        parameters: tuple[bytes, ...] = (),
        message: StoredMessage | None = None,
        decided: Callable[[Act], None] = nothing,
    ) -> None:
        """Do what the script wants here.

        :param then: called with the act once its reply is written.
        :param decided: called with the act before it waits for anything.
        """
        occasion = Occasion(step, self.hop.script.ordinal(step), self.record, mailbox, parameters, message)
        act = self.hop.script.act(occasion, decent if isinstance(decent, Act) else say(decent))
        decided(act)
        if act.delay:
            self.hop.clock.callLater(act.delay, self._await_gate, act, then)
        else:
            self._await_gate(act, then)

    def _await_gate(self, act: Act, then: Callable[[Act], None]) -> None:
        if act.gate is None or act.gate.released:
            self._answer(act, then)
        else:
            act.gate.wait().addCallback(lambda _released: self._answer(act, then))

    def _answer(self, act: Act, then: Callable[[Act], None]) -> None:
        if not self.record.open:
            return
        self._waiting_on = None
        self._write(act.reply)
        self.end(act.end)
        if act.repeated:
            self._deaf, self._repeated = True, act.repeated
            self.transport.registerProducer(self, False)
        if act.end is End.GO_ON and not self._deaf:
            then(act)
        self._advance()

    def _reply(self, text: str) -> None:
        self._answer(say(text), nothing)

    def _write(self, octets: bytes) -> None:
        if octets and self.transport is not None:
            self.transport.write(octets)

    # -- the client's manners

    def _blame_impatience(self, verb: bytes) -> None:
        if verb in LAST_IN_GROUP or verb == b"greeting":
            self._blame("talked on behind %s without waiting" % verb.decode("ascii"))
        elif verb != UNJUDGED and b"PIPELINING" not in self._offered:
            self._blame("pipelined behind %s though PIPELINING was not offered" % verb.decode("ascii", "replace"))

    def _blame(self, violation: str) -> None:
        self.hop.violations.append(f"connection {self.record.number}: {violation}")
