"""The control API's part for the trace: searching what became of sessions and messages.

Routes over the port `Traces`, which the assembly provides. Parses and bounds what is asked; whoever is limited to a
domain finds lines of that domain only.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import Parameter, limit_of
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_trace import StoryPicture, TraceIndexPicture, TracePage
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route

PAGE = 100
PAGE_LIMIT = 1000
ADDRESS_CHARACTERS = 320
AFTER_CHARACTERS = 4000
MOMENT_MOST = 1 << 40

_ID = re.compile(r"[0-9A-Za-z]{1,40}\Z")
_WORD = re.compile(r"[0-9a-z_ .-]{1,60}\Z")
_CURSOR = re.compile(r"[\x21-\x7e]{1,%d}\Z" % AFTER_CHARACTERS)


class TraceUnavailable(Exception):
    """There is no index, or nobody answers for it; ``args[0]`` says why, a sentence."""


@frozen(kw_only=True)
class TraceQuestion:
    """What is searched for; what is empty is not asked. All that is given must hold.

    :ivar sender: an address, ``@domain``, or ``<>``.
    :ivar recipient: an address, or ``@domain``.
    :ivar source: an IP address or a network, in its shortest spelling.
    :ivar id: of a session or a message; the reference that a refusal names.
    :ivar reason: words that the reason or the next hop's reply has.
    :ivar domain: a protected domain.
    :ivar since: seconds since the epoch, ``until`` too.
    :ivar after: where the page before ended; ``newer``: only what came after this place, the oldest first.
    """

    sender: str = ""
    recipient: str = ""
    source: str = ""
    id: str = ""
    reason: str = ""
    event: str = ""
    defence: str = ""
    result: str = ""
    domain: str = ""
    since: float | None = None
    until: float | None = None
    limit: int = PAGE
    after: str = ""
    newer: str = ""


class Traces(Protocol):
    """Who searches."""

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""

    async def search(self, question: TraceQuestion) -> TracePage:
        """Give a page; within some seconds.

        :raises TraceUnavailable: nobody can search now.
        :raises ValueError: ``after`` or ``newer`` is not what a page gave.
        """

    async def story(self, id: str) -> StoryPicture:
        """Give all that is known of a session or message; raises `TraceUnavailable`."""

    async def index(self) -> TraceIndexPicture:
        """Say how the index stands."""


def trace_routes(traces: Traces) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(traces)
    return (
        Route(
            "GET", "/api/v1/trace", api.search, needs=Role.VIEW, reach=Reach.QUERY,
            words="Search what became of sessions and messages", query=_QUERY, answer=TracePage,
        ),
        Route(
            "GET", "/api/v1/trace/{id}", api.story, needs=Role.VIEW, reach=Reach.NARROWED, narrow=_own_story,
            words="Tell all that is known of a session or a message", answer=StoryPicture,
        ),
        Route(
            "GET", "/api/v1/trace-index", api.index, needs=Role.VIEW, reach=Reach.EVERYBODY,
            words="Say how far the index of the journal is", answer=TraceIndexPicture,
        ),
    )  # fmt: skip


_QUERY = (
    Parameter(name="sender", words="the reverse-path, @domain, or <>", most=ADDRESS_CHARACTERS),
    Parameter(name="recipient", words="an address, or @domain", most=ADDRESS_CHARACTERS),
    Parameter(name="source", words="the client's address, or a network", most=50),
    Parameter(name="id", words="of a session or a message; the reference that a refusal names", most=40),
    Parameter(name="reason", words="words of the reason or of the next hop's reply", most=parameters.TEXT_CHARACTERS),
    Parameter(name="event", words="such as transaction, attempt, refused, session", most=60),
    Parameter(name="defence", words="who refused", most=60),
    Parameter(name="result", words="such as accepted, refused, tempfailed, taken", most=60),
    Parameter(name="domain", words="a protected domain; without it: all", most=255),
    Parameter(name="since", kind="number", words="seconds since the epoch", least=0, most=MOMENT_MOST),
    Parameter(name="until", kind="number", words="seconds since the epoch", least=0, most=MOMENT_MOST),
    limit_of(PAGE_LIMIT),
    Parameter(name="after", words="where the page before ended, as it said", most=AFTER_CHARACTERS),
    Parameter(name="newer", words="a place: only what came after it, the oldest first", most=40),
)


def _own_story(value: Any, domains: frozenset[str]) -> Any:
    """Leave of a story the lines of some domains, and of recipients those that are there."""
    own = [line for line in value["lines"] if line["domain"] in domains]
    lines = [{**line, "recipients": _within(line["recipients"], domains)} for line in own]
    return {
        **value,
        "lines": lines,
        "sessions": sorted({line["session"] for line in lines if line["session"]}),
        "messages": sorted({line["message"] for line in lines if line["message"]}),
    }


def _within(recipients: Any, domains: frozenset[str]) -> list[str]:
    """Give those that are in some domains: a message may have gone to others too. Aliases are not known here."""
    return [each for each in recipients if str(each).rpartition("@")[2].lower() in domains]


@frozen
class _Api:
    """The functions of the routes."""

    traces: Traces

    async def search(self, call: Call) -> Any:
        parameters.only(call, *(one.name for one in _QUERY))
        try:
            return as_json(await self.traces.search(self._question(call)))
        except TraceUnavailable as fault:
            raise _unavailable(fault) from fault
        except ValueError as fault:
            raise Refused(400, "invalid_parameter", "after or newer is not what a page gave.") from fault

    async def story(self, call: Call) -> Any:
        parameters.only(call)
        id = call.path["id"]
        if not _ID.match(id):
            raise Refused(400, "invalid_parameter", "The id of a session or a message has letters and digits only.")
        try:
            return as_json(await self.traces.story(id))
        except TraceUnavailable as fault:
            raise _unavailable(fault) from fault

    async def index(self, call: Call) -> Any:
        parameters.only(call)
        return as_json(await self.traces.index())

    def _question(self, call: Call) -> TraceQuestion:
        given = call.query
        domain = parameters.protected(self.traces.domains(), given["domain"]) if "domain" in given else ""
        return TraceQuestion(
            sender=_matched(call, "sender", ADDRESS_CHARACTERS),
            recipient=_matched(call, "recipient", ADDRESS_CHARACTERS),
            source=_source(given["source"]) if given.get("source") else "",
            id=_shaped(call, "id", _ID),
            reason=parameters.text(given.get("reason"), "reason"),
            event=_shaped(call, "event", _WORD),
            defence=_shaped(call, "defence", _WORD),
            result=_shaped(call, "result", _WORD),
            domain=domain,
            since=_moment(call, "since"),
            until=_moment(call, "until"),
            limit=parameters.number(given.get("limit", str(PAGE)), "limit", 1, PAGE_LIMIT),
            after=_shaped(call, "after", _CURSOR),
            newer=_shaped(call, "newer", _CURSOR),
        )


def _unavailable(fault: TraceUnavailable) -> Refused:
    return Refused(503, "trace_unavailable", str(fault))


def _matched(call: Call, name: str, most: int) -> str:
    value = call.query.get(name, "").strip()
    if len(value) > most or not value.isprintable():
        raise Refused(400, "invalid_parameter", f"{name} is an address of at most {most} characters.")
    return value


def _shaped(call: Call, name: str, shape: re.Pattern[str]) -> str:
    value = call.query.get(name, "")
    if value and not shape.match(value):
        raise Refused(400, "invalid_parameter", f"{name} cannot be that.")
    return value


def _source(value: str) -> str:
    try:
        found = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        raise Refused(400, "invalid_network", f"{value[:60]!r} is no IP address and no network.") from None
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is not None and found.num_addresses == 1:
        return str(mapped)
    return str(found.network_address if found.num_addresses == 1 else found)


def _moment(call: Call, name: str) -> float | None:
    if name not in call.query:
        return None
    try:
        moment = float(call.query[name])
    except ValueError:
        moment = math.nan
    if not 0 <= moment <= MOMENT_MOST:
        raise Refused(400, "invalid_parameter", f"{name} is a moment in seconds since the epoch.")
    return moment
