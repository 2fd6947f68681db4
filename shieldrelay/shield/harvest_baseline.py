"""What a domain is used to: the evidence that comes in without any attack, per second.

An hourly rate goes into a mean of seven days, clipped so that one hour cannot move it much. A young domain takes the
plain mean so far. Under a shield nothing is learnt, except after six hours in which nobody retried: then the noise has
really changed. All numbers stand in the domain's row, so that they survive a restart and every member comes to the
same. Pure arithmetic; called by `shield.harvest_domain`. Cannot fail.
"""

from __future__ import annotations

import math

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.harvest_kinds import (
    COUNTED,
    DAY,
    HOUR,
    HOUR_BEGAN,
    HOUR_COUNTED,
    LEARNT,
    RATE,
    RETRIED,
)

_WEEK = 7 * DAY
_YOUNG_MOST = 60.0 / HOUR
_STEP_MOST = 5.0 / HOUR
_NOBODY_RETRIES = 2.5
_LONG_SHIELD = 6 * HOUR


def learn(table: Table, row: Row, now: float, shielded_for: float | None) -> bool:
    """Take in the hour that has passed; true when the baseline may have changed.

    :param shielded_for: seconds since the shield went up; ``None`` when it is down.
    """
    began = table.total(row, HOUR_BEGAN)
    if not began:
        _begin(table, row, now)
        return False
    passed = now - began
    if passed < HOUR:
        return False
    seen = max(0.0, table.total(row, COUNTED) - table.total(row, HOUR_COUNTED)) / passed
    table.put(row, RATE, _next(table, row, seen, passed, shielded_for))
    table.put(row, LEARNT, min(_WEEK, table.total(row, LEARNT) + passed))
    _begin(table, row, now)
    return True


def _begin(table: Table, row: Row, now: float) -> None:
    table.put(row, HOUR_BEGAN, now)
    table.put(row, HOUR_COUNTED, table.total(row, COUNTED))


def _next(table: Table, row: Row, seen: float, passed: float, shielded_for: float | None) -> float:
    """Give the new rate."""
    rate, learnt = table.total(row, RATE), table.total(row, LEARNT)
    if learnt < _WEEK:
        if shielded_for is not None and learnt >= DAY:
            return rate
        return rate + (min(seen, max(_YOUNG_MOST, 2 * rate)) - rate) * min(1.0, passed / max(HOUR, learnt + passed))
    if shielded_for is None:
        return rate + (min(seen, 2 * rate + _STEP_MOST) - rate) * -math.expm1(-passed / _WEEK)
    if shielded_for > _LONG_SHIELD and table.total(row, RETRIED) < _NOBODY_RETRIES:
        return rate + (seen - rate) * -math.expm1(-passed / DAY)
    return rate
