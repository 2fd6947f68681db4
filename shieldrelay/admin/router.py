"""From a method and a path to a function, and from what it gives to a status with JSON.

Declarative: a table of `Route`. Knows neither sockets nor HTTP's syntax: ``admin.control`` calls `Router.answer` with
what it parsed. Any octets are answered: what is no route is 404, a known path with another method 405, a body that is
no JSON object 400. A function refuses by raising `Refused`; any other exception is a bug, told to ``on_bug`` and
answered 500.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from shieldrelay import targets
from shieldrelay.admin.openapi_shapes import Parameter
from shieldrelay.admin.roles import Caller, Reach, Role

QUERY_FIELDS = 20
"""How many query parameters a request may have."""
BODY_OCTETS = 1 << 20
"""The largest body of a request, unless its route takes more."""


class Refused(Exception):
    """A request that is not granted.

    :param status: 400 to 499, or 503.
    :param code: a word for programs, such as ``unknown_domain``.
    :param message: a sentence for people.
    :param hints: what may have been meant.
    """

    def __init__(self, status: int, code: str, message: str, hints: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hints = tuple(hints)


@frozen
class Call:
    """What a route's function is given.

    :ivar path: the values of the pattern's ``{names}``, percent-decoded.
    :ivar query: the query parameters, the last of equal names.
    :ivar body: the JSON object of the request, empty when it had none.
    :ivar octets: the body as it came, for routes that take it so.
    :ivar caller: who asks, for routes of the edge; ``None`` behind it.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    octets: bytes = b""
    caller: Caller | None = None


@frozen
class Document:
    """An answer that is no JSON.

    :ivar kind: its media type, with the charset.
    :ivar name: as a file of which a browser is to save it; ``""``: none.
    """

    octets: bytes
    kind: str
    name: str = ""


@frozen
class Response:
    """What goes back: an HTTP status, and a value that JSON can hold or a `Document`.

    :ivar allow: for 405, the methods that the path knows.
    :ivar fields: further header fields, for who speaks HTTP.
    """

    status: int
    value: Any
    allow: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        """The media type."""
        return self.value.kind if isinstance(self.value, Document) else "application/json"

    def encode(self) -> bytes:
        """Give the body: JSON in ASCII, one line; a document as it is."""
        if isinstance(self.value, Document):
            return self.value.octets
        return json.dumps(self.value, separators=(",", ":")).encode("ascii") + b"\n"


