"""The control API's part for the spool's other parts: whose they are, and taking one over (R15).

Routes over the port `Parts`, which the assembly provides. A part that a process holds is refused, and there is no way
to insist: two who deliver the same mail are worse than mail that waits.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route
from shieldrelay.spool.adoption import Adopted, LostPart
from shieldrelay.spool.faults import NotAdoptable, SpoolInUse

_PART = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9.:_\-\]]{0,254}\Z")


class Parts(Protocol):
    """Who takes parts over."""

    async def parts(self) -> list[LostPart]:
        """Give the other parts in the spool's root. Raises OSError."""

    async def adopt(self, member: str) -> Adopted:
        """Take one over; returns when its mail is ours.

        :raises SpoolInUse: when its owner lives.
        :raises NotAdoptable: when there is none of that name. Any other OSError is the disk's.
        """


def part_routes(parts: Parts) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(parts)
    return (
        Route(
            "GET", "/api/v1/parts", api.list, needs=Role.VIEW, reach=Reach.NODE,
            words="List what other nodes have in the spool's directory", also={"parts": tuple[LostPart, ...]},
        ),
        Route(
            "POST", "/api/v1/parts/{part}/adopt", api.adopt, needs=Role.ADMIN, reach=Reach.NODE,
            words="Take over the mail of a node that will not come back", answer=Adopted,
        ),
    )  # fmt: skip


@frozen
class _Api:
    """The functions of the routes."""

    parts: Parts

    async def list(self, call: Call) -> Any:
        parameters.only(call)
        return {"parts": [as_json(one) for one in await parameters.disk(self.parts.parts())]}

    async def adopt(self, call: Call) -> Any:
        parameters.only(call)
        part = call.path["part"]
        if not _PART.match(part):
            raise Refused(404, "unknown_part", f"There is no part {part[:40]!r} of the spool.")
        try:
            return as_json(await self.parts.adopt(part))
        except SpoolInUse as fault:
            raise Refused(409, "part_lives", f"{fault}: its owner delivers that mail itself.") from fault
        except NotAdoptable as fault:
            raise Refused(404, "unknown_part", f"{fault}.") from fault
        except OSError as fault:
            raise Refused(503, "disk", f"The spool cannot do this now: {fault}") from fault
