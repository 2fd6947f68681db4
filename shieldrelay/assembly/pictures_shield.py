"""Pictures of what concerns all sources: stress, what is shared, and how far each domain's shield is up.

Changes nothing. Used by `assembly.pictures`.
"""

from __future__ import annotations

from typing import Any

from shieldrelay.admin.picture import HubPicture, StressPicture
from shieldrelay.assembly.house import House
from shieldrelay.cluster.exchange import HubState
from shieldrelay.shield.harvest import DomainPicture, Level


def stress(house: House) -> StressPicture:
    """Show whether the node is under stress."""
    seen = house.shield.defences.stress
    return StressPicture(seen.on, _wall(house, seen.since) if seen.on else None, seen.why)


def hub(house: House) -> HubPicture:
    """Show what is shared."""
    exchange = house.shield.exchange
    return HubPicture(
        hub=house.configuration.cluster.hub.value,
        state=exchange.state.value,
        members=exchange.members,
        since=None if exchange.state is HubState.LOCAL else _wall(house, exchange.since),
        tick=exchange.interval if exchange.members > 1 else None,
        reason=exchange.reason,
    )


def shields(house: House) -> dict[str, dict[str, Any]]:
    """Give the fields of a domain's picture that tell of its shield, for those domains that were asked for."""
    now = house.shield.seconds()
    return {
        one.name: {
            "shield": one.level.name.lower(),
            "shield_since": _wall(house, one.since),
            "shield_reason": _reason(house, one),
        }
        for one in house.shield.defences.harvest.domains(now)
        if one.level is not Level.CALM
    }


def _reason(house: House, one: DomainPicture) -> str:
    """Say with figures why a shield is up, and what that means for strangers."""
    bound = one.shield_at if one.level is Level.SHIELD else one.wary_at
    words = [f"{one.evidence:.1f} unknown recipients in 10 minutes, limit {bound:.1f}"]
    if one.lasting >= one.lasting_at:
        words.append(f"{one.lasting:.1f} in some hours, limit {one.lasting_at:.1f}")
    if one.evidence < bound and one.lasting < one.lasting_at:
        words.append("still up for what was")
    if one.level is Level.SHIELD:
        words.append(f"strangers hear nothing until they ask again after {one.patience:.0f} s")
    if not house.terms.gate.harvest_acts(one.name):
        words.append("only observed")
    return "; ".join(words)


def _wall(house: House, moment: float | None) -> float | None:
    """Give a moment of the reactor's clock as seconds since the epoch."""
    return None if moment is None else house.wall() - (house.shield.seconds() - moment)
