"""The control API's part about sources: why is an address refused, let it go, let it in, keep it out.

Routes over the port `Defences`, which the assembly provides. Changes are idempotent.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import AFTER, BY, Parameter, limit_of
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_done import ReleaseDone, RevokeDone
from shieldrelay.admin.picture_sources import EntryPage, EntryPicture, SourcePicture, WorstPicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route

PAGE = 100
PAGE_LIMIT = 1000
WORST = 20
LONGEST_SECONDS = 10 * 365 * 86400
"""The longest that an entry with an end may hold."""

_CURSOR = re.compile(r"[\x21-\x7e]{1,200}\Z")


class ListKind(Enum):
    """What an operator can say about a network."""

    ALLOW = "allow"
    DENY = "deny"


class EntryKind(Enum):
    """What can be in force."""

    ALLOW = "allow"
    DENY = "deny"
    BAN = "ban"


class Revoked(Enum):
    """What came of a revocation."""

    DONE = "done"
    ABSENT = "absent"
    """Nothing was said of exactly this network."""
    CONFIGURED = "configured"
    """It stands in the configuration."""


class Defences(Protocol):
    """What the defences can be asked. A method returns when the thing is in force on this node.

    Networks and addresses are in their shortest spelling, mapped ones as IPv4; a single address has no prefix. ``by``
    is who wants it, for the journal and for other operators.
    """

    async def explain(self, address: str) -> SourcePicture:
        """Say why an address is treated as it is; of one never seen that nothing is known."""

    async def worst(self, limit: int) -> tuple[WorstPicture, ...]:
        """Give the sources that weigh most now: banned and cut off ones first, then those with most sessions."""

    async def release(self, network: str, by: str) -> int:
        """Forget bans and everything that is held against the sources of a network.

        :returns: how many sources something was held against.
        """

    async def enter(self, kind: ListKind, network: str, until: float | None, reason: str, by: str) -> EntryPicture:
        """Allow or deny a network, in the place of what was said of it before.

        :param until: seconds since the epoch; ``None``: until revoked.
        """

    async def revoke(self, network: str, by: str) -> Revoked:
        """Take back what an operator said of exactly this network."""

    async def entries(self, kind: EntryKind | None, limit: int, after: str | None) -> EntryPage:
        """Give a page of what is in force.

        :param after: where the page before ended, as it said; anything else starts from the beginning.
        """

    def wall(self) -> float:
        """Give seconds since the epoch."""


def source_routes(defences: Defences) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(defences)
    return (
        Route(
            "GET", "/api/v1/sources", api.worst, needs=Role.VIEW, reach=Reach.NODE,
            words="Give the sources that weigh most now", query=(limit_of(PAGE_LIMIT),),
            also={"now": float, "sources": tuple[WorstPicture, ...]},
        ),
        Route(
            "GET", "/api/v1/sources/{address}", api.explain, needs=Role.VIEW, reach=Reach.NODE,
            words="Say why an address is treated as it is", answer=SourcePicture, also={"at": float},
        ),
        Route(
            "POST", "/api/v1/sources/{network}/release", api.release, needs=Role.OPERATE, reach=Reach.NODE,
            words="Forget bans and what is held against the sources of a network", body=(BY,), answer=ReleaseDone,
        ),
        Route(
            "GET", "/api/v1/entries", api.entries, needs=Role.VIEW, reach=Reach.NODE,
            words="Give a page of what is allowed, denied and banned",
            query=(Parameter(name="kind", among=_words(EntryKind)), limit_of(PAGE_LIMIT), AFTER),
            answer=EntryPage, also={"now": float},
        ),
        Route(
            "POST", "/api/v1/entries", api.enter, needs=Role.OPERATE, reach=Reach.NODE,
            words="Allow or deny a network", body=_ENTRY, answer=EntryPicture,
        ),
        Route(
            "DELETE", "/api/v1/entries/{network}", api.revoke, needs=Role.OPERATE, reach=Reach.NODE,
            words="Take back what an operator said of exactly this network", body=(BY,), answer=RevokeDone,
        ),
    )  # fmt: skip


def _words(kinds: type[Enum]) -> tuple[str, ...]:
    return tuple(each.value for each in kinds)


_ENTRY = (
    Parameter(name="kind", among=_words(ListKind), required=True),
    Parameter(name="network", words="in CIDR notation, or an address", required=True),
    Parameter(
        name="seconds", kind="integer", words="how long; without it: until revoked", least=1, most=LONGEST_SECONDS
    ),
    Parameter(name="reason", most=parameters.TEXT_CHARACTERS),
    BY,
)


@frozen
class _Api:
    """The functions of the routes."""

    defences: Defences

    async def worst(self, call: Call) -> Any:
        parameters.only(call, "limit")
        limit = parameters.number(call.query.get("limit", str(WORST)), "limit", 1, PAGE_LIMIT)
        return {"now": self.defences.wall(), "sources": [as_json(one) for one in await self.defences.worst(limit)]}

    async def explain(self, call: Call) -> Any:
        address = parameters.address(call.path["address"])
        return {"at": self.defences.wall(), **as_json(await self.defences.explain(address))}

    async def release(self, call: Call) -> Any:
        network = parameters.network(call.path["network"])
        return {"network": network, "released": await self.defences.release(network, _by(call))}

    async def entries(self, call: Call) -> Any:
        parameters.only(call, "kind", "limit", "after")
        kind = _kind(EntryKind, call.query["kind"]) if "kind" in call.query else None
        limit = parameters.number(call.query.get("limit", str(PAGE)), "limit", 1, PAGE_LIMIT)
        after = call.query.get("after") or None
        if after is not None and not _CURSOR.match(after):
            raise Refused(400, "invalid_parameter", "after is not what a page gave.")
        page = await self.defences.entries(kind, limit, after)
        return {"now": self.defences.wall(), **as_json(page)}

    async def enter(self, call: Call) -> Any:
        kind = _kind(ListKind, parameters.stated(call.body, "kind"))
        network = parameters.network(parameters.stated(call.body, "network"))
        seconds = parameters.maybe_number(call.body.get("seconds"), "seconds", 1, LONGEST_SECONDS)
        until = None if seconds is None else self.defences.wall() + seconds
        reason = parameters.text(call.body.get("reason"), "reason")
        return as_json(await self.defences.enter(kind, network, until, reason, _by(call)))

    async def revoke(self, call: Call) -> Any:
        network = parameters.network(call.path["network"])
        revoked = await self.defences.revoke(network, _by(call))
        if revoked is Revoked.CONFIGURED:
            raise Refused(409, "configured", f"{network} stands in the configuration: change it there and reload.")
        return {"network": network, "revoked": revoked is Revoked.DONE}


def _by(call: Call) -> str:
    return parameters.text(call.body.get("by"), "by") or "operator"


def _kind(kinds: Any, value: object) -> Any:
    try:
        return kinds(value)
    except ValueError:
        words = ", ".join(each.value for each in kinds)
        raise Refused(400, "invalid_parameter", f"kind is one of {words}.") from None
