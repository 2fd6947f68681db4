"""What an operator may ask of the defences as a whole: the port `admin.api_defences.Stances`, bound to the house.

A mode that is set is written into the state directory and comes into force as a reload does, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from shieldrelay.admin.picture import CountsPicture, ReloadPicture
from shieldrelay.admin.picture_defences import HappeningPicture, StancePicture, StepPicture
from shieldrelay.assembly import pictures_counts
from shieldrelay.assembly.counted import Counted
from shieldrelay.assembly.house import House
from shieldrelay.assembly.reload import Reload
from shieldrelay.config.mode import Mode
from shieldrelay.config.steered import STEERABLE, Steered, SteeredModes
from shieldrelay.journal import EVENTS
from shieldrelay.journal.recent import Happening

_OBSERVED = "observed "
_WORDS = {
    "connections": "too many connections, messages or recipients of one source",
    "greeting": "clients that talk before they are greeted",
    "analysis": "clients that break the protocol or send exploits",
    "harvest": "clients that try out who exists",
    "lawful": "senders and clients that cannot exist",
    "reputation": "sources with a bad record here or elsewhere",
    "recipients": "mail for recipients that no list has",
}


class DefenceSteering:
    """Steers the modes of one node; see `admin.api_defences.Stances` for what each method owes."""

    def __init__(self, house: House, reload: Reload, counted: Counted) -> None:
        self._house = house
        self._reload = reload
        self._counted = counted

    def counted(self) -> Sequence[StepPicture]:
        """Give what was counted."""
        return self._counted.steps()

    def steerable(self) -> Sequence[str]:
        """Name the defences whose mode can be set."""
        return STEERABLE

    async def stances(self) -> Sequence[StancePicture]:
        """Give how each stands."""
        counts = pictures_counts.counts(self._house.journal)
        return [self._stance(name, counts) for name in (*STEERABLE, "recipients")]

    async def steer(self, defence: str, mode: str | None, by: str) -> ReloadPicture:
        """Set a mode."""
        modes = SteeredModes(self._house.configuration.node.state)
        steered = None if mode is None else Steered(Mode(mode), by)

        def write() -> Callable[[], object]:
            return modes.set(defence, steered)

        return await self._reload.write(write)

    async def lately(
        self, events: Sequence[str], since: float, about: str, limit: int
    ) -> Sequence[HappeningPicture]:
        """Give what happened lately."""
        return [_happening(one) for one in islice(self._house.journal.recent.newest(events, since, about), limit)]

    def _stance(self, name: str, counted: CountsPicture) -> StancePicture:
        configuration = self._house.configuration
        section = getattr(configuration.shield, name, None)
        origin = configuration.origins.get(f"shield.{name}.mode", "default") if section is not None else ""
        counts = self._house.shield.defences.telling.counts
        word = _OBSERVED + name
        by_domain = {domain: count for (defence, domain), count in counts.items() if domain and defence == word}
        return StancePicture(
            defence=name,
            words=_WORDS[name],
            mode="" if section is None else section.mode.value,
            origin=origin,
            steered=origin.startswith("set at run time"),
            refused=counted.refused.get(name, 0),
            would_refuse=counted.observed.get(name, 0),
            by_domain=by_domain,
        )


def _happening(one: Happening) -> HappeningPicture:
    declared = EVENTS.get(one.event)
    level = "info" if declared is None else declared.level.value
    return HappeningPicture(one.at, one.event, level, str(one.fields.get("domain") or ""), one.fields)
