"""`Warden`: holds callers to what routes declare, before and after the node answers; notes what they did.

Stands between the edge (``admin.control``, ``admin.web``) and whoever answers for the node: an `admin.router.Router`,
or what asks several processes. Adds the routes of the edge itself (audit, tokens, ...), which are asked here. What a
caller may not reach is answered as if it did not exist, where its existence is not theirs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from shieldrelay.admin import parameters
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.errand import ErrandFault, Others, errand
from shieldrelay.admin.everywhere import EVERYWHERE, HERE_ALONE, NODE, Everywhere, without
from shieldrelay.admin.roles import Caller, Reach, Role
from shieldrelay.admin.router import Refused, Response, Route, Router, json_object, refusal

SOCKET = "socket"
ERRAND = b"/api/v1/errand"
"""At a control socket alone: a request of another node's caller, as the process brings it that listens for peers."""
ERRAND_OCTETS = 2 << 20
_WHERE = (NODE.name, EVERYWHERE.name)


class Answerer(Protocol):
    """Who answers for the node."""

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have."""

    async def answer(self, method: str, target: bytes, body: bytes = b"") -> Response:
        """Answer one request; never raises."""


class Warden:
    """Guards a node.

    :param inner: answers for it.
    :param declared: its routes, which need not be callable here.
    :param edge: routes that are asked here; their calls know the caller.
    :param on_bug: told of every exception of theirs.
    :param name: gives the node's.
    :param others: asks the other nodes; ``None``: there are none.
    :ivar routes: all of them.
    """

    def __init__(
        self,
        inner: Answerer,
        declared: Sequence[Route],
        edge: Sequence[Route],
        audit: AuditLog,
        on_bug: Callable[[str, Exception], object],
        name: Callable[[], str] = str,
        others: Others | None = None,
    ) -> None:
        self._inner = inner
        self._edge = Router(edge, on_bug)
        self._table = Router((*edge, *declared), on_bug)
        self._audit = audit
        self._on_bug = on_bug
        self._everywhere = Everywhere(name, self._here, others)
        self.routes = self._table.routes

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have."""
        return self._table.body_limit(method, target)

    def route(self, method: str, target: bytes) -> Route | None:
        """Give the route that a request is for, if there is one."""
        found = self._table.find(method, target)
        return None if found is None else found[0]

    def check(self, caller: Caller, route: Route) -> None:
        """Hold a caller to a route's role and to its reach, as far as they say without looking at the request.

        :raises Refused: 403.
        """
        if not caller.role.covers(route.needs):
            words = f"This needs the role {route.needs.value}; {caller.name} has {caller.role.value}."
            raise Refused(403, "role_too_low", words)
        if route.reach is Reach.NODE and caller.limited:
            raise Refused(403, "limited", f"{caller.name} is limited to some domains, and this is the whole node's.")

    async def answer(self, caller: Caller, method: str, target: bytes, body: bytes = b"") -> Response:
        """Answer a request of somebody who has shown who they are, here or elsewhere; never raises."""
        method = "GET" if method == "HEAD" else method
        found = self._table.find(method, target)
        if found is None:
            return await self._table.answer(method, target)  # says what is wrong, and calls nothing
        route, _, query = found
        own = {one.name for one in route.query}
        wanted = {name: query[name] for name in _WHERE if name in query and name not in own}
        if not wanted:
            return await self._here(caller, method, target, body)
        return await self._elsewhere(caller, route, wanted, method, target, body)

    async def errand(self, octets: bytes) -> Response:
        """Answer what another node asks for a caller of its own; never raises."""
        try:
            asked = errand(octets)
        except ErrandFault as fault:
            return refusal(Refused(400, "malformed_body", f"This is {fault}."))
        route = self.route(asked.method, asked.target)
        if route is not None and route.pattern in HERE_ALONE:
            return refusal(Refused(400, "not_elsewhere", "This is asked of a node itself."))
        return await self._here(asked.caller, asked.method, asked.target, asked.body)

    async def _elsewhere(
        self, caller: Caller, route: Route, wanted: Mapping[str, str], method: str, target: bytes, body: bytes
    ) -> Response:
        try:
            if route.pattern in HERE_ALONE:
                raise Refused(400, "not_elsewhere", "This is asked of a node itself.")
            self.check(caller, route)
            target = without(target, *wanted)
            response = await self._everywhere.answer(caller, route, wanted, method, target, body)
        except Refused as refused:
            response = refusal(refused)
        except Exception as bug:  # noqa: BLE001 - what other nodes say is theirs: a bug is told, and answered
            self._on_bug(f"{route.method} {route.pattern} elsewhere", bug)
            response = refusal(Refused(500, "internal_error", "The node failed to answer; its journal says why."))
        if method != "GET" or route.noted or response.status == 403:
            where = wanted.get("node", "all nodes")
            self._note(caller, f"{method} {_path(target)} on {where}"[:300], "", response)
        return response

    async def _here(self, caller: Caller, method: str, target: bytes, body: bytes) -> Response:
        """Answer on this node."""
        found = self._table.find(method, target)
        if found is None:
            return await self._table.answer(method, target)
        route, values, query = found
        domain = ""
        try:
            self.check(caller, route)
            domain, target = await self._reached(caller, route, values, query, target)
            target, body = _signed(caller, route, query, target, body)
            response = await self._asked(caller, route, method, target, body)
            response = self._narrowed(caller, route, response)
        except Refused as refused:
            response = refusal(refused)
        if method != "GET" or route.noted or response.status == 403:
            self._note(caller, f"{method} {_path(target)}", domain, response)
        return response

    def _note(self, caller: Caller, action: str, domain: str, response: Response) -> None:
        code = response.value["error"]["code"] if response.status >= 400 else ""
        self._audit.note(caller, action, domain, response.status, code)

    def at_socket(self, user: str) -> Answerer:
        """Give who answers a user of the machine at the control socket, who may do everything."""
        return _AtSocket(self, Caller(user, Role.ADMIN, way=SOCKET))

    async def _asked(self, caller: Caller, route: Route, method: str, target: bytes, body: bytes) -> Response:
        if route in self._edge.routes:
            return await self._edge.answer(method, target, body, caller)
        return await self._inner.answer(method, target, body)

    async def _reached(
        self, caller: Caller, route: Route, values: Mapping[str, str], query: Mapping[str, str], target: bytes
    ) -> tuple[str, bytes]:
        """Give the domain that a request is about, and its target as it may be answered.

        :raises Refused: it is not the caller's to reach.
        """
        if route.reach is Reach.PATH:
            named = values["domain"]
            return (named if caller.domains is None else parameters.protected(caller.domains, named)), target
        if caller.domains is None:
            return "", target
        if route.reach is Reach.QUERY:
            domain = _queried(caller.domains, query)
            rest = urlencode({**query, "domain": domain})
            return domain, target.partition(b"?")[0] + b"?" + rest.encode("ascii")
        if route.reach is Reach.MESSAGE:
            return await self._domain_of(values["id"], caller.domains), target
        return "", target

    async def _domain_of(self, id: str, domains: frozenset[str]) -> str:
        """Ask whose a message is."""
        shown = await self._inner.answer("GET", f"/api/v1/messages/{quote(id, safe='')}".encode("ascii"))
        if shown.status == 200 and shown.value["domain"] in domains:
            return str(shown.value["domain"])
        if shown.status in (200, 404):
            raise _nothing()
        error = shown.value["error"]
        raise Refused(shown.status, error["code"], error["message"])

    def _narrowed(self, caller: Caller, route: Route, response: Response) -> Response:
        """Leave of an answer what is the caller's."""
        if caller.domains is None or route.reach not in (Reach.ANSWER, Reach.NARROWED):
            return response
        if route.reach is Reach.ANSWER and response.status in (200, 404):
            if response.status == 404 or response.value["domain"] not in caller.domains:
                raise _nothing()
        elif route.narrow is not None and response.status == 200:
            return Response(200, route.narrow(response.value, caller.domains))
        return response


