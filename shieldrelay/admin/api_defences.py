"""The control API's part for the defences as a whole, and for what happened lately.

Routes over the port `Stances`, which the assembly provides. A mode that is set here holds on this node until it is
given back to the configuration, over restarts too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import BY, Parameter, limit_of
from shieldrelay.admin.picture import ReloadPicture, as_json
from shieldrelay.admin.picture_defences import HappeningPicture, StancePicture, StepPicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route

LATELY = 200
LATELY_LIMIT = 2000
AS_CONFIGURED = "configured"
"""In the place of a mode: what the configuration says counts again."""
_MODES = ("enforce", "observe", "off", AS_CONFIGURED)
_NAMES = re.compile(r"[a-z_]{1,40}(,[a-z_]{1,40}){0,40}\Z")


class Stances(Protocol):
    """Who knows the defences as a whole."""

    async def stances(self) -> Sequence[StancePicture]:
        """Give how each stands."""

    def steerable(self) -> Sequence[str]:
        """Name the defences whose mode can be set."""

    async def steer(self, defence: str, mode: str | None, by: str) -> ReloadPicture:
        """Set a mode, durable and in force; ``None``: as the configuration says. Raises OSError."""

    async def lately(
        self, events: Sequence[str], since: float, about: str, limit: int
    ) -> Sequence[HappeningPicture]:
        """Give what happened after a moment, newest first, of these kinds; of none: of all.

        :param about: a protected domain, a source or a network; empty: all.
        """

    def counted(self) -> Sequence[StepPicture]:
        """Give what was counted in the last hour, step by step, the oldest first."""


def stance_routes(stances: Stances) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(stances)
    return (
        Route(
            "GET", "/api/v1/defences", api.all, needs=Role.VIEW, reach=Reach.NODE,
            words="Show how each defence stands, and what those that observe would have refused",
            also={"defences": tuple[StancePicture, ...]},
        ),
        Route(
            "POST", "/api/v1/defences/{defence}", api.steer, needs=Role.ADMIN, reach=Reach.NODE,
            words="Have a defence of this node enforce, observe or be off, until it is set back",
            body=(Parameter(name="mode", among=_MODES, required=True), BY),
            also={"defence": str, "mode": str, "changes": tuple[str, ...]},
        ),
        Route(
            "GET", "/api/v1/happenings", api.lately, needs=Role.VIEW, reach=Reach.NARROWED, narrow=_own,
            words="Give what happened lately, newest first",
            query=(
                Parameter(name="events", words="names of journal events, with commas", most=400),
                Parameter(name="about", words="a protected domain, a source, a network", most=200),
                Parameter(name="since", kind="integer", words="seconds since the epoch", least=0),
                limit_of(LATELY_LIMIT),
            ),
            also={"happenings": tuple[HappeningPicture, ...]},
        ),
        Route(
            "GET", "/api/v1/counted", api.counted, needs=Role.VIEW, reach=Reach.NODE,
            words="Give what was accepted and refused in the last hour, in steps of some seconds",
            also={"steps": tuple[StepPicture, ...]},
        ),
    )  # fmt: skip


def _own(value: Any, domains: frozenset[str]) -> Any:
    return {**value, "happenings": [each for each in value["happenings"] if each["domain"] in domains]}


@frozen
class _Api:
    """The functions of the routes."""

    stances: Stances

    async def all(self, call: Call) -> Any:
        parameters.only(call)
        return {"defences": [as_json(one) for one in await self.stances.stances()]}

    async def steer(self, call: Call) -> Any:
        defence, mode = call.path["defence"], parameters.stated(call.body, "mode")
        if mode not in _MODES:
            raise Refused(400, "invalid_parameter", f"mode is one of {', '.join(_MODES)}.")
        known = self.stances.steerable()
        if defence not in known:
            raise Refused(404, "unknown_defence", f"{defence[:40]!r} has no mode that can be set.", known)
        by = parameters.text(call.body.get("by"), "by") or "operator"
        wanted = None if mode == AS_CONFIGURED else str(mode)
        done = await parameters.disk(self.stances.steer(defence, wanted, by), "state directory")
        if done.errors:
            raise Refused(409, "configuration_refused", "The mode was not changed.", done.errors)
        return {"defence": defence, "mode": mode, "changes": list(done.changes)}

    async def lately(self, call: Call) -> Any:
        parameters.only(call, "events", "about", "since", "limit")
        events = call.query.get("events", "")
        if events and not _NAMES.match(events):
            raise Refused(400, "invalid_parameter", "events are names of journal events, with commas.")
        since = _moment(call.query.get("since", "0"))
        limit = parameters.number(call.query.get("limit", str(LATELY)), "limit", 1, LATELY_LIMIT)
        about = parameters.text(call.query.get("about"), "about")
        found = await self.stances.lately(events.split(",") if events else (), since, about, limit)
        return {"happenings": [as_json(one) for one in found]}

    async def counted(self, call: Call) -> Any:
        parameters.only(call)
        return {"steps": [as_json(one) for one in self.stances.counted()]}


def _moment(value: str) -> float:
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        raise Refused(400, "invalid_parameter", "since is in seconds since the epoch.")
    return float(value)
