"""`Everywhere`: one request answered by another node (``?node=``), or by all of them (``?everywhere=true``).

Each node holds the caller to what its own routes declare. A node that is silent is shown as such and holds up nobody:
others wait for it for `LOOK_SECONDS`. A request about one message goes to the node that has it. What one node gives as
a list is one list of all, each row with its ``node``; everything else is shown node by node. Used by
``admin.roles_warden``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.admin.errand import Errand, Others, Told
from shieldrelay.admin.openapi_shapes import Parameter
from shieldrelay.admin.roles import Caller
from shieldrelay.admin.router import QUERY_FIELDS, Refused, Response, Route

LOOK_SECONDS = 2.0
ACT_SECONDS = 20.0
"""What another node gets to do something."""
NODE = Parameter(name="node", words="the node that is to answer, by its name; without it: this one", most=255)
EVERYWHERE = Parameter(
    name="everywhere", among=("true", "false", "1", "0"),
    words="all nodes answer; `nodes` says who did, and who is silent",
)  # fmt: skip
HERE_ALONE = tuple(f"/api/v1/{each}" for each in ("tokens", "tokens/{name}", "session", "events", "openapi.json"))
"""Routes that are asked of a node itself."""
_TRUE, _FALSE = ("true", "1"), ("false", "0")

_STORY = "trace/{id}"

Here = Callable[[Caller, str, bytes, bytes], Awaitable[Response]]
Order = Callable[[Any], Any]

_LISTS: Mapping[str, tuple[str, Order | None]] = {
    "queue": ("messages", lambda row: (row["domain"], row["name"])),
    "sources": ("sources", None),
    "entries": ("entries", None),
    "audit": ("entries", lambda row: -row["at"]),
    "trace": ("lines", lambda row: -row["at"]),
    "alarms": ("alarms", lambda row: (row["ended"] is not None, row["level"] != "error", row["since"])),
    "happenings": ("happenings", lambda row: -row["at"]),
    "parts": ("parts", None),
    "pushed": ("domains", None),
}
"""Routes that give lists, below ``/api/v1/``: the list's name, and its order; without one, node after node."""


def answers_for_all(route: Route) -> bool:
    """Whether a route has another shape when all nodes answer."""
    return not (route.raw or route.kind or route.pattern in HERE_ALONE or _is_of_message(route))


