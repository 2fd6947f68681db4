"""What the defence against harvesting shows to operators: values, and sentences with figures in them.

Made by `shield.harvest` on demand; reads counters, changes nothing.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.harvest_domain import DomainShield, Level
from shieldrelay.shield.harvest_kinds import (
    ABANDONED,
    COMMANDS,
    FAST,
    LASTING,
    LISTED,
    OFFENCES,
    OPEN,
    RATE,
    SILENT,
    SLOW,
    UNTIL,
)
from shieldrelay.shield.harvest_patience import step
from shieldrelay.shield.harvest_settings import HarvestSettings

_TOLD = (
    (FAST, "unknown recipients told of in 10 minutes"),
    (SLOW, "unknown recipients told of in 24 hours"),
    (SILENT, "unknown recipients asked for and answered like all others in 24 hours"),
    (LISTED, "recipients asked for that exist, in 24 hours"),
    (OPEN, "recipients granted whose message has not come yet"),
    (ABANDONED, "recipients granted without a message in 24 hours"),
)


@frozen
class DomainPicture:
    """How one domain stands.

    :ivar since: reactor seconds since which it has this level; ``None``: ever since the start.
    :ivar evidence: of ten minutes, and ``lasting`` of some nine hours, with what they are held against.
    :ivar noise: what ``evidence`` is without any attack.
    :ivar patience: seconds that a stranger's retry has to wait under the shield, and the ``step`` of that, from 0.
    """

    name: str
    level: Level
    since: float | None
    evidence: float
    wary_at: float
    shield_at: float
    lasting: float
    lasting_at: float
    noise: float
    noise_per_minute: float
    patience: float
    step: int


def domain_picture(domain: DomainShield, settings: HarvestSettings, members: int, now: float) -> DomainPicture:
    """Make the picture of a domain that was judged just now."""
    row, bounds = domain.row(now), domain.bounds
    if bounds is None:
        raise ValueError(f"{domain.name} was never judged")
    at = step(domain, settings, now)
    return DomainPicture(
        name=domain.name,
        level=domain.level,
        since=domain.since,
        evidence=domain.evidence(row, bounds, members),
        wary_at=bounds.wary,
        shield_at=bounds.shield,
        lasting=domain.table.total(row, LASTING),
        lasting_at=bounds.lasting,
        noise=bounds.noise,
        noise_per_minute=60.0 * domain.table.total(row, RATE),
        patience=settings.patience[at],
        step=at,
    )


def source_lines(where: str, table: Table, row: Row, now: float) -> list[str]:
    """Say what a row knows of its source, one clause a line; nothing is said of what is nothing."""
    lines = [f"{where}{table.total(row, field):.1f} {what}" for field, what in _TOLD if table.total(row, field) >= 0.05]
    until, offences = table.total(row, UNTIL), table.total(row, OFFENCES)
    if until > now:
        lines.insert(0, f"{where}cut for another {until - now:.0f} s, {table.total(row, COMMANDS):.0f} RCPTs since")
    if offences:
        lines.append(f"{where}cut {offences:.0f} times in all")
    return lines
