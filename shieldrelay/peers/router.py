"""From a method and a path to a function: what a node answers its peers.

Declarative: a table of `PeerRoute`. Knows neither sockets nor seals: ``peers.server`` calls `PeerRouter.answer` with
what it has proven. A function refuses by raising `PeerRefusal`; any other exception is a bug, told to ``on_bug`` and
answered 500.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from shieldrelay import targets

PIECE_OCTETS = 2 << 20
"""The largest body of a request and of an answer; what is larger goes in pieces."""
_FIELDS_MOST = 10


class PeerRefusal(Exception):
    """A request that is not granted.

    :param status: 400 to 599.
    :param words: for the other node's journal, a clause.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@frozen
class PeerCall:
    """What a route's function is given.

    :ivar path: the values of the pattern's ``{names}``, percent-decoded.
    :ivar query: the parameters, the last of equal names.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def number(self, name: str, most: int) -> int:
        """Give a parameter that is a whole number from 0.

        :raises PeerRefusal: it is missing, or something else.
        """
        text = self.query.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) < 16) or int(text) > most:
            raise PeerRefusal(400, f"{name} is no whole number up to {most}")
        return int(text)


@frozen
class PeerAnswer:
    """What goes back."""

    status: int
    body: bytes


@frozen
class PeerRoute:
    """One row of the table.

    :ivar method: GET or POST.
    :ivar pattern: ``/peer/v1/lists/{domain}``; a name in braces stands for one piece of a path, never empty.
    :ivar call: gives octets, or a value that JSON can hold.
    """

    method: str
    pattern: str
    call: Callable[[PeerCall], Awaitable[Any]]
    pieces: tuple[str, ...] = field(init=False)

    @pieces.default
    def _split(self) -> tuple[str, ...]:
        return targets.pieces_of(self.pattern)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Give the values of the names when the path fits the pattern."""
        return targets.matched(self.pieces, path)


class PeerRouter:
    """Answers from a table.

    :param on_bug: told of every exception that is no `PeerRefusal`, with method and pattern.
    """

    def __init__(self, routes: Sequence[PeerRoute], on_bug: Callable[[str, Exception], object]) -> None:
        self._routes = tuple(routes)
        self._on_bug = on_bug

    async def answer(self, method: str, target: bytes, body: bytes) -> PeerAnswer:
        """Answer one request; never raises.

        :param target: path and query as received.
        """
        try:
            route, call = self._find(method, target, body)
        except PeerRefusal as refusal:
            return refused(refusal)
        try:
            value = await route.call(call)
        except PeerRefusal as refusal:
            return refused(refusal)
        except Exception as bug:  # noqa: BLE001 - every bug in a route is told, and answered
            self._on_bug(f"{route.method} {route.pattern}", bug)
            return refused(PeerRefusal(500, "the node failed to answer; its journal says why"))
        return PeerAnswer(200, value if isinstance(value, bytes) else _json(value))

    def _find(self, method: str, target: bytes, body: bytes) -> tuple[PeerRoute, PeerCall]:
        pieces, query = _parsed(target)
        for route in self._routes:
            values = route.match(pieces)
            if values is not None and route.method == method:
                return route, PeerCall(values, query, body)
        raise PeerRefusal(404, "there is nothing at this path; the node may be of another version")


def refused(refusal: PeerRefusal) -> PeerAnswer:
    """Give the answer that says why."""
    return PeerAnswer(refusal.status, _json({"refused": refusal.words}))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _parsed(target: bytes) -> tuple[list[str], dict[str, str]]:
    try:
        return targets.split(target, _FIELDS_MOST)
    except ValueError:
        raise PeerRefusal(400, "the path or the query is malformed") from None