class Everywhere:
    """Asks them.

    :param here: answers on this node.
    :param others: asks the other nodes; ``None``: there are none.
    """

    def __init__(self, name: Callable[[], str], here: Here, others: Others | None) -> None:
        self._name = name
        self._here = here
        self._others = others

    async def answer(
        self, caller: Caller, route: Route, wanted: Mapping[str, str], method: str, target: bytes, body: bytes
    ) -> Response:
        """Answer.

        :param wanted: of the query, ``node`` and ``everywhere``.
        :param target: without these.
        :raises Refused: what is wanted makes no sense.
        """
        if route.raw:
            raise Refused(400, "not_everywhere", "A pushed list reaches the other nodes by itself: push it here.")
        errand = Errand(caller, method, target, body, self._name())
        if wanted.get("everywhere") in _TRUE:
            if "node" in wanted:
                raise Refused(400, "invalid_parameter", "One of node and everywhere is wanted.")
            if route.kind and not _is_of_message(route):
                raise Refused(400, "not_everywhere", "This is a file of each node's: name one.")
            return await self._all(route, errand)
        if wanted.get("everywhere", "false") not in _FALSE:
            raise Refused(400, "invalid_parameter", "everywhere is true or false.")
        return await self._one(wanted.get("node", self._name()), errand)

    async def _one(self, node: str, errand: Errand) -> Response:
        """Have one node answer."""
        if node == self._name():
            return await self._here(errand.caller, errand.method, errand.target, errand.body)
        told = () if self._others is None else await self._others.ask((node,), errand, ACT_SECONDS)
        if not told:
            raise Refused(404, "unknown_node", f"There is no node {node[:80]!r} in the cluster.")
        response = told[0].response
        if response is None:
            raise Refused(503, "silent", f"{node} does not answer: {told[0].trouble}.")
        return response

    async def _all(self, route: Route, errand: Errand) -> Response:
        if _is_of_message(route):
            return await self._holder(errand)
        seconds = LOOK_SECONDS if errand.method == "GET" else ACT_SECONDS
        kind = route.pattern.removeprefix("/api/v1/")
        if kind == _STORY:
            return _one_story(await self._asked(errand, None, seconds))
        if errand.method == "GET" and kind in _LISTS:
            return await self._listed(errand, *_LISTS[kind])
        return _shown(await self._asked(errand, None, seconds))

    async def _asked(self, errand: Errand, nodes: Sequence[str] | None, seconds: float) -> list[Told]:
        """Ask this node, and the others at the same time."""
        asking: list[Deferred[Any]] = []
        if nodes is None or self._name() in nodes:
            asking.append(Deferred.fromCoroutine(self._told_here(errand)))
        if self._others is not None:
            asking.append(Deferred.fromCoroutine(_listed(self._others.ask(nodes, errand, seconds))))
        found = await gatherResults(asking, consumeErrors=True)
        return sorted((each for some in found for each in some), key=lambda each: each.node)

    async def _told_here(self, errand: Errand) -> list[Told]:
        response = await self._here(errand.caller, errand.method, errand.target, errand.body)
        return [Told(self._name(), response)]

    async def _holder(self, errand: Errand) -> Response:
        """Find out who has a message, and have that node answer."""
        id = errand.target.partition(b"?")[0].split(b"/")[4]
        look = Errand(errand.caller, "GET", b"/api/v1/messages/" + id, b"", errand.origin)
        told = await self._asked(look, None, LOOK_SECONDS)
        for one in told:
            if one.response is not None and one.response.status == 200:
                response = await self._one(one.node, errand)
                if isinstance(response.value, dict) and response.status == 200:
                    return Response(200, {**response.value, "node": one.node})
                return response
        silent = [one.node for one in told if one.response is None]
        if silent:
            words = f"The nodes that answer do not have it, and {', '.join(silent)} does not answer."
            raise Refused(503, "silent", words)
        refused = [one.response for one in told if one.response is not None]
        return min(refused, key=lambda each: each.status == 404)

    async def _listed(self, errand: Errand, name: str, order: Order | None) -> Response:
        """Make one list of all; it goes on with the nodes that have more."""
        path, query = split(errand.target)
        places = _places(query.pop("after", ""))
        if places is None:
            told = await self._asked(errand, None, LOOK_SECONDS)
        else:
            told = await self._continued(errand, path, query, places)
        told = [_understood(one, name, order) for one in told]
        granted = [one for one in told if one.response is not None and one.response.status == 200]
        if not granted:
            return _shown(told)
        rows = [{**row, "node": one.node} for one in granted for row in _value(one)[name]]
        if order is not None:
            with suppress(TypeError):  # nodes of unlike versions: node after node then
                rows.sort(key=order)
        ends = {one.node: _value(one).get("after") for one in granted}
        more = {node: str(end) for node, end in ends.items() if end}
        first = _value(granted[0])
        whole = {key: first[key] for key in ("now", "index") if key in first}
        if "searched_to" in first:
            told_to = [_value(one)["searched_to"] for one in granted if _value(one)["searched_to"] is not None]
            whole |= {"searched_to": max(told_to, default=None), "newest": "", "silent": _silent(told)}
        if "total" in first:
            whole["total"] = sum(_value(one).get("total", 0) for one in granted)
        after = _cursor(more) if more else None
        return Response(200, {**whole, name: rows, "after": after, "nodes": [_row(one) for one in told]})

    async def _continued(
        self, errand: Errand, path: bytes, query: Mapping[str, str], places: Mapping[str, str]
    ) -> list[Told]:
        """Ask each node for what comes after its own place."""
        async def ask(node: str, place: str) -> list[Told]:
            asked = path + b"?" + urlencode({**query, "after": place}).encode("ascii")
            later = Errand(errand.caller, errand.method, asked, errand.body, errand.origin)
            return await self._asked(later, (node,), LOOK_SECONDS)

        found = await gatherResults([Deferred.fromCoroutine(ask(*each)) for each in places.items()])
        return [one for some in found for one in some]


