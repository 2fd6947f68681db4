"""What is counted of sources that send unlawfully, and how members share it. Declarations only; for `shield.lawful`."""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind

DAY_SECONDS = 86400.0

UNREACHABLE, IMPOSTOR, SPF_FAIL = range(3)
"""The fields of a row."""

COUNTED = ("senders that no mail can reach", "senders of protected domains without SPF", "senders whose SPF failed")


def _danger(totals: Sequence[float]) -> float:
    return sum(totals)


SOURCES = Kind(
    "lawful.source",
    tuple(Field(name, half_life=DAY_SECONDS) for name in ("unreachable", "impostor", "spf fail")),
    3 * DAY_SECONDS,
    octets=8 << 20,
    families=True,
    danger=_danger,
    kept=True,
)
"""Only sources with something against them have a row: lawful mail costs none."""
