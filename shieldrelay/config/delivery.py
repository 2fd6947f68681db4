"""Settings of delivery to the next hops: ``[delivery]``. Declarations only."""

from __future__ import annotations

from enum import Enum

from shieldrelay.config.hosts import IpAddress
from shieldrelay.config.kinds import Choice, Count, ListOf, Maybe
from shieldrelay.config.quantities import Duration, Share
from shieldrelay.config.routes import NoticeRoute, NoticeRouteText
from shieldrelay.config.setting import section, setting, subsection


class FirstAttempt(Enum):
    """When a message is offered to its next hop for the first time (D2)."""

    INLINE = "inline"
    QUEUED = "queued"


class NoticeSenders(Enum):
    """Which senders are told of a failure (R8)."""

    VERIFIED = "verified"
    ALL = "all"


_PHASE = Duration("1s", "30m")


@section
class BounceGuard:
    """Doubt about a server that suddenly refuses its own recipients (R5): for a while its refusals are transient."""

    share: float = setting(
        Share(1, 100),
        default="30%",
        help="Share of listed recipients refused for good from which on the refusals are doubted.",
    )
    messages: int = setting(Count(1, 10000), default=10, help="Refused messages that it takes at least.")
    senders: int = setting(Count(1, 10000), default=5, help="Different senders that it takes at least.")
    window: float = setting(Duration("1m", "1d"), default="10m", help="The time over which they are counted.")
    hold: float = setting(Duration("0s", "7d"), default="24h", help="How long refusals stay transient at most.")


@section
class Delivery:
    """How mail reaches the next hops."""

    first_attempt: FirstAttempt = setting(
        Choice(FirstAttempt),
        default="inline",
        help=(
            "inline: offered to the next hop before the sender is answered, so that no disk is touched. queued: always"
            " into the spool first (D2)."
        ),
    )
    inline_timeout: float = setting(
        Duration("100ms", "5m"),
        default="10s",
        help=(
            "How long the sender waits for an inline attempt before its message is spooled and acknowledged; the "
            "attempt goes on (R1)."
        ),
    )
    slot_wait: float = setting(
        Duration("0s", "5s"),
        default="100ms",
        help="How long an inline attempt waits for a free connection before its message is spooled.",
    )
    retry: tuple[float, ...] = setting(
        ListOf(Duration("1s", "1d"), least=1),
        default=["1m", "2m", "5m", "10m", "15m", "30m"],
        help="Waits before the next attempt; the last one again and again.",
    )
    jitter: float = setting(
        Share(0, 50), default="20%", help="Each wait is made longer or shorter by up to this share, by chance."
    )
    probe: float = setting(
        Duration("1s", "1h"),
        default="60s",
        help="How often the oldest message is offered to a next hop that is taken to be down.",
    )
    breaker_failures: int = setting(
        Count(1, 100), default=3, help="Failures of a server in a row after which it is taken to be down (R6)."
    )
    ramp: tuple[int, ...] = setting(
        ListOf(Count(1, 10000), least=1),
        default=[1, 2, 5, 20],
        help="Connections, step by step, to a server that has come back; its pace bounds the last step.",
    )
    lifetime: float = setting(
        Duration("1m", "60d"),
        default="7d",
        help="How long a message is tried, not counting the time in which its next hop was down (R7).",
    )
    hard_lifetime: float = setting(
        Duration("1m", "365d"), default="30d", help="How long a message is kept, whatever the next hop does."
    )
    notices: NoticeRoute = setting(
        NoticeRouteText(),
        default="mx",
        help=(
            "How failure notices leave: to the sender's own mail exchanger, through a smart host, or by the domain's "
            "next hop (R8)."
        ),
    )
    notice_senders: NoticeSenders = setting(
        Choice(NoticeSenders),
        default="verified",
        help=(
            "Who gets failure notices. verified: senders whose domain lets the client send in its name (SPF pass); the "
            "others' are journalled and shown. all: everybody, forged senders too (R8)."
        ),
    )
    notice_lifetime: float = setting(Duration("1m", "30d"), default="2d", help="How long a notice is tried.")
    notice_budget: int = setting(
        Count(0, 1000000),
        default=100,
        help="Notices to one destination domain in an hour; the excess is journalled, not sent.",
    )
    connect_timeout: float = setting(
        Duration("1s", "10m"), default="30s", help="Longest wait for a connection to one address."
    )
    greeting_timeout: float = setting(
        _PHASE, default="5m", help="Longest wait for the greeting (RFC 5321 section 4.5.3.2.1)."
    )
    hello_timeout: float = setting(_PHASE, default="5m", help="Longest wait for the reply to EHLO, STARTTLS or AUTH.")
    mail_timeout: float = setting(
        _PHASE, default="5m", help="Longest wait for the reply to MAIL (RFC 5321 section 4.5.3.2.2)."
    )
    recipient_timeout: float = setting(
        _PHASE, default="5m", help="Longest wait for the reply to RCPT (RFC 5321 section 4.5.3.2.3)."
    )
    data_timeout: float = setting(
        _PHASE, default="2m", help="Longest wait for the reply to DATA (RFC 5321 section 4.5.3.2.4)."
    )
    block_timeout: float = setting(
        _PHASE, default="3m", help="Longest wait for the next hop to take more content (RFC 5321 section 4.5.3.2.5)."
    )
    attempt_limit: float = setting(
        Duration("10s", "1h"),
        default="10m",
        help="Longest wait for the reply to the final dot (RFC 5321 section 4.5.3.2.6).",
    )
    idle: float = setting(
        Duration("0s", "5m"), default="30s", help="How long an unused connection to a next hop is kept."
    )
    messages_per_connection: int = setting(
        Count(1, 1000000), default=1000, help="Messages over one connection to a next hop before a fresh one is made."
    )
    source_address: str | None = setting(
        Maybe(IpAddress()),
        default=None,
        example="192.0.2.1",
        help="Address from which connections to next hops are made. Without it the system chooses.",
    )
    bounce_guard: BounceGuard = subsection(BounceGuard, factory=BounceGuard, help="")
