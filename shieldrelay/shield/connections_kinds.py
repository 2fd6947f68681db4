"""What is counted of connections, over which time, and how members share it.

Every count but that of open sessions fades with its period as mean life (R28): somebody who goes on at an even rate
of so many in a period has a count of just so many, half of one more right behind each event and half of one less
before it. A limit of 30 a minute therefore lets 30 pass at once, and then one every two seconds; the worst minute sees
twice the limit, every further one the limit. Declarations only; used by `shield.connections`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind

MINUTE = 60.0
FIVE_MINUTES = 300.0
MARK_HALF_LIFE = 6 * 3600.0
"""Seconds for which one bad mark holds; every doubling of marks holds for as long again."""
MOST_MARKS = 8.0
"""More count no more: they would hold for longer than a day."""

HALF = 0.5
"""One more may pass while the count is not above its limit less this: so even a limit of one a minute is one a minute,
where to wait for a whole one to fade would be to wait for ever."""

SESSIONS, CONNECTIONS, MESSAGES, RECIPIENTS, HANDSHAKES, OCTETS = range(6)
"""The fields of a row."""

COUNTED = (
    "sessions at once",
    "connections a minute",
    "messages a minute",
    "recipients in five minutes",
    "TLS handshakes a minute",
    "octets a minute",
)
"""What each field is called in a reason."""

PERIODS = (None, MINUTE, MINUTE, FIVE_MINUTES, MINUTE, MINUTE)
"""Seconds over which each field counts; ``None``: what is open now."""

QUIET = (2.0, 4.0, 4.0, 8.0, 4.0, 8e6)
"""What members without a part in a row need not hear of: below the least limits that anybody has."""


def _field(name: str, period: float | None, quiet: float) -> Field:
    if period is None:
        return Field(name, lease=True, quiet=quiet)
    return Field(name, period * math.log(2.0), quiet=quiet)


_NAMES = ("sessions", "connections", "messages", "recipients", "handshakes", "octets")
_FIELDS = tuple(map(_field, _NAMES, PERIODS, QUIET))


def _danger(totals: Sequence[float]) -> float:
    """Tell first who opens the most."""
    return totals[SESSIONS] + totals[CONNECTIONS]


SOURCES = Kind("connections.source", _FIELDS, lifetime=1800.0, octets=24 << 20, families=True, danger=_danger)
"""By source (R16). Our own part of ``sessions`` tells the others what is open here; we ourselves judge by
`shield.connections_open`, which no cap makes forget."""
NETWORKS = Kind("connections.network", _FIELDS, lifetime=1800.0, octets=8 << 20, families=True, danger=_danger)
"""By /24 or /56: what sources without a good name of their own do. Its ``sessions`` stay 0."""
MARKS = Kind(
    "connections.mark",
    (Field("marks", MARK_HALF_LIFE),),
    lifetime=48 * 3600.0,
    octets=4 << 20,
    families=True,
    kept=True,
)
"""By source: heavy violations."""
