"""The small protocols through which rooms of one floor meet. `assembly` binds them.

Each states its obligations. What satisfies a port in the product is named with it, and the fake that we ship stands
in ``shieldrelay.testing``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.mail.address import Mailbox, ReversePath
from shieldrelay.mail.client import Client
from shieldrelay.mail.envelope import Message, Recipient
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.mail.violation import ViolationKind

BLOCK_OCTETS = 65536
"""The largest block in which content moves through the house."""


class Clock(Protocol):
    """Time under the reactor, monotonic (D11): the reactor itself, or ``twisted.internet.task.Clock``."""

    def seconds(self) -> float:
        """Seconds since an arbitrary point; never goes back."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:
        """Call once after ``delay`` seconds."""


WallClock = Callable[[], float]
"""Seconds since the epoch, ``time.time`` in the product: only for what is written down (headers, records, mtimes)."""


class Journal(Protocol):
    """Where events are told: ``shieldrelay.journal.Journal``; the fake keeps a list."""

    def event(self, name: str, **fields: object) -> None:
        """Tell one event; never raises, never waits.

        :param name: one of the names declared in ``shieldrelay.journal.EVENTS``.
        :param fields: ``str``, ``bytes`` (hostile bytes are escaped and clipped by the journal), numbers, ``None``, or
            short sequences of them.
        """

    def count(self, name: str, label: str = "") -> None:
        """Count one event without telling it: of a flood, one stands for many; never raises, never waits.

        :param label: the value of the field by which the event is counted.
        """


class ContentReader(Protocol):
    """One pass over a content's octets."""

    def read(self) -> bytes | Deferred[bytes]:
        """Give the next block of at most `BLOCK_OCTETS`, ``b""`` at the end. One read at a time.

        :raises OSError: (or the Deferred fails with it) when the octets cannot be had; the pass is over.
        """

    def close(self) -> None:
        """Let go of it; allowed at any time and more than once."""


class Content(Protocol):
    """The octets of a message as the next hop is to get them.

    Our trace lines and then what came in, byte for byte: CRLF line ends, *not* dot-stuffed. What did not end with
    CRLF (BDAT) is kept so; the sender adds it for DATA. Immutable; can be read many times, also at the same time.
    """

    @property
    def size(self) -> int:
        """Octets in all."""

    @property
    def ascii_header(self) -> bool:
        """Whether the header block has no octet above 127 (else SMTPUTF8 is needed, R9)."""

    @property
    def blocks(self) -> tuple[bytes, ...] | None:
        """All of it when it is in memory, for the hot path; ``None`` when it must be read."""

    def open(self) -> ContentReader:
        """Begin a pass. May raise OSError."""


class NextHop(Protocol):
    """One server with its pooled connections: ``wire.outbound.PooledNextHop``.

    It opens as many connections as there are attempts at once: how many may run is decided above it.
    """

    @property
    def name(self) -> str:
        """``host:port`` as configured; for the journal and the operator only (R11)."""

    def attempt(self, attempt: Attempt) -> Deferred[AttemptResult]:
        """Offer a message.

        Never fails: every trouble is an `AttemptResult`. A pooled connection that turns out to have been closed while
        idle is replaced by a fresh one, once, within this call (R6). Cancelling the Deferred before the final dot
        is written drops the connection and yields TRANSIENT outcomes, health SILENT when the next hop has said nothing
        to this attempt and UNTRIED otherwise; after the dot, cancelling does nothing.
        """

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed and the idle ones included."""

    def close_idle(self) -> None:
        """Say QUIT on every idle connection."""

    def shed(self, most: int) -> int:
        """Say QUIT on some idle connections, those first that were idle longest; gives on how many."""

    def stop(self) -> Deferred[None]:
        """Close idle connections and wait for none in use; attempts under way run on. Fires when all are closed."""


class Attempt:
    """What a `NextHop` is asked to do.

    :ivar message: id, reverse-path and parameters.
    :ivar recipients: those of the message that still want it, in order; the outcomes are aligned with them.
    :ivar content: what to send.
    :ivar dotted: set by the next hop at the moment when the final dot goes out: from then on the attempt may have
        succeeded whatever happens to us (R1).
    :ivar still_ours: asked just before the final dot; when the message is not ours to deliver any more (R15), the next
        hop drops the connection instead. ``None`` when nobody else could have it.
    """

    __slots__ = ("content", "dotted", "message", "on_dot", "recipients", "still_ours")

    def __init__(
        self,
        message: Message,
        recipients: Sequence[Recipient],
        content: Content,
        on_dot: Callable[[], object] | None = None,
    ) -> None:
        self.message = message
        self.recipients = tuple(recipients)
        self.content = content
        self.dotted = False
        self.on_dot = on_dot
        self.still_ours: Callable[[], bool] | None = None

    def final_dot(self) -> None:
        """Note that the final dot is written; the next hop calls it exactly once, before or as it writes the dot."""
        self.dotted = True
        if self.on_dot is not None:
            self.on_dot()


class ThreadRunner(Protocol):
    """Work that blocks: ``wire.threads`` in the product; the fake runs it at once."""

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run ``call(*args)`` in a thread and fire with what it returns or raises, in the reactor's thread."""


