"""What a kind's fields have decayed to after some time: one factor for all fields of one half-life.

Pure arithmetic, on the hot path of `cluster.table`; used by everything that has rows. Cannot fail.
"""

from __future__ import annotations

import math

from shieldrelay.cluster.kinds import Kind

_LN2 = math.log(2.0)

Rates = tuple[tuple[float, tuple[int, ...]], ...]
"""Of each half-life the exponent for a second, and the fields that have it."""


def rates_of(kind: Kind) -> Rates:
    """Give a kind's rates; fields that stay are in none."""
    rates: dict[float, list[int]] = {}
    for index, field in enumerate(kind.fields):
        if field.half_life is not None:
            rates.setdefault(-_LN2 / field.half_life, []).append(index)
    return tuple((rate, tuple(indices)) for rate, indices in rates.items())


def decay(values: list[float], rates: Rates, seconds: float) -> None:
    """Decay values in place by some seconds, none if these are not above 0."""
    if seconds <= 0.0:
        return
    for rate, fields in rates:
        factor = math.exp(rate * seconds)
        for field in fields:
            values[field] *= factor


def are_numbers(values: tuple[float, ...], greatest: float) -> bool:
    """Whether all values are finite numbers, their magnitudes together below the greatest."""
    return sum(map(abs, values)) < greatest
