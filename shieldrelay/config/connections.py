"""Settings of ``[shield.connections]``: what one source may do. Declarations only."""

from __future__ import annotations

from shieldrelay.config.limits import ConnectionLimits, limits
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration, Share
from shieldrelay.config.setting import section, setting


@section
class Connections:
    """Limits of connections, by source: an IPv4 address or an IPv6 /64 (R16). Refusals are transient."""

    mode: Mode = mode(
        "enforce: refuse. observe: let pass and journal what would have been refused. off: do not count. Shares of the "
        "slots and the reserve hold in any case."
    )
    source_share: float = setting(
        Share(1, 100), default="2%", help="Share of [smtp] max_sessions that one source may have at once."
    )
    network_share: float = setting(
        Share(1, 100), default="10%", help="Share of them that one network (/24, /56 or /48) may have at once."
    )
    reserve: float = setting(Share(0, 90), default="25%", help="Share of them kept for known-good sources (R19).")
    stranger: ConnectionLimits = limits(
        "Limits of a source without history.",
        base={
            "sessions": 10,
            "connections": "30/min",
            "messages": "60/min",
            "recipients": "100/5min",
            "handshakes": "20/min",
            "octets": "200MiB/min",
        },
    )
    neighbour: ConnectionLimits = limits(
        "Limits of a source without history in a network that has a clean one.",
        base={
            "sessions": 20,
            "connections": "60/min",
            "messages": "120/min",
            "recipients": "200/5min",
            "handshakes": "40/min",
            "octets": "400MiB/min",
        },
    )
    known_good: ConnectionLimits = limits(
        "Limits of a source with good history: 20 messages taken on 3 days within 60 (R19).",
        base={
            "sessions": 50,
            "connections": "300/min",
            "messages": "600/min",
            "recipients": "3000/5min",
            "handshakes": "200/min",
            "octets": "2GiB/min",
        },
    )
    marked: ConnectionLimits = limits(
        "Limits of a source that lately did what no lawful client does.",
        base={
            "sessions": 1,
            "connections": "6/min",
            "messages": "6/min",
            "recipients": "20/5min",
            "handshakes": "4/min",
            "octets": "50MiB/min",
        },
    )
    network: ConnectionLimits = limits(
        "Limits of a /24 or /56 over which strangers in it are slowed, never refused; its sessions are bounded by "
        "network_share alone.",
        base={
            "sessions": 50,
            "connections": "150/min",
            "messages": "300/min",
            "recipients": "500/5min",
            "handshakes": "100/min",
            "octets": "1GiB/min",
        },
    )
    network_pause: float = setting(
        Duration("0s", "30s"), default="5s", help="How long they are made to wait."
    )
