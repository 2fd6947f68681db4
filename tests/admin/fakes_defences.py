"""The defences as a whole, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.admin.picture import ReloadPicture
from shieldrelay.admin.picture_defences import HappeningPicture, StancePicture, StepPicture


class MemoryStances:
    """An `admin.api_defences.Stances`.

    :ivar modes: in force, with who set them.
    :ivar faults: what a change is refused for.
    """

    def __init__(self) -> None:
        self.modes: dict[str, tuple[str, str]] = {"harvest": ("observe", "")}
        self.faults: tuple[str, ...] = ()
        self.happenings = [
            HappeningPicture(30.0, "harvest_box", "warn", "example.test", {"peer": "192.0.2.1"}),
            HappeningPicture(20.0, "ban", "warn", "", {"source": "192.0.2.1"}),
            HappeningPicture(10.0, "breaker", "warn", "other.test", {"state": "open"}),
        ]

    def steerable(self) -> Sequence[str]:
        """Name them."""
        return tuple(self.modes)

    def counted(self) -> Sequence[StepPicture]:
        """Give one step."""
        return [StepPicture(20.0, 10, 5, 0, 5, 0, {"harvest": 7})]

    async def stances(self) -> Sequence[StancePicture]:
        """Give them."""
        return [StancePicture(name, "something", mode, by, bool(by)) for name, (mode, by) in self.modes.items()]

    async def steer(self, defence: str, mode: str | None, by: str) -> ReloadPicture:
        """Set one."""
        if not self.faults:
            self.modes[defence] = (mode or "observe", by if mode else "")
        return ReloadPicture(errors=self.faults)

    async def lately(
        self, events: Sequence[str], since: float, about: str, limit: int
    ) -> Sequence[HappeningPicture]:
        """Give what happened."""
        found = [each for each in self.happenings if (not events or each.event in events) and each.at > since]
        found = [each for each in found if about in ("", each.domain, *each.fields.values())]
        return found[:limit]
