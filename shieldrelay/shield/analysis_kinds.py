"""What is remembered of clients that did what no lawful client does, and how members share it. Declarations only."""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind, Merge

HOUR, DAY = 3600.0, 86400.0

SLIPS, OFFENCES, ATTACKS, COUNT, BANS, BANNED, UNTIL = range(7)
"""The fields of a row; the first three are those of `shield.analysis_catalogue.Memory`."""


def danger(totals: Sequence[float]) -> float:
    """Order sources: the higher the score and the more bans, the worse."""
    return totals[SLIPS] + totals[OFFENCES] + totals[ATTACKS] + 100.0 * totals[BANS]


SOURCES = Kind(
    "analysis.source",
    (
        Field("slips", HOUR),
        Field("offences", DAY),
        Field("attacks", 7 * DAY),
        Field("count", DAY),  # violations, whatever they weigh
        Field("bans", merge=Merge.MAX),  # called for since the row began
        Field("banned", merge=Merge.MAX, moment=True),  # the last of them
        Field("until", merge=Merge.MAX, moment=True),  # refused at connect until then
    ),
    lifetime=14 * DAY,
    octets=16 << 20,
    families=True,
    danger=danger,
    kept=True,
)
"""By source (R16)."""
