"""The control API's part for the cluster: its members, and taking this node out of service and back.

Routes over the port `Members`, which the assembly provides. Asking for a drain twice is asking once; what it came to is
in its picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import BY, Parameter
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_members import DrainPicture, MemberPicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Route


class Members(Protocol):
    """Who knows the members."""

    async def members(self) -> Sequence[MemberPicture]:
        """Give all of them; those that can be asked are asked, within some seconds."""

    def member(self) -> MemberPicture:
        """Give this process alone."""

    def drain(self, by: str, *, hand_over: bool) -> DrainPicture:
        """Begin to take this process out of service, or go on with it in another way; returns at once."""

    def resume(self, by: str) -> DrainPicture:
        """Go back into service."""

    def draining(self) -> DrainPicture:
        """Say how far it is."""


def member_routes(members: Members) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(members)
    return (
        Route(
            "GET", "/api/v1/members", api.list, needs=Role.VIEW, reach=Reach.NODE,
            words="Show all members of the cluster; those that can be asked are asked",
            also={"members": tuple[MemberPicture, ...]},
        ),
        Route(
            "GET", "/api/v1/member", api.member, needs=Role.VIEW, reach=Reach.NODE, words="Show this process alone",
            answer=MemberPicture,
        ),
        Route(
            "GET", "/api/v1/drain", api.draining, needs=Role.VIEW, reach=Reach.NODE,
            words="Say how far a drain of this node is", answer=DrainPicture,
        ),
        Route(
            "POST", "/api/v1/drain", api.drain, needs=Role.ADMIN, reach=Reach.NODE,
            words="Take this node out of service", answer=DrainPicture,
            body=(Parameter(name="keep", kind="boolean", words="deliver its mail from here, give nothing away"), BY),
        ),
        Route(
            "POST", "/api/v1/resume", api.resume, needs=Role.ADMIN, reach=Reach.NODE, words="Go back into service",
            body=(BY,), answer=DrainPicture,
        ),
    )  # fmt: skip


@frozen
class _Api:
    """The functions of the routes."""

    members: Members

    async def list(self, call: Call) -> Any:
        parameters.only(call)
        return {"members": [as_json(one) for one in await self.members.members()]}

    async def member(self, call: Call) -> Any:
        parameters.only(call)
        return as_json(self.members.member())

    async def draining(self, call: Call) -> Any:
        parameters.only(call)
        return as_json(self.members.draining())

    async def drain(self, call: Call) -> Any:
        keep = parameters.flag(call.body.get("keep"), "keep")
        return as_json(self.members.drain(_by(call), hand_over=not keep))

    async def resume(self, call: Call) -> Any:
        return as_json(self.members.resume(_by(call)))


def _by(call: Call) -> str:
    return parameters.text(call.body.get("by"), "by") or "operator"
