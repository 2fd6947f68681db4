"""What is remembered of what sources did, and how members share it (R16, R31).

Every count halves in seven days. Declarations only; used by `shield.reputation` and what belongs to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind, Merge

DAY_SECONDS = 86400.0
HALF_LIFE = 7 * DAY_SECONDS

CONNECTIONS, TAKEN, HAM, REFUSED, UNKNOWN, VIOLATIONS, CONTENT, SPAM = range(8)
"""The fields of a row: connections, what speaks for a source (to `HAM`), and what against it, in weights where the
settings do not have them (``VIOLATIONS``)."""

BAD = (REFUSED, UNKNOWN, VIOLATIONS, CONTENT, SPAM)

_FIELDS = (
    *(Field(name, HALF_LIFE, quiet=8.0) for name in ("connections", "taken", "ham")),
    *(Field(name, HALF_LIFE, quiet=0.75) for name in ("refused", "unknown", "violations", "content", "spam")),
)
_LIFETIME = 42 * DAY_SECONDS
"""Six half-lives."""


def _danger(totals: Sequence[float]) -> float:
    """Tell first of whom most is to be feared."""
    return totals[REFUSED] + totals[UNKNOWN] + totals[VIOLATIONS] + totals[CONTENT] + 5.0 * totals[SPAM]


NAMED = 8
"""Names of a network's row: sources of it with a bad name of their own."""

SOURCES = Kind("reputation.source", _FIELDS, _LIFETIME, octets=32 << 20, families=True, danger=_danger, kept=True)
NETWORKS = Kind(
    "reputation.network", _FIELDS, _LIFETIME, NAMED, octets=16 << 20, families=True, danger=_danger, kept=True
)
"""By /24 or /56."""

HOUR = 3600.0
PACED, TURNED_AWAY = range(2)
PACE = Kind(
    "reputation.pace",
    (Field("messages", HOUR * math.log(2.0), quiet=4.0), Field("turned away", merge=Merge.MAX, moment=True)),
    6 * HOUR,
    octets=4 << 20,
    families=True,
)
"""Of sources that are held back: their messages in an hour, and when they were first asked to come later."""

BEGAN, MESSAGES, LEARNED = range(3)
LEARNING = Kind(
    "reputation.learning",
    (Field("began", merge=Merge.MIN), Field("messages"), Field("learned", merge=Merge.MAX)),
    3650 * DAY_SECONDS,
    octets=1 << 16,
    kept=True,
)
"""One row: the second of the epoch at which this cluster began to learn, its messages since, and whether it is over."""
