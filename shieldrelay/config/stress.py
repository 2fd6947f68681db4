"""Settings of ``[stress]``: when the node is under stress, and what holds then (D9). Declarations only.

What holds otherwise stands in ``[smtp]`` and ``[shield.connections]``; the lower of both is used, so that nobody gets
more under stress.
"""

from __future__ import annotations

from shieldrelay.config.kinds import Count
from shieldrelay.config.limits import ConnectionLimits, limits
from shieldrelay.config.quantities import Duration, Share
from shieldrelay.config.setting import changed, declared_in, section, setting, subsection
from shieldrelay.config.smtp import COMMAND_TIMEOUT, ERRORS, Smtp


@section
class StressedSmtp:
    """Settings of [smtp] under stress, where they are lower than there."""

    command_timeout: float = setting(COMMAND_TIMEOUT, default="10s", help="As in [smtp].")
    content_timeout: float = setting(COMMAND_TIMEOUT, default="30s", help="As in [smtp].")
    session_limit: float = setting(Duration("10s", "1d"), default="5m", help="As in [smtp].")
    syntax_errors: int = setting(ERRORS, default=1, help="As in [smtp].")
    unknown_commands: int = setting(ERRORS, default=1, help="As in [smtp].")
    junk_commands: int = setting(ERRORS, default=1, help="As in [smtp].")


@section
class StressedConnections:
    """Limits of [shield.connections] under stress, where they are lower than there; known-good sources keep theirs."""

    stranger: ConnectionLimits = limits(
        "As in [shield.connections].",
        base={
            "sessions": 3,
            "connections": "10/min",
            "messages": "20/min",
            "recipients": "50/5min",
            "handshakes": "10/min",
            "octets": "100MiB/min",
        },
    )
    neighbour: ConnectionLimits = limits(
        "As in [shield.connections].",
        base={
            "sessions": 5,
            "connections": "30/min",
            "messages": "60/min",
            "recipients": "100/5min",
            "handshakes": "20/min",
            "octets": "200MiB/min",
        },
    )
    marked: ConnectionLimits = limits(
        "As in [shield.connections].",
        base={
            "sessions": 1,
            "connections": "2/min",
            "messages": "2/min",
            "recipients": "10/5min",
            "handshakes": "2/min",
            "octets": "10MiB/min",
        },
    )


@section
class Stress:
    """When the node is under stress: the fullest of its slots, its memory for content and its descriptors decides."""

    enter: float = setting(Share(1, 100), default="80%", help="Share in use from which on there is stress.")
    leave: float = setting(Share(0, 100), default="60%", help="Share in use below which it ends.")
    hold: float = setting(
        Duration("0s", "1h"), default="30s", help="How long stress lasts at least after the last high figure."
    )
    lag: float = setting(
        Duration("10ms", "10s"),
        default="1s",
        help="Lateness of the event loop that counts as all that can be borne, like a share of 100%.",
    )
    descriptors: int = setting(
        Count(16, 100_000),
        default=64,
        help="File descriptors that connections never take, besides two for each session with a message under way.",
    )
    greeting_delay: float = setting(
        Duration("0s", "60s"),
        default="2s",
        help="The longest wait of [shield.greeting] under stress: slots are dear then.",
    )
    smtp: StressedSmtp = subsection(StressedSmtp, factory=StressedSmtp, help="")
    connections: StressedConnections = subsection(StressedConnections, factory=StressedConnections, help="")


def stressed(smtp: Smtp, under: StressedSmtp) -> Smtp:
    """Give the settings of ``[smtp]``, a network's overrides among them, as they are under stress."""
    return changed(smtp, **{name: min(getattr(smtp, name), getattr(under, name)) for name in declared_in(StressedSmtp)})