class Resolver(Protocol):
    """Addresses of host names: ``wire.resolver.Resolver``."""

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        """Give all addresses of a name (an IP address gives itself), AAAA and A; the last good answer while DNS fails.

        Fails with ``twisted.names.error.DomainError`` or ``OSError`` when there never was a good answer.
        """

    def mail_exchangers(self, domain: str) -> Deferred[Sequence[str]]:
        """Give the MX names of a domain, best first, equals shuffled; ``[domain]`` for the implicit MX (RFC 5321 §5.1).

        An empty sequence is a null MX (RFC 7505). Fails like `addresses`; a domain that does not exist fails with
        ``DNSNameError``.
        """


AVisit = TypeVar("AVisit")
"""A gate's own `Visit`; nobody else makes one."""


class Gate(Protocol[AVisit]):
    """Who judges each stage of a connection: ``shield.gate.Gate``. Pure and quick: it answers at once, never fails.

    ``now`` is the reactor's time in seconds. A `Visit` is the gate's own note of one connection; whoever holds it gives
    it back with every question, and says `left` once.
    """

    def admit(self, client: Client, sessions: int, now: float) -> AVisit | Refusal:
        """Judge a connection before anything is made for it.

        :param sessions: open on this node, this one not counted.
        """

    def talked_early(self, visit: AVisit, now: float) -> Refusal | None:
        """Judge a client that talks before the greeting."""

    def greeted(self, visit: AVisit, now: float) -> None:
        """Note that the client waited for the greeting."""

    def handshake(self, visit: AVisit, now: float) -> Refusal | None:
        """Judge STARTTLS."""

    def hello(self, visit: AVisit, name: bytes, now: float) -> Refusal | None:
        """Judge the name in EHLO or HELO, which is answered already; a refusal ends the session."""

    def mail(self, visit: AVisit, asked: SenderAsked, now: float) -> Verdict:
        """Judge MAIL."""

    def recipient(self, visit: AVisit, asked: RecipientAsked, now: float) -> Verdict:
        """Judge one RCPT. `Verdict.held`: ask `decide` next."""

    def decide(self, visit: AVisit, asked: RecipientAsked, now: float) -> Verdict:
        """Judge a RCPT whose answer was held; never held again."""

    def abandoned(self, visit: AVisit, recipients: int, now: float) -> None:
        """Note that recipients were granted and no message followed (R20)."""

    def header(self, visit: AVisit, octets: bytes, now: float) -> None:
        """Look at the beginning of a content; what is found there is evidence, never a refusal (R24)."""

    def spoiled(self, visit: AVisit, fault: str, now: float) -> None:
        """Note that a content broke a declared rule (R25); it is refused anyway.

        :param fault: the name of the fault, as `smtp.content_fault` has it.
        """

    def content_refused(self, visit: AVisit, now: float) -> None:
        """Note that a check of the content has refused a message; the client may have left meanwhile."""

    def completed(self, visit: AVisit, recipients: int, now: float) -> None:
        """Note that a message to so many recipients came to its end, whatever became of it."""

    def violation(self, visit: AVisit, kind: ViolationKind, evidence: bytes, now: float) -> Refusal | None:
        """Note what a lawful client does not do; a refusal ends the session."""

    def left(self, visit: AVisit, octets: int, now: float) -> None:
        """The connection has ended.

        :param octets: received on it.
        """


class Visit(Protocol):
    """One connection in the gate's eyes: ``shield.visit.Visit``."""

    @property
    def reference(self) -> str:
        """What refusals of this connection carry, and the journal tells: the session's id."""

    @property
    def greeting_delay(self) -> float:
        """Seconds for which the greeting is held back, to see whether the client talks first; 0 for not at all."""

    @property
    def known_good(self) -> bool:
        """Whether the client's past earns it precedence (R19)."""


@frozen
class SenderAsked:
    """What a MAIL asks for.

    :ivar declared_size: the SIZE parameter in octets (RFC 1870).
    :ivar envid: the ENVID parameter as xtext (RFC 3461 §4.4).
    """

    reverse_path: ReversePath
    declared_size: int | None = None
    envid: bytes | None = None


@frozen
class RecipientAsked:
    """What a RCPT asks for.

    :ivar transaction_domains: the protected domains that this transaction has already.
    :ivar declared_size: of MAIL, in octets.
    :ivar orcpt: the ORCPT parameter as received (RFC 3461 §4.2).
    """

    mailbox: Mailbox
    reverse_path: ReversePath
    transaction_domains: Sequence[str]
    declared_size: int | None = None
    orcpt: bytes | None = None


class Witness(Protocol):
    """Who is told what next hops say of recipients, early or late: ``shield.witness.Witness`` (R19, R20)."""

    def attempted(
        self, message: Message, taken: int, refused: Sequence[tuple[Mailbox, Reply]], policy: int
    ) -> None:
        """Note what one attempt came to; never fails.

        :param taken: recipients that the next hop took.
        :param refused: those whose *address* it refused for good, as the bounce guard left it, with its words.
        :param policy: recipients for whom it refused the message for good by its policy (5.7.x, RFC 3463 §3.8).
        """


def joined(blocks: Iterable[bytes]) -> bytes:
    """Join blocks, without a copy when there is only one."""
    sequence = tuple(blocks)
    return sequence[0] if len(sequence) == 1 else b"".join(sequence)
