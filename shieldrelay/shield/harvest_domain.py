"""One protected domain under attack by many: its evidence, and how far its shield is up.

Evidence is what sources without a good name ask for and does not exist, each name once an hour, each source and
network up to a cap, so that no single one raises the shield; and what is granted to them meanwhile without a message,
as far as there is unknown beside it. It is held against the domain's own noise. Pure: time is an argument; the numbers
stand in a row that members share, the level follows from them. Asked by `shield.harvest`. Cannot fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum

from attrs import frozen

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.harvest_baseline import learn
from shieldrelay.shield.harvest_kinds import (
    COUNTED,
    DAY,
    HOT,
    HOUR,
    LASTING,
    MINUTES,
    RATE,
    RETRIED,
    SHIELDED,
    STRONG,
    UNFOLLOWED,
)
from shieldrelay.shield.harvest_names import RecentNames
from shieldrelay.shield.harvest_settings import HarvestSettings

_LN2 = math.log(2.0)
_STRONG_LIFE = MINUTES / _LN2
_LASTING_LIFE = 6 * HOUR / _LN2
_STRONG_MOST = 3.0
_LASTING_MOST = 1.25
"""How many thresholds the counts rise to at most: without that, a burst holds the shield for more than a day."""


class Level(IntEnum):
    """How far the shield is up."""

    CALM = 0
    WARY = 1
    SHIELD = 2


@frozen
class Thresholds:
    """What the evidence is held against; follows from the baseline.

    :ivar noise: what the ten-minute count is without any attack.
    """

    noise: float
    wary: float
    shield: float
    lasting: float


def thresholds(settings: HarvestSettings, rate: float) -> Thresholds:
    """Make the thresholds for a baseline of so much evidence a second."""
    noise, lasting = rate * _STRONG_LIFE, rate * _LASTING_LIFE
    return Thresholds(
        noise,
        max(settings.wary_floor, noise + settings.wary_z * math.sqrt(noise)),
        max(settings.shield_floor, noise + settings.shield_z * math.sqrt(noise)),
        max(settings.slow_floor, lasting + settings.slow_z * math.sqrt(lasting)),
    )


LevelTold = Callable[["DomainShield", Level, float], None]
"""Called with the domain, its level before, and the time, when the level has changed."""


class DomainShield:
    """One protected domain.

    :ivar level: as of the last judgement.
    :ivar since: reactor seconds since which it has this level; ``None`` when it has always had it.
    :ivar unsent: evidence of ours that the other members have not heard of yet, as it was when it was counted.
    :ivar telling: what of it they are just being told.
    """

    __slots__ = ("_names", "_told", "_upon", "bounds", "key", "level", "name", "since", "table", "telling", "unsent")

    def __init__(self, name: str, table: Table, told: LevelTold | None) -> None:
        self.name = name
        self.key = name.encode()
        self.table = table
        self.level = Level.CALM
        self.since: float | None = None
        self.unsent = self.telling = 0.0
        self.bounds: Thresholds | None = None
        self._upon: HarvestSettings | None = None
        self._names = RecentNames()
        self._told = told

    def row(self, now: float) -> Row:
        """Give the domain's numbers, decayed to now."""
        return self.table.row(self.key, now)

    def count(self, name: int, weight: float, now: float) -> bool:
        """Take a name that was asked for as evidence, unless it was within the hour."""
        if not self._names.note(name, now):
            return False
        self.suspect(weight, now)
        return True

    def suspect(self, weight: float, now: float) -> None:
        """Take something else as evidence: recipients abandoned, or refused by the next hop."""
        row = self.row(now)
        for field in (STRONG, LASTING, COUNTED):
            self.table.add(row, field, weight)
        self.unsent += weight

    def evidence(self, row: Row, bounds: Thresholds, members: int) -> float:
        """Give the evidence of ten minutes.

        Until the next exchange a member takes it that the others see what it sees, and fades as that does when no
        exchange comes; and what is granted without a message counts as much as the unknown ones above the noise, and
        no more.
        """
        strong = self.table.total(row, STRONG) + (members - 1) * min(self.unsent, row.own[STRONG])
        return strong + min(self.table.total(row, UNFOLLOWED), max(0.0, strong - bounds.noise))

    def judge(self, settings: HarvestSettings, members: int, now: float) -> Level:
        """Give the level now."""
        table, row = self.table, self.row(now)
        shielded_for = now - (self.since or 0.0) if self.level is Level.SHIELD else None
        bounds = self._bounds(settings, row, changed=learn(table, row, now, shielded_for))
        evidence = self.evidence(row, bounds, members)
        self._saturate(row, bounds)
        level = self._entered(row, bounds, evidence, now)
        if level < self.level is Level.SHIELD and self._stays(settings, row, bounds, evidence, now):
            level = Level.SHIELD
        if level is Level.SHIELD:
            table.put(row, SHIELDED, now)
        elif level is Level.CALM and self.shielded_within(settings.convalescence, row, now):
            level = Level.WARY
        if level is not self.level:
            self._change(level, now)
        return level

    def shielded_within(self, seconds: float, row: Row, now: float) -> bool:
        """Whether the shield was up within so many seconds."""
        last = self.table.total(row, SHIELDED)
        return last > 0.0 and now - last < seconds

    def lately_shielded(self, now: float) -> bool:
        """Whether the shield was up within a day."""
        return self.shielded_within(DAY, self.row(now), now)

    def _bounds(self, settings: HarvestSettings, row: Row, *, changed: bool) -> Thresholds:
        """Give the thresholds, made anew only when the baseline or the settings changed."""
        if self.bounds is None or changed or self._upon is not settings:
            self.bounds = thresholds(settings, self.table.total(row, RATE))
            self._upon = settings
        return self.bounds

    def _saturate(self, row: Row, bounds: Thresholds) -> None:
        self.table.cap(row, STRONG, _STRONG_MOST * bounds.shield)
        self.table.cap(row, RETRIED, _STRONG_MOST * bounds.shield)
        self.table.cap(row, LASTING, _LASTING_MOST * bounds.lasting)

    def _entered(self, row: Row, bounds: Thresholds, evidence: float, now: float) -> Level:
        """Give the level that the evidence alone makes."""
        if evidence >= bounds.shield or self.table.total(row, LASTING) >= bounds.lasting:
            self.table.put(row, HOT, now)
            return Level.SHIELD
        return Level.WARY if evidence >= bounds.wary else Level.CALM

    def _stays(self, settings: HarvestSettings, row: Row, bounds: Thresholds, evidence: float, now: float) -> bool:
        """Whether the shield is held up: it was hit lately, or those who were refused still come back."""
        half = bounds.shield / 2
        recent = now - self.table.total(row, HOT) < settings.hold
        return recent or evidence >= half or self.table.total(row, RETRIED) >= half

    def _change(self, level: Level, now: float) -> None:
        before, self.level, self.since = self.level, level, now
        if self._told is not None:
            self._told(self, before, now)
