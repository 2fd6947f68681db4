"""`WeeklyReports`: sends each domain's week to whom its settings name, once, on Mondays. Used by `assembly.watch`.

Runs in the process that leads. A report that cannot be made or stored is tried again at the next look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shieldrelay.assembly.house import House
from shieldrelay.assembly.watch_files import StateFile
from shieldrelay.assembly.watch_outlets import Outlets
from shieldrelay.metrics.week import Weeks, week_begin
from shieldrelay.ports import WallClock

AFTER_SECONDS = 21600.0
"""How long after a week's end its report goes out: on Mondays at 06:00 UTC."""


class WeeklyReports:
    """Sends them.

    :param asked: asks the whole node; fails with `NoAnswer`.
    """

    def __init__(
        self,
        house: House,
        weeks: Weeks,
        outlets: Outlets,
        asked: Callable[[str], Awaitable[Any]],
        wall: WallClock,
    ) -> None:
        self._house = house
        self._wall = wall
        self._weeks = weeks
        self._outlets = outlets
        self._asked = asked
        self._file = StateFile(house, "reports-sent.json")
        self._sent: dict[str, float] = {}
        self._busy = False

    async def load(self) -> None:
        """Go on with what was sent before."""
        sent = await self._file.read()
        if isinstance(sent, dict):
            self._sent = {name: at for name, at in sent.items() if type(at) is float}

    async def look(self) -> None:
        """Send those that are due and were not sent."""
        begin = week_begin(self._wall())
        if self._busy or self._wall() - begin < AFTER_SECONDS:
            return
        self._busy = True
        try:
            await self._send_all(begin)
        finally:
            self._busy = False

    async def _send_all(self, begin: float) -> None:
        self._weeks.turn()
        due = [
            each
            for each in self._house.configuration.domains
            if each.report_to and self._sent.get(each.domain, 0.0) < begin
        ]
        for domain in due:
            name = domain.domain
            if name in self._sent or self._weeks.last:  # else nobody counted the week before
                week = await self._asked(f"/api/v1/domains/{name}/report?week=last")
                await self._outlets.report(domain.report_to, week)
            self._sent[name] = begin
        if due:
            there = {each.domain for each in self._house.configuration.domains}
            self._sent = {name: at for name, at in self._sent.items() if name in there}
            await self._file.write(self._sent)
