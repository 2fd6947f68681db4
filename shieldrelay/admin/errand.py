"""A request that another node is asked to answer for a caller of ours, and what it says: values, and their JSON.

The caller goes with it: the other node holds them to the same role and domains, and notes them. Pure; what comes from
elsewhere is checked as it is read. Between nodes they go sealed (``peers``), between the processes of one node over
control sockets.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.router import Document, Response

PEER = "peer"
DOMAINS_MOST = 100_000
_NAME_CHARACTERS = 200


class ErrandFault(ValueError):
    """What came is no errand, or no answer to one."""


@frozen
class Errand:
    """A request with who asks.

    :ivar target: path and query, ASCII.
    :ivar origin: the node that it comes from.
    """

    caller: Caller
    method: str
    target: bytes
    body: bytes
    origin: str

    def encode(self) -> bytes:
        """Give its JSON."""
        caller = self.caller
        return _json({
            "who": caller.name, "role": caller.role.value, "origin": self.origin,
            "domains": None if caller.domains is None else sorted(caller.domains),
            "method": self.method, "target": self.target.decode("ascii"), "body": _text(self.body),
        })  # fmt: skip


def errand(octets: bytes) -> Errand:
    """Read one; its caller comes by way of a peer.

    :raises ErrandFault: it is none.
    """
    try:
        read = json.loads(octets)
        domains, origin = read["domains"], str(read["origin"])[:_NAME_CHARACTERS]
        caller = Caller(
            str(read["who"])[:_NAME_CHARACTERS], Role(read["role"]), None if domains is None else _names(domains),
            way=PEER, source=origin,
        )  # fmt: skip
        return Errand(caller, str(read["method"]), str(read["target"]).encode("ascii"), _octets(read["body"]), origin)
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise ErrandFault(f"no errand: {type(fault).__name__}") from None


@frozen
class Told:
    """What a node said, or why it said nothing.

    :ivar response: ``None`` for a silent one.
    """

    node: str
    response: Response | None
    trouble: str = ""

    def value(self) -> dict[str, Any]:
        """Give what JSON can hold of it."""
        if self.response is None:
            return {"node": self.node, "trouble": self.trouble}
        return {"node": self.node, "answer": answer_value(self.response)}


def told(read: Any) -> Told:
    """Read one.

    :raises ErrandFault: it is none.
    """
    try:
        node = str(read["node"])[:_NAME_CHARACTERS]
        if "answer" not in read:
            return Told(node, None, str(read["trouble"])[:500])
        return Told(node, response_of(read["answer"]))
    except (KeyError, TypeError) as fault:
        raise ErrandFault(f"no answer to an errand: {type(fault).__name__}") from None


def answer_value(response: Response) -> dict[str, Any]:
    """Give what JSON can hold of an answer."""
    shown: dict[str, Any] = {"status": response.status, "allow": list(response.allow)}
    if isinstance(response.value, Document):
        document = response.value
        return {**shown, "kind": document.kind, "name": document.name, "octets": _text(document.octets)}
    return {**shown, "value": response.value}


def response_of(read: Any) -> Response:
    """Read an answer.

    :raises ErrandFault: it is none.
    """
    try:
        status, allow = int(read["status"]), tuple(map(str, read["allow"]))
        if not 200 <= status <= 599:
            raise ValueError(status)
        if "octets" in read:
            return Response(status, Document(_octets(read["octets"]), str(read["kind"]), str(read["name"])), allow)
        if status >= 400:
            error = read["value"]["error"]
            refused = {"code": str(error["code"]), "message": str(error["message"]), "hints": list(error["hints"])}
            return Response(status, {"error": refused}, allow)
        return Response(status, read["value"], allow)
    except (ValueError, KeyError, TypeError) as fault:
        raise ErrandFault(f"no answer to an errand: {type(fault).__name__}") from None


class Others(Protocol):
    """Who can ask the other nodes."""

    async def ask(self, nodes: Sequence[str] | None, errand: Errand, seconds: float) -> Sequence[Told]:
        """Ask some at once; who is silent after so many seconds is told as such. Never fails.

        :param nodes: by name; ``None``: all others. One that is not there is left out.
        """


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _octets(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as fault:
        raise ValueError(str(fault)) from None


def _names(domains: Any) -> frozenset[str]:
    if not isinstance(domains, list) or len(domains) > DOMAINS_MOST:
        raise ValueError("domains")
    return frozenset(map(str, domains))
