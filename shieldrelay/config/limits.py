"""Limits of one source of connections, as a table: what ``[shield.connections]`` has for each kind of source.

Values and their kinds; knows no defaults but those of its caller. Used by ``config.connections``, ``config.stress`` and
``config.smtp``.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs import frozen

from shieldrelay.config.kinds import Count, Kind
from shieldrelay.config.quantities import OctetTally, Tally
from shieldrelay.config.records import Record
from shieldrelay.config.setting import setting


@frozen(kw_only=True)
class ConnectionLimits:
    """What one source may do, over all members of a cluster.

    :ivar sessions: open at once.
    :ivar connections: a minute.
    :ivar messages: a minute.
    :ivar recipients: in five minutes.
    :ivar handshakes: of TLS, a minute.
    :ivar octets: received a minute.
    """

    sessions: int
    connections: int
    messages: int
    recipients: int
    handshakes: int
    octets: int

    def bounded(self, by: ConnectionLimits) -> ConnectionLimits:
        """Give the lower of each two: what holds under stress is never more than what holds otherwise."""
        return ConnectionLimits(
            **{name: min(value, getattr(by, name)) for name, value in attrs.asdict(self).items()}
        )


@frozen(kw_only=True)
class SomeLimits:
    """Limits of which only some are given."""

    sessions: int | None = None
    connections: int | None = None
    messages: int | None = None
    recipients: int | None = None
    handshakes: int | None = None
    octets: int | None = None

    def over(self, others: ConnectionLimits) -> ConnectionLimits:
        """Give all limits, those that are not given here from ``others``."""
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return attrs.evolve(others, **given)


def limit_kinds() -> dict[str, Kind[Any]]:
    """Give the kind of each limit."""
    return {
        "sessions": Count(1, 1_000_000),
        "connections": Tally(1, 10_000_000),
        "messages": Tally(1, 10_000_000),
        "recipients": Tally(1, 100_000_000, "5min"),
        "handshakes": Tally(1, 10_000_000),
        "octets": OctetTally("1MiB", "100TiB"),
    }


def limits(help: str, *, base: dict[str, object]) -> ConnectionLimits:
    """Declare a setting that is a table of limits.

    :param base: every limit as written; what an operator leaves out keeps its value here.
    """
    kinds = limit_kinds()
    parsed = ConnectionLimits(**{name: kind.parse(base[name]) for name, kind in kinds.items()})
    return setting(Record(parsed, kinds), default=base, help=help)
