"""Inbound sessions, everything real but who takes their messages: there the test says what is answered, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from shieldrelay.delivery.holding import Holding, MemoryBudget
from shieldrelay.delivery.intake_tools import IntakeTools
from shieldrelay.delivery.pauses import Pauses
from shieldrelay.mail.address import Mailbox, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.envelope import Message, Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.trace import received
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.ports import Content, RecipientAsked, Visit
from shieldrelay.smtp.limits import ContentRules, Limits
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.replies import MESSAGE_OK, UNKNOWN_RECIPIENT
from shieldrelay.spool.content import MemoryContent
from shieldrelay.testing.gate import OpenGate
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.doorway import Doorway
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.inbound_timing import ClientPatience, Patience
from shieldrelay.wire.inbound_tools import InboundTools

DOMAIN = "example.test"
GENEROUS = Limits(messages=1_000_000, commands=10_000_000, junk_commands=10_000_000, recipients=10_000_000)
MAIL = b"MAIL FROM:<a@sender.test>\r\n"
RCPT = b"RCPT TO:<alice@example.test>\r\n"
OPENING = b"EHLO client.test\r\n" + MAIL + RCPT
HELLO_WORLD = b"Subject: hello\r\n\r\nHello, world!\r\n"


UNKNOWN = Verdict(Refusal(UNKNOWN_RECIPIENT, "the recipient is not listed", "recipients"))


class WorldGate(OpenGate):
    """An open gate that knows nobody whose name begins with ``nobody``, and fails when it is to.

    :ivar bug: raised by the next RCPT.
    """

    bug: Exception | None = None

    def recipient(self, visit: Visit, asked: RecipientAsked, now: float) -> Verdict:
        if self.bug is not None:
            raise self.bug
        verdict = super().recipient(visit, asked, now)
        return UNKNOWN if asked.mailbox.local_part.startswith(b"nobody") else verdict


class World:
    """What a session meets: gate, acceptance and spool drafts.

    :ivar taken: messages with their content, in the order of their final dots.
    :ivar pending: the answers that wait, when ``holds``.
    :ivar drafts: every spool draft ever begun.
    :ivar exchange: what a held answer waits for, when it is to wait.
    """

    def __init__(self, *, in_memory: int = 1 << 20, budget: int = 1 << 28, clock: Any = None, tls: Any = None) -> None:
        self.holds = False
        self.taken: list[tuple[Message, bytes]] = []
        self.pending: list[Deferred[Reply]] = []
        self.drafts: list[SlowDraft] = []
        self.exchange: Deferred[None] | None = None
        self.gate = WorldGate()
        self.balancer: Any = None
        self.clock: Any = clock or Clock()
        self.journal = ListJournal()
        self.budget = MemoryBudget(budget)
        self.patience_given = Patience()
        self.settings = ReceiverSettings(b"mx.test", limits=GENEROUS)
        self.sessions = Deadlines(self.clock, self.journal)
        self.sessions.start()
        self._ids = 0
        self.intake = IntakeTools(
            gate=self.gate,
            domains=self,
            acceptance=self,  # type: ignore[arg-type]  # stands in for it
            trace=self.trace,
            new_id=self.new_id,
            postmaster=parse_mailbox(b"postmaster@" + DOMAIN.encode()),
            budget=self.budget,
            in_memory=in_memory,
            open_draft=self.open_draft,
            pauses=Pauses(self.clock, lambda: self.exchange, lambda: 100, float),
            clock=self.clock,
            wall=self.clock.seconds,
            journal=self.journal,
        )
        self.tools = InboundTools(self, self.sessions, tls, self.clock, self.journal)
        self.door = Doorway(self.tools, self.clock)

    # the session's terms

    def receiver_settings(self, _address: str) -> ReceiverSettings:
        return self.settings

    def patience(self, _address: str) -> ClientPatience:
        return ClientPatience(self.patience_given)

    # what its intake asks

    def domain_of(self, _mailbox: Mailbox) -> str:
        return DOMAIN

    def content_rules(self, _domain: str, _address: str) -> ContentRules:
        return ContentRules()

    def trace(self, origin: Origin, message_id: str, arrived: float, recipient: Mailbox | None) -> bytes:
        return received(origin, "mx.test", message_id, arrived, recipient)

    def new_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def open_draft(self, message: Message) -> Deferred[Any]:
        self.drafts.append(SlowDraft(message))
        return succeed(self.drafts[-1])

    def accept(self, messages: Sequence[Message], holding: Holding, content: Content) -> Deferred[Reply]:
        """Take a message; the answer comes at once, or by `answer`."""
        self.taken.append((messages[0], b"".join(content.blocks or ())))
        holding.discard()
        if not self.holds:
            return succeed(MESSAGE_OK)
        self.pending.append(Deferred())
        return self.pending[-1]

    def answer(self, reply: Reply = MESSAGE_OK) -> None:
        """Answer the message that waits longest."""
        self.pending.pop(0).callback(reply)

    # sessions

    def session(self, address: str = "192.0.2.7") -> InboundConnection:
        """Begin a session, without a transport."""
        client = client_of(address)
        visit = self.gate.admit(client, len(self.sessions), self.clock.seconds())
        assert not isinstance(visit, Refusal)
        return InboundConnection(self.tools, self, visit, client, 40000)

    def connected(self, pieces: int | Sequence[int] | None = None, **more: Any) -> tuple[Client, Pump]:
        """Join a client to a new session, greeting read."""
        client = Client()
        pump = Pump(client, self.session(), clock=self.clock, pieces=pieces, **more)
        pump.start()
        pump.flush()
        return client, pump

    def ended(self) -> list[object]:
        """How sessions ended, by the journal."""
        return [event["end"] for event in self.journal.named("session")]


class SlowDraft:
    """A spool draft whose disk answers when the test says so.

    :ivar blocks: what was appended.
    :ivar waiting: the appends that the disk has not done.
    """

    def __init__(self, message: Message) -> None:
        self.message = message
        self.blocks: list[bytes] = []
        self.waiting: list[Deferred[None]] = []
        self.discarded = False

    def append(self, block: bytes) -> Deferred[None]:
        self.blocks.append(block)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def go_on(self) -> None:
        """Have the disk do what waits."""
        while self.waiting:
            self.waiting.pop(0).callback(None)

    def content(self, *, ascii_header: bool) -> Content:
        return MemoryContent(tuple(self.blocks), ascii_header=ascii_header)

    def discard(self) -> Deferred[None]:
        self.discarded = True
        return succeed(None)


class Client(Protocol):
    """A client that keeps what it is told.

    :ivar octets: all of it.
    :ivar lost: why the connection ended, when it did.
    """

    transport: Any

    def __init__(self) -> None:
        self.octets = b""
        self.lost: Failure | None = None

    def say(self, octets: bytes) -> None:
        """Send."""
        self.transport.write(octets)

    def dataReceived(self, data: bytes) -> None:
        self.octets += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    @property
    def codes(self) -> list[int]:
        """The codes of all replies, in order."""
        return [int(line[:3]) for line in self.octets.splitlines() if line[3:4] == b" "]

    @property
    def last(self) -> str:
        """The last line."""
        return self.octets.splitlines()[-1].decode()
