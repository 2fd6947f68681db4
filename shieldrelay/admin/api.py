"""The control API: its routes, over a port that the assembly provides.

Begins the API that dashboard and cluster will use (D10): ``/api/v1``, JSON, names of ``admin.picture``. Parses and
bounds every parameter, turns unknown names into 404 with hints, and leaves every decision to `Appliance`. What concerns
sources and lists of recipients stands in ``admin.api_sources`` and ``admin.api_lists``. Changes are idempotent: asking
twice does no more than asking once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.api_alarms import Watch, watch_routes
from shieldrelay.admin.api_defences import Stances, stance_routes
from shieldrelay.admin.api_domains import Domains, domain_routes
from shieldrelay.admin.api_lists import Recipients, list_routes
from shieldrelay.admin.api_members import Members, member_routes
from shieldrelay.admin.api_parts import Parts, part_routes
from shieldrelay.admin.api_reports import Reports, report_routes
from shieldrelay.admin.api_sources import Defences, source_routes
from shieldrelay.admin.api_trace import Traces, trace_routes
from shieldrelay.admin.openapi_shapes import AFTER, Parameter, limit_of
from shieldrelay.admin.picture import (
    CountsPicture,
    MessagePicture,
    NodePicture,
    QueuePage,
    ReloadPicture,
    as_json,
)
from shieldrelay.admin.picture_done import BelieveDone, DrillDone, FlushDone, MessageDone, ReloadDone
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Document, Refused, Route, Router
from shieldrelay.ports import Journal

PAGE = 100
"""Messages on a page unless asked otherwise; at most `PAGE_LIMIT`."""
PAGE_LIMIT = 1000
DRILL_MINUTES = 1440
"""The longest drill."""

_NOBODY: Any = object()
"""Stands where a part of the node would be, in declarations."""
_DOMAIN = Parameter(name="domain", words="a protected domain; without it: all", most=255)
_T = TypeVar("_T")
_MESSAGE_ID = re.compile(r"[0-9A-Za-z]{1,40}\Z")
_CURSOR = re.compile(r"[\x21-\x7e]{1,200}\Z")


class Appliance(Protocol):
    """What the node can be asked. Methods return when the thing is done and durable; they raise OSError for the disk.

    ``domain`` is a comparison form that `domains` holds; ``None`` as an answer means that there is no such message.
    """

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""

    async def status(self) -> NodePicture:
        """Give the node's picture."""

    async def queue(self, domain: str | None, limit: int, after: str | None) -> QueuePage:
        """Give a page of the queue of one domain or of all, held messages included.

        :param after: where the page before ended, as it said; anything else starts from the beginning.
        """

    async def message(self, id: str) -> MessagePicture | None:
        """Give one message."""

    async def flush(self, domain: str) -> int:
        """Make all that waits due now, and give how many that is; an open breaker is probed at once."""

    async def drill(self, domain: str, minutes: int) -> float | None:
        """Treat the domain's next hops as down for so long (0 ends it); give when it ends."""

    async def believe(self, domain: str) -> bool:
        """Let the refusals count that the bounce guard holds back (R5); false when it holds none."""

    async def hold(self, id: str) -> bool | None:
        """Set a message aside; true whether or not it was already, false when it is being tried right now."""

    async def release(self, id: str) -> bool | None:
        """Let a held message go on, due now; true whether or not it was held."""

    async def delete(self, id: str) -> bool | None:
        """Remove a message without telling its sender; false when it is being tried right now."""

    async def bounce(self, id: str) -> bool | None:
        """Give a message up now and tell its sender, held or not; false when it is being tried right now."""

    async def original(self, id: str) -> bytes | None:
        """Give a message's content as it came."""

    async def reload(self) -> ReloadPicture:
        """Read the configuration again, whole or not at all."""