def split(target: bytes) -> tuple[bytes, dict[str, str]]:
    """Take a target's query off.

    :raises Refused: it is malformed.
    """
    path, _, written = target.partition(b"?")
    try:
        pairs = parse_qsl(
            written.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS
        )
    except ValueError:
        raise Refused(400, "malformed_target", "The query is malformed.") from None
    return path, dict(pairs)


def without(target: bytes, *names: str) -> bytes:
    """Give a target without some parameters."""
    path, query = split(target)
    rest = {name: value for name, value in query.items() if name not in names}
    return path + (b"?" + urlencode(rest, quote_via=quote).encode("ascii") if rest else b"")


def _is_of_message(route: Route) -> bool:
    return route.pieces[2:4] == ("messages", "{id}")


async def _listed(told: Awaitable[Sequence[Told]]) -> list[Told]:
    return list(await told)


def _value(one: Told) -> Any:
    assert one.response is not None
    return one.response.value


def _understood(one: Told, name: str, order: Order | None) -> Told:
    """Give what a node said, unless its list is none as we know it: then it is as if it had said nothing."""
    if one.response is None or one.response.status != 200:
        return one
    try:
        rows = one.response.value[name]
        if not all(isinstance(row, dict) for row in rows):
            raise TypeError("rows")
        if not isinstance(one.response.value.get("total", 0), int):
            raise TypeError("total")
        if order is not None:
            sorted(rows, key=order)
    except (TypeError, KeyError, AttributeError):
        return Told(one.node, None, "its answer is not understood; it may be of another version")
    return one


def _row(one: Told, *, shown: bool = False) -> dict[str, Any]:
    """Say how a node answered."""
    if one.response is None:
        return {"node": one.node, "status": 0, "trouble": one.trouble}
    value = one.response.value
    if one.response.status >= 400:
        return {"node": one.node, "status": one.response.status, "trouble": value["error"]["message"]}
    row: dict[str, Any] = {"node": one.node, "status": one.response.status, "trouble": ""}
    return {**row, "answer": value} if shown else row


def _shown(told: Sequence[Told]) -> Response:
    """Show what each said; a refusal when all of them refuse."""
    responses = [one.response for one in told if one.response is not None]
    if any(each.status < 400 for each in responses) or not responses:
        return Response(200, {"nodes": [_row(one, shown=True) for one in told]})
    return responses[0]


def _one_story(told: Sequence[Told]) -> Response:
    """Make one story of what the nodes know of it."""
    known = [_value(one) for one in told if one.response is not None and one.response.status == 200]
    if not known:
        return _shown(told)
    lines = sorted((line for each in known for line in each["lines"]), key=lambda line: (line["at"], line["node"]))
    ids = {name: list(dict.fromkeys(id for each in known for id in each[name])) for name in ("sessions", "messages")}
    whole = all(each["whole"] for each in known)
    return Response(200, {**known[0], **ids, "lines": lines, "whole": whole, "silent": _silent(told)})


def _silent(told: Sequence[Told]) -> list[str]:
    """Name the nodes that did not answer, and why."""
    rows = [_row(one) for one in told]
    return [f"{row['node']}: {row['trouble']}" for row in rows if row["trouble"]]


def _cursor(places: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(places, separators=(",", ":")).encode("ascii")).decode("ascii")


def _places(cursor: str) -> dict[str, str] | None:
    """Read where each node's page ended; ``None`` for the beginning.

    :raises Refused: it is not what a page gave.
    """
    if not cursor:
        return None
    try:
        read = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if isinstance(read, dict) and 0 < len(read) <= 1000:
            return {str(node): str(place) for node, place in read.items()}
    except (ValueError, RecursionError):
        pass
    raise Refused(400, "invalid_parameter", "after is not what a page gave.")


