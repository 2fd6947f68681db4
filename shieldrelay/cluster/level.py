"""How much of a row's values everybody should know at once: a number that changes when others must hear (R29).

Most sources touch one member a few times, and nobody else needs to hear of each of them: with so many members as many
times the rows would be told. Fields that are declared as quiet count by doublings; all others as they are, moments by
the minute, because clocks differ. Pure; used by `cluster.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import frexp

from shieldrelay.cluster.kinds import Field, Kind

Level = Callable[[Sequence[float], float], int]
"""Takes a row's totals and what the world's clock shows more than the reactor's; gives 32 bits."""

_MINUTE = 60.0


def level_of(kind: Kind) -> Level | None:
    """Give how rows of a kind are weighed; ``None`` when every change is to be heard."""
    if all(field.quiet is None for field in kind.fields):
        return None
    fields = kind.fields

    def level(totals: Sequence[float], offset: float) -> int:
        steps = [_step(field, value, offset) for field, value in zip(fields, totals, strict=True)]
        return hash(tuple(steps)) & 0xFFFFFFFF if any(steps) else 0

    return level


def _step(field: Field, value: float, offset: float) -> float:
    if field.quiet is not None:
        return 0 if value < field.quiet else frexp(value / field.quiet)[1]
    if field.moment:
        return round((value + offset) / _MINUTE) if value else 0
    return value
