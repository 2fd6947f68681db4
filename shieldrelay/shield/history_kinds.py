"""What is remembered of a sender's past, and how members share it (R19, R31).

The three newest days with mail are three fields merged by MAX: of any members' newest days, second newest and third
newest, the largest are days of mail again, and never the same day twice; a member that notes a day takes those of the
others with it, so nothing is lost for long. Messages are counted in spans of 60 days, the running one and the one
before. Declarations only; used by `shield.history`.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind, Merge

DAY_SECONDS = 86400.0
SPAN_DAYS = 60

MESSAGES, BEFORE, ASKED, UNKNOWN, LAST, SECOND, THIRD, VIOLATION = range(8)
"""The fields of a row. Days are counted from the epoch; 0 is none."""

_FIELDS = (
    Field("messages", quiet=20.0),  # as many as a good name takes
    Field("messages before", quiet=20.0),
    Field("asked", half_life=30 * DAY_SECONDS, quiet=20.0),
    Field("unknown", half_life=30 * DAY_SECONDS, quiet=0.75),
    Field("last day", merge=Merge.MAX),
    Field("second day", merge=Merge.MAX),
    Field("third day", merge=Merge.MAX),
    Field("violation", merge=Merge.MAX),
)

NETWORK_SOURCES = 4
"""Names of a network's row: sources in it that sent mail on two days or more."""
_LIFETIME = SPAN_DAYS * DAY_SECONDS


def _worth(totals: Sequence[float]) -> float:
    """Tell first, of what changed, what was done wrong, then what makes a good name."""
    return totals[VIOLATION] * 1e6 + totals[MESSAGES]


SOURCES = Kind("history.source", _FIELDS, _LIFETIME, octets=32 << 20, families=True, danger=_worth, kept=True)
NETWORKS = Kind(
    "history.network", _FIELDS, _LIFETIME, NETWORK_SOURCES, octets=16 << 20, families=True, danger=_worth, kept=True
)
"""By /24 or /56."""
DOMAINS = Kind("history.domain", _FIELDS, _LIFETIME, octets=8 << 20, danger=_worth, kept=True)
"""By sender domain whose SPF passed; the key is its comparison form."""
