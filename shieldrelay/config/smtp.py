"""Settings of incoming SMTP: ``[smtp]`` and ``[networks]``. Declarations only."""

from __future__ import annotations

from enum import Enum

from shieldrelay.config.kinds import Choice, Count, Flag, Maybe, Text
from shieldrelay.config.limits import SomeLimits, limit_kinds
from shieldrelay.config.quantities import Duration, OctetRate, Octets, Rate, Share
from shieldrelay.config.records import Record
from shieldrelay.config.setting import section, setting


class BareNewlines(Enum):
    """What becomes of content with a CR or LF that stands alone."""

    REFUSE = "refuse"
    NORMALIZE = "normalize"


class OfferDsn(Enum):
    """Whom the DSN extension (RFC 3461) is offered."""

    OFF = "off"
    ON = "on"


_RECIPIENTS = Count(100, 1000)
_MESSAGES = Count(1, 100000)
_COMMANDS = Count(100, 10000000)
ERRORS = Count(1, 1000)
COMMAND_TIMEOUT = Duration("1s", "1h")
_SOME_LIMITS = Record(SomeLimits(), limit_kinds())


@section
class Smtp:
    """Limits and extensions of incoming SMTP. They hold for every client; [networks] overrides some."""

    greeting: str = setting(
        Text(0, 200),
        default="ESMTP",
        help="What follows the hostname in the greeting. Do not name the software's version.",
    )
    message_size: int = setting(
        Octets("64KiB", "1GiB"),
        default="50MiB",
        help="Largest message in octets, announced with SIZE (RFC 1870). A domain may set less.",
    )
    recipients: int = setting(
        _RECIPIENTS,
        default=100,
        help="Recipients of one transaction; the next ones get 452. RFC 5321 section 4.5.3.1.8 wants 100 at least.",
    )
    recipient_domains: int = setting(
        Count(1, 1000),
        default=1,
        help=(
            "Protected domains of one transaction; recipients of others get 452 and are sent in a transaction of their"
            " own (R3)."
        ),
    )
    max_sessions: int = setting(Count(1, 1000000), default=10000, help="Sessions at once; further connections get 421.")
    messages_per_session: int = setting(_MESSAGES, default=100, help="Transactions of one session before 421.")
    commands_per_session: int = setting(_COMMANDS, default=20000, help="Commands of one session before 421.")
    syntax_errors: int = setting(ERRORS, default=5, help="Syntax errors of one session before 421.")
    unknown_commands: int = setting(ERRORS, default=3, help="Unknown commands of one session before 421.")
    junk_commands: int = setting(
        ERRORS, default=20, help="NOOP, RSET, VRFY and the like between two messages before 421."
    )
    command_line: int = setting(
        Count(1024, 65536),
        default=2048,
        help="Longest command line in octets, its CRLF included; a longer one is refused whole.",
    )
    command_timeout: float = setting(
        COMMAND_TIMEOUT, default="5m", help="Longest wait for the next command (RFC 5321 section 4.5.3.2.7)."
    )
    content_timeout: float = setting(
        COMMAND_TIMEOUT, default="3m", help="Longest silence within content; minimum_rate usually strikes before."
    )
    session_limit: float = setting(
        Duration("10s", "1d"), default="10m", help="Longest session; time within content is not counted."
    )
    minimum_rate: Rate = setting(
        OctetRate(), default="500B/s", help="Slowest rate at which content may come, over minimum_rate_window."
    )
    minimum_rate_window: float = setting(
        Duration("1s", "10m"), default="30s", help="The time over which minimum_rate is averaged."
    )
    bare_newlines: BareNewlines = setting(
        Choice(BareNewlines),
        default="refuse",
        help=(
            "A bare CR or LF in content smuggles messages past weaker servers: refuse it after the real end, or "
            "normalize it to CRLF (R17)."
        ),
    )
    hop_limit: int = setting(
        Count(10, 1000),
        default=100,
        help="Received fields from which on a message is taken to loop (RFC 5321 section 6.3).",
    )
    memory: int = setting(
        Octets("1MiB", "1TiB"),
        default="256MiB",
        help=(
            "Content that all sessions together hold in memory; beyond it content goes to unsynced files in the spool "
            "(R14)."
        ),
    )
    memory_per_message: int = setting(
        Octets("4KiB", "1GiB"),
        default="1MiB",
        help="Content of one message held in memory; what is larger goes to an unsynced file.",
    )
    chunking: bool = setting(Flag(), default=True, help="Whether CHUNKING (BDAT, RFC 3030) is offered.")
    smtputf8: bool = setting(Flag(), default=True, help="Whether SMTPUTF8 (RFC 6531) is offered.")
    dsn: OfferDsn = setting(
        Choice(OfferDsn),
        default="off",
        help="Whether DSN (RFC 3461) is offered. To strangers it only serves to make the node send mail (R9).",
    )


@section
class NetworkOverrides:
    """What is different for one network; the longest network that holds a client decides."""

    bare_newlines: BareNewlines | None = setting(
        Maybe(Choice(BareNewlines)), default=None, example="normalize", help="As in [smtp]."
    )
    recipients: int | None = setting(Maybe(_RECIPIENTS), default=None, example=1000, help="As in [smtp].")
    messages_per_session: int | None = setting(Maybe(_MESSAGES), default=None, example=10000, help="As in [smtp].")
    commands_per_session: int | None = setting(Maybe(_COMMANDS), default=None, example=1000000, help="As in [smtp].")
    syntax_errors: int | None = setting(Maybe(ERRORS), default=None, example=20, help="As in [smtp].")
    unknown_commands: int | None = setting(Maybe(ERRORS), default=None, example=20, help="As in [smtp].")
    junk_commands: int | None = setting(Maybe(ERRORS), default=None, example=100, help="As in [smtp].")
    command_timeout: float | None = setting(Maybe(COMMAND_TIMEOUT), default=None, example="5m", help="As in [smtp].")
    session_limit: float | None = setting(
        Maybe(Duration("10s", "1d")), default=None, example="1h", help="As in [smtp]."
    )
    minimum_rate: Rate | None = setting(Maybe(OctetRate()), default=None, example="100B/s", help="As in [smtp].")
    connections: SomeLimits | None = setting(
        Maybe(_SOME_LIMITS),
        default=None,
        example={"sessions": 200, "connections": "3000/min"},
        help=(
            "Limits of each source in this network, whatever its past, instead of those of [shield.connections] (R23). "
            "What is left out is as for a stranger."
        ),
    )
    connections_under_stress: SomeLimits | None = setting(
        Maybe(_SOME_LIMITS),
        default=None,
        example={"sessions": 100},
        help="The same under stress. What is left out is as in connections, which it needs.",
    )
    share: float | None = setting(
        Maybe(Share(1, 100)),
        default=None,
        example="20%",
        help="Share of [smtp] max_sessions for each source and network in it; it needs connections.",
    )