def control_router(
    appliance: Appliance,
    defences: Defences,
    recipients: Recipients,
    reports: Reports,
    journal: Journal,
    parts: Parts | None = None,
    members: Members | None = None,
    domains: Domains | None = None,
    traces: Traces | None = None,
    stances: Stances | None = None,
    watch: Watch | None = None,
) -> Router:
    """Make the router of the control API.

    :param parts: ``None`` for a node that knows no spool but its own.
    :param members: ``None`` for one that can be no member of a cluster.
    :param domains: ``None`` for one that takes no domains at run time.
    :param traces: ``None`` for one that keeps no index of its journal.
    :param stances: ``None`` for one whose defences are not shown as a whole.
    :param watch: ``None`` for one that nobody watches.
    """

    def on_bug(route: str, bug: Exception) -> None:
        journal.event("control_failed", route=route, error=repr(bug))

    routes = _all_routes(appliance, defences, recipients, reports, parts, members, domains, traces, stances, watch)
    return Router(routes, on_bug)


def declared_routes() -> tuple[Route, ...]:
    """Give all routes as declarations, for who holds callers to them or describes them; they cannot be called."""
    return _all_routes(_NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY)


def _all_routes(
    appliance: Appliance,
    defences: Defences,
    recipients: Recipients,
    reports: Reports,
    parts: Parts | None,
    members: Members | None,
    domains: Domains | None,
    traces: Traces | None,
    stances: Stances | None,
    watch: Watch | None,
) -> tuple[Route, ...]:
    routes = _routes(_Api(appliance)) + source_routes(defences) + list_routes(recipients) + report_routes(reports)
    routes += () if parts is None else part_routes(parts)
    routes += () if members is None else member_routes(members)
    routes += () if stances is None else stance_routes(stances)
    routes += () if traces is None else trace_routes(traces)
    routes += () if watch is None else watch_routes(watch)
    return routes + (() if domains is None else domain_routes(domains))


def _routes(api: _Api) -> tuple[Route, ...]:
    return (
        Route(
            "GET", "/api/v1/status", api.status, needs=Role.VIEW, reach=Reach.NARROWED, narrow=_own_status,
            words="Show the node and its protected domains", answer=NodePicture,
        ),
        Route(
            "GET", "/api/v1/queue", api.queue, needs=Role.VIEW, reach=Reach.QUERY,
            words="Give a page of the queue, by time of arrival",
            query=(_DOMAIN, limit_of(PAGE_LIMIT), AFTER), answer=QueuePage,
        ),
        *_message_routes(api),
        Route(
            "POST", "/api/v1/domains/{domain}/flush", api.flush, needs=Role.OPERATE, reach=Reach.PATH,
            words="Try all waiting messages of a domain now", answer=FlushDone,
        ),
        Route(
            "POST", "/api/v1/domains/{domain}/drill", api.drill, needs=Role.OPERATE, reach=Reach.PATH,
            words="Treat a domain's next hops as down for a while",
            body=(Parameter(name="minutes", kind="integer", least=0, most=DRILL_MINUTES, required=True),),
            answer=DrillDone,
        ),
        Route(
            "POST", "/api/v1/domains/{domain}/believe", api.believe, needs=Role.OPERATE, reach=Reach.PATH,
            words="Let a server's refusals count that are held back as suspicious", answer=BelieveDone,
        ),
        Route(
            "POST", "/api/v1/reload", api.reload, needs=Role.ADMIN, reach=Reach.NODE,
            words="Read the configuration again, whole or not at all", answer=ReloadDone,
        ),
    )  # fmt: skip


def _message_routes(api: _Api) -> tuple[Route, ...]:
    at = "/api/v1/messages/{id}"
    return (
        Route(
            "GET", at, api.message, needs=Role.VIEW, reach=Reach.ANSWER, words="Show one message of the spool",
            answer=MessagePicture,
        ),
        Route(
            "DELETE", at, api.delete, needs=Role.OPERATE, reach=Reach.MESSAGE,
            words="Remove a message without telling its sender", answer=MessageDone,
        ),
        Route(
            "GET", f"{at}/eml", api.original, needs=Role.OPERATE, reach=Reach.MESSAGE, noted=True,
            words="Give a message as a file, as it came", kind="message/rfc822",
        ),
        Route(
            "POST", f"{at}/bounce", api.bounce, needs=Role.OPERATE, reach=Reach.MESSAGE,
            words="Give a message up now, and tell its sender", answer=MessageDone,
        ),
        Route(
            "POST", f"{at}/hold", api.hold, needs=Role.OPERATE, reach=Reach.MESSAGE, words="Set a message aside",
            answer=MessageDone,
        ),
        Route(
            "POST", f"{at}/release", api.release, needs=Role.OPERATE, reach=Reach.MESSAGE,
            words="Let a held message go on, due now", answer=MessageDone,
        ),
    )  # fmt: skip