@frozen
class Route:
    """One row of the table.

    :ivar method: GET, POST or DELETE; GET answers HEAD too.
    :ivar pattern: ``/api/v1/domains/{domain}/flush``; a name in braces stands for one piece of a path, never empty.
    :ivar call: gives a value that JSON can hold, or a `Document`; awaited.
    :ivar needs: the least role that may ask.
    :ivar reach: what it touches, for callers that are limited to domains.
    :ivar words: what it does, in a clause.
    :ivar query: its parameters; ``body``: the fields of its JSON body.
    :ivar answer: the attrs class of what it gives; ``also``: types of further fields, by name.
    :ivar kind: the media type of an answer that is no JSON.
    :ivar narrow: for `Reach.NARROWED`: from an answer and the caller's domains to what they may see.
    :ivar noted: it is noted in the audit log although it changes nothing.
    :ivar octets: the largest body that it takes.
    :ivar raw: it takes the body as it comes; otherwise that is a JSON object or nothing.
    """

    method: str
    pattern: str
    call: Callable[[Call], Awaitable[Any]]
    needs: Role = field(kw_only=True)
    reach: Reach = field(kw_only=True)
    words: str = field(kw_only=True)
    query: tuple[Parameter, ...] = field(default=(), kw_only=True)
    body: tuple[Parameter, ...] = field(default=(), kw_only=True)
    answer: type[Any] | None = field(default=None, kw_only=True)
    also: Mapping[str, Any] = field(factory=dict, kw_only=True)
    kind: str = field(default="", kw_only=True)
    narrow: Callable[[Any, frozenset[str]], Any] | None = field(default=None, kw_only=True)
    noted: bool = field(default=False, kw_only=True)
    octets: int = field(default=BODY_OCTETS, kw_only=True)
    raw: bool = field(default=False, kw_only=True)
    pieces: tuple[str, ...] = field(init=False)

    @pieces.default
    def _split(self) -> tuple[str, ...]:
        return targets.pieces_of(self.pattern)

    def __attrs_post_init__(self) -> None:
        reading = self.method == "GET"
        fits = {
            Reach.PATH: "{domain}" in self.pieces,
            Reach.QUERY: any(one.name == "domain" for one in self.query),
            Reach.MESSAGE: "{id}" in self.pieces,
            Reach.ANSWER: reading,
            Reach.NARROWED: reading and self.narrow is not None,
        }
        if not fits.get(self.reach, True):
            raise ValueError(f"{self.method} {self.pattern} cannot reach by {self.reach.value}")

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Give the values of the names when the path fits the pattern."""
        return targets.matched(self.pieces, path)


class Router:
    """Answers requests from a table.

    :ivar routes: the table.
    :param on_bug: told of every exception that is not `Refused`, with method and pattern.
    """

    def __init__(self, routes: Sequence[Route], on_bug: Callable[[str, Exception], object]) -> None:
        self.routes = tuple(routes)
        self._on_bug = on_bug

    def with_routes(self, more: Sequence[Route]) -> Router:
        """Give a router that has further routes."""
        return Router((*self.routes, *more), self._on_bug)

    async def answer(
        self, method: str, target: bytes, body: bytes = b"", caller: Caller | None = None
    ) -> Response:
        """Answer one request; never raises.

        :param target: path and query as received.
        :param caller: whom the routes are told that it comes from.
        """
        try:
            route, values, query = self._find("GET" if method == "HEAD" else method, target)
            given, octets = ({}, body) if route.raw else (json_object(body), b"")
            call = Call(values, query, given, octets, caller)
        except _NotAllowed as fault:
            return refusal(Refused(405, "method_not_allowed", "This path knows " + ", ".join(fault.allow)), fault.allow)
        except Refused as refused:
            return refusal(refused)
        try:
            return Response(200, await route.call(call))
        except Refused as refused:
            return refusal(refused)
        except Exception as bug:  # noqa: BLE001 - every bug in a route is told, and answered
            self._on_bug(f"{route.method} {route.pattern}", bug)
            return refusal(Refused(500, "internal_error", "The node failed to answer; its journal says why."))

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have; known before it is read."""
        try:
            return self._find(method, target)[0].octets
        except (_NotAllowed, Refused):
            return BODY_OCTETS

    def find(self, method: str, target: bytes) -> tuple[Route, dict[str, str], dict[str, str]] | None:
        """Give the route that would answer, with what its path and query say; ``None``: there is none."""
        try:
            return self._find("GET" if method == "HEAD" else method, target)
        except (_NotAllowed, Refused):
            return None

    def _find(self, method: str, target: bytes) -> tuple[Route, dict[str, str], dict[str, str]]:
        path, query = _parse(target)
        allow = []
        for route in self.routes:
            values = route.match(path)
            if values is not None and route.method == method:
                return route, values, query
            if values is not None:
                allow += [route.method, "HEAD"] if route.method == "GET" else [route.method]
        if allow:
            raise _NotAllowed(tuple(allow))
        raise Refused(404, "unknown_path", "There is nothing at this path.")


class _NotAllowed(Exception):
    """The path is known with other methods."""

    def __init__(self, allow: tuple[str, ...]) -> None:
        super().__init__()
        self.allow = allow


def refusal(refused: Refused, allow: tuple[str, ...] = ()) -> Response:
    """Give the response that says why a request is not granted."""
    error = {"code": refused.code, "message": refused.message, "hints": list(refused.hints)}
    return Response(refused.status, {"error": error}, allow)


def _parse(target: bytes) -> tuple[list[str], dict[str, str]]:
    """Split a target into the decoded pieces of its path, and its query."""
    try:
        return targets.split(target, QUERY_FIELDS)
    except ValueError:
        raise Refused(400, "malformed_target", "The path or the query is malformed.") from None


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body: a JSON object, or nothing.

    :raises Refused: it is something else.
    """
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(400, "malformed_body", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Refused(400, "malformed_body", "The body is not a JSON object.")
    return value
