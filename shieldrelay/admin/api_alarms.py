"""The control API's part for who is not looking: alarms, metrics, and what became of a domain's mail.

Routes over the port `Watch`, which the assembly provides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import Parameter
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_alarms import AlarmPicture, ReportPicture, TestDone
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Document, Refused, Route

METRICS_KIND = "text/plain; version=0.0.4; charset=utf-8"


class Watch(Protocol):
    """Who watches the node."""

    def alarms(self) -> Sequence[AlarmPicture]:
        """Give the alarms: those that are open, the worst first, then those that ended within a day."""

    async def test(self) -> TestDone:
        """Send a test alarm to all who are told of alarms. Raises OSError for the spool's disk."""

    async def report(self, domain: str, *, last: bool) -> ReportPicture | None:
        """Say what became of a domain's mail in this week or the last; ``None``: it is not protected here."""

    async def metrics(self) -> bytes:
        """Give all metrics of the process in Prometheus' text format."""


def watch_routes(watch: Watch) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(watch)
    return (
        Route(
            "GET", "/api/v1/alarms", api.alarms, needs=Role.VIEW, reach=Reach.NARROWED, narrow=_own,
            words="Show the alarms: the open ones, then those that ended within a day", query=(_OPEN,),
            also={"alarms": tuple[AlarmPicture, ...]},
        ),
        Route(
            "POST", "/api/v1/alarms/test", api.test, needs=Role.ADMIN, reach=Reach.NODE,
            words="Send a test alarm to all who are told of alarms", answer=TestDone,
        ),
        Route(
            "GET", "/api/v1/domains/{domain}/report", api.report, needs=Role.VIEW, reach=Reach.PATH,
            words="Say what became of a domain's mail this week, or last week", query=(_WEEK,), answer=ReportPicture,
        ),
        Route(
            "GET", "/api/v1/metrics", api.metrics, needs=Role.VIEW, reach=Reach.NODE,
            words="Give all metrics in Prometheus' text format", kind=METRICS_KIND,
        ),
    )  # fmt: skip


_WEEK = Parameter(name="week", among=("this", "last"), words="weeks begin on Mondays, 00:00 UTC")
_OPEN = Parameter(name="open", among=("yes", "no"), words="yes: those that are open alone")


def _own(value: Any, domains: frozenset[str]) -> Any:
    """Leave of the alarms those about some domains."""
    return {**value, "alarms": [each for each in value["alarms"] if each["domain"] in domains]}


@frozen
class _Api:
    """The functions of the routes."""

    watch: Watch

    async def alarms(self, call: Call) -> Any:
        parameters.only(call, "open")
        asked = call.query.get("open", "no")
        if asked not in ("yes", "no"):
            raise Refused(400, "invalid_parameter", "open is yes or no.")
        shown = [one for one in self.watch.alarms() if one.ended is None or asked == "no"]
        return {"alarms": [as_json(one) for one in shown]}

    async def test(self, call: Call) -> Any:
        parameters.only(call)
        return as_json(await parameters.disk(self.watch.test()))

    async def report(self, call: Call) -> Any:
        parameters.only(call, "week")
        week = call.query.get("week", "this")
        if week not in ("this", "last"):
            raise Refused(400, "invalid_parameter", "week is this or last.")
        shown = await self.watch.report(call.path["domain"].lower(), last=week == "last")
        if shown is None:
            raise Refused(404, "unknown_domain", f"There is no protected domain {call.path['domain'][:80]!r}.")
        return as_json(shown)

    async def metrics(self, call: Call) -> Document:
        parameters.only(call)
        return Document(await self.watch.metrics(), METRICS_KIND)
