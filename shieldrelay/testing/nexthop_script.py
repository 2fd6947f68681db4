"""What a `ScriptedNextHop` is told to do at each step of a session.

Values and look-ups only: knows no transport and no reactor. A test fills a `Script`; the session asks it at every step
and performs the `Act` that it gets, or does what a decent server does when there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from shieldrelay.testing.nexthop_record import ConnectionRecord, StoredMessage


class Step(Enum):
    """Where in a session something can be made to happen."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    HANDSHAKE = "handshake"
    """Instead of a TLS handshake: performed when the client's first octets behind the 220 are here."""
    AUTH = "AUTH"
    """The verdict on the credentials."""
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    MIDST = "midst"
    """In the middle of content, once `ScriptedNextHop.midst_octets` octets of it are here."""
    CONTENT = "content"
    """The final dot is here."""
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


class End(Enum):
    """What becomes of the connection once the reply is written."""

    GO_ON = "go on"
    CLOSE = "close"
    RESET = "reset"
    """RST: what is still under way to the client is lost."""
    STALL = "stall"
    """The connection stays, but nothing is read from it or written to it any more."""


class Gate:
    """Holds replies back until a test releases them."""

    def __init__(self) -> None:
        self.released = False
        self._waiting: list[Deferred[None]] = []

    @property
    def waiting(self) -> int:
        """How many replies stand before it."""
        return len(self._waiting)

    def wait(self) -> Deferred[None]:
        """Give a Deferred that fires on `release`."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def release(self) -> None:
        """Let everything through that waits, and all that comes later."""
        self.released = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


@frozen
class Act:
    """One thing to do; built by `say`, `silence`, `close`, `reset`, `endless`, `lose_reply`.

    :ivar reply: the octets to write, CRLFs included; ``b""`` for none.
    :ivar delay: seconds to wait first, while nothing else is answered.
    :ivar gate: wait for this too.
    :ivar repeated: octets to write again and again after the reply until the connection is gone.
    :ivar stored: at `Step.CONTENT`, whether the message was taken; decided by the reply's code when ``None``.
    """

    reply: bytes = b""
    delay: float = 0.0
    gate: Gate | None = None
    end: End = End.GO_ON
    repeated: bytes = b""
    stored: bool | None = None

    @property
    def code(self) -> int:
        """The reply's code; 0 when it has none."""
        digits = self.reply[:3]
        return int(digits) if digits.isdigit() and len(digits) == 3 else 0

    @property
    def takes(self) -> bool:
        """Whether at `Step.CONTENT` this server has the message from now on."""
        return self.stored if self.stored is not None else 200 <= self.code < 300


def say(
    reply: str | bytes, *, behind: bytes = b"", delay: float = 0.0, gate: Gate | None = None, end: End = End.GO_ON
) -> Act:
    r"""Answer so.

    :param reply: ``str``: lines without their ends, codes written out, joined by ``\n``. ``bytes``: exactly these.
    :param behind: raw octets in the same write, such as plaintext behind the 220 of STARTTLS.
    """
    octets = reply if isinstance(reply, bytes) else reply.encode("utf-8").replace(b"\n", b"\r\n") + b"\r\n"
    return Act(reply=octets + behind, delay=delay, gate=gate, end=end)


def silence() -> Act:
    """Never answer, and keep the connection."""
    return Act(gate=Gate())


def close(delay: float = 0.0) -> Act:
    """Close in order, without a word."""
    return Act(delay=delay, end=End.CLOSE)


def reset(delay: float = 0.0) -> Act:
    """Break the connection off (RST), without a word."""
    return Act(delay=delay, end=End.RESET)


def stall() -> Act:
    """Stop reading and writing, and keep the connection."""
    return Act(end=End.STALL)


def endless(repeated: bytes) -> Act:
    r"""Write ``repeated`` (``b"250-more\r\n"``, or garbage without any line end) until the connection is gone."""
    return Act(repeated=repeated)


def lose_reply(end: End = End.CLOSE) -> Act:
    """At `Step.CONTENT`: take the message, then end the connection without the reply."""
    return Act(stored=True, end=end)


@frozen
class Occasion:
    """What a callable answer is told.

    :ivar ordinal: how often this step was reached before, over all connections.
    :ivar mailbox: at MAIL and RCPT what stood between the angle brackets.
    :ivar message: at CONTENT what was sent.
    """

    step: Step
    ordinal: int
    connection: ConnectionRecord
    mailbox: bytes = b""
    parameters: tuple[bytes, ...] = ()
    message: StoredMessage | None = None


Answer = str | bytes | Act | Callable[[Occasion], "str | bytes | Act | None"]
"""A reply, an `Act`, or a callable that gives one (``None``: what a decent server says)."""


@define
class Script:
    """What is to happen where. Looked up in this order: `once`, `on_recipient`, `on`."""

    _standing: dict[Step, Answer] = field(factory=dict)
    _queued: dict[Step, deque[Answer]] = field(factory=dict)
    _recipients: dict[bytes, Answer] = field(factory=dict)
    _ordinals: dict[Step, int] = field(factory=dict)

    def on(self, step: Step, answer: Answer) -> None:
        """Do this each time from now on."""
        self._standing[step] = answer

    def once(self, step: Step, *answers: Answer) -> None:
        """Do these, one each time, and then what was declared otherwise."""
        self._queued.setdefault(step, deque()).extend(answers)

    def on_recipient(self, mailbox: bytes, answer: Answer) -> None:
        """Do this at each RCPT for this mailbox, compared octet by octet."""
        self._recipients[mailbox] = answer

    def clear(self) -> None:
        """Be decent again at every step."""
        self._standing.clear()
        self._queued.clear()
        self._recipients.clear()

    def has(self, step: Step) -> bool:
        """Whether anything is declared for this step."""
        return bool(self._queued.get(step)) or step in self._standing

    def times(self, step: Step) -> int:
        """Give how often a step was reached."""
        return self._ordinals.get(step, 0)

    def ordinal(self, step: Step) -> int:
        """Count this occasion of a step; the first is 0."""
        ordinal = self._ordinals.get(step, 0)
        self._ordinals[step] = ordinal + 1
        return ordinal

    def act(self, occasion: Occasion, decent: Act) -> Act:
        """Give what is to be done on this occasion.

        :param decent: what a decent server would do.
        """
        answer = self._declared(occasion)
        if callable(answer):
            answer = answer(occasion)
        if answer is None:
            return decent
        return answer if isinstance(answer, Act) else say(answer)

    def _declared(self, occasion: Occasion) -> Answer | None:
        queued = self._queued.get(occasion.step)
        if queued:
            return queued.popleft()
        if occasion.step is Step.RCPT and occasion.mailbox in self._recipients:
            return self._recipients[occasion.mailbox]
        return self._standing.get(occasion.step)