class _AtSocket:
    """A warden, for one caller."""

    def __init__(self, warden: Warden, caller: Caller) -> None:
        self._warden = warden
        self._caller = caller

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have."""
        return ERRAND_OCTETS if target == ERRAND else self._warden.body_limit(method, target)

    async def answer(self, method: str, target: bytes, body: bytes = b"") -> Response:
        """Answer one request; never raises."""
        if target == ERRAND and method == "POST":
            return await self._warden.errand(body)
        return await self._warden.answer(self._caller, method, target, body)


def _path(target: bytes) -> str:
    return target.partition(b"?")[0].decode("ascii", "replace")


def _nothing() -> Refused:
    return Refused(404, "unknown", "There is nothing of yours under this name; a message may be delivered.")


def _queried(domains: frozenset[str], query: Mapping[str, str]) -> str:
    if "domain" in query:
        return parameters.protected(domains, query["domain"])
    if len(domains) > 1:
        raise Refused(400, "domain_missing", "Name one of your domains.", sorted(domains)[:20])
    return next(iter(domains))


def _signed(
    caller: Caller, route: Route, query: Mapping[str, str], target: bytes, body: bytes
) -> tuple[bytes, bytes]:
    """Have an action say who wants it: at the socket whoever it names, elsewhere the caller."""
    if caller.way == SOCKET:
        return target, body
    if any(one.name == "by" for one in route.body):
        given = json_object(body)
        parameters.text(given.get("by"), "by")
        fields: dict[str, Any] = {**given, "by": caller.name}
        body = _encoded(fields)
    elif any(one.name == "by" for one in route.query):
        path = target.partition(b"?")[0]
        target = path + b"?" + urlencode({**query, "by": caller.name}).encode("ascii")
    return target, body


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return Response(200, fields).encode()