def _own_status(value: Any, domains: frozenset[str]) -> Any:
    """Leave of a status what concerns some domains, and what says nothing of others."""
    own = [each for each in value["domains"] if each["domain"] in domains]
    alarms = [each for each in value["alarms"] if each.partition(":")[0] in domains]
    blank: Any = {"sessions": 0, "in_content": 0, "connections": 0, "workers": [], "counts": as_json(CountsPicture())}
    notices = dict.fromkeys(value["notices"], 0)
    spool = {**value["spool"], "path": "", "octets_free": 0, "inodes_free": 0, "reason": ""}
    hub = {**value["hub"], "hub": "", "reason": ""}
    stress = {**value["stress"], "reason": ""}
    return {**value, **blank, "notices": notices, "spool": spool, "hub": hub, "stress": stress, "domains": own,
            "alarms": alarms}  # fmt: skip


@frozen
class _Api:
    """The functions of the routes."""

    appliance: Appliance

    async def status(self, call: Call) -> Any:
        return as_json(await self.appliance.status())

    async def queue(self, call: Call) -> Any:
        parameters.only(call, "domain", "limit", "after")
        domain = self._domain(call.query["domain"]) if "domain" in call.query else None
        limit = parameters.number(call.query.get("limit", str(PAGE)), "limit", 1, PAGE_LIMIT)
        after = call.query.get("after") or None
        if after is not None and not _CURSOR.match(after):
            raise Refused(400, "invalid_parameter", "after is not what a page gave.")
        return as_json(await parameters.disk(self.appliance.queue(domain, limit, after)))

    async def message(self, call: Call) -> Any:
        return as_json(await self._about(call, self.appliance.message))

    async def hold(self, call: Call) -> Any:
        _not_busy(await self._about(call, self.appliance.hold))
        return {"id": call.path["id"], "state": "held"}

    async def release(self, call: Call) -> Any:
        await self._about(call, self.appliance.release)
        return {"id": call.path["id"], "state": "waiting"}

    async def bounce(self, call: Call) -> Any:
        _not_busy(await self._about(call, self.appliance.bounce))
        return {"id": call.path["id"], "state": "bounced"}

    async def original(self, call: Call) -> Any:
        octets = await self._about(call, self.appliance.original)
        return Document(octets, "message/rfc822", f"{call.path['id']}.eml")

    async def delete(self, call: Call) -> Any:
        _not_busy(await self._about(call, self.appliance.delete))
        return {"id": call.path["id"], "state": "deleted"}

    async def flush(self, call: Call) -> Any:
        domain = self._domain(call.path["domain"])
        return {"domain": domain, "due": await parameters.disk(self.appliance.flush(domain))}

    async def drill(self, call: Call) -> Any:
        domain = self._domain(call.path["domain"])
        minutes = parameters.number(call.body.get("minutes"), "minutes", 0, DRILL_MINUTES)
        return {"domain": domain, "drill_until": await self.appliance.drill(domain, minutes)}

    async def believe(self, call: Call) -> Any:
        domain = self._domain(call.path["domain"])
        return {"domain": domain, "believed": await self.appliance.believe(domain)}

    async def reload(self, call: Call) -> Any:
        picture = await self.appliance.reload()
        if picture.errors:
            raise Refused(409, "configuration_refused", "The configuration was not changed.", picture.errors)
        return {"changes": list(picture.changes)}

    def _domain(self, text: str) -> str:
        """Find a protected domain, or say which one may have been meant."""
        return parameters.protected(self.appliance.domains(), text)

    async def _about(self, call: Call, ask: Callable[[str], Awaitable[_T | None]]) -> _T:
        """Ask about one message; 404 when there is none of that id."""
        id = call.path["id"]
        found = await parameters.disk(ask(id)) if _MESSAGE_ID.match(id) else None
        if found is None:
            raise Refused(404, "unknown_message", f"There is no message {id[:40]!r} in the spool: it may be delivered.")
        return found


def _not_busy(done: bool) -> None:
    if not done:
        raise Refused(409, "in_flight", "The message is being delivered right now; try again in a moment.")
