"""The control API's part for domains that are given at run time: list, push, remove (R31).

Routes over the port `Domains`, which the assembly provides. The body of a push is what a file of ``domains.d/`` has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import BY
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_members import PushedPicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route
from shieldrelay.config.pushed import OCTETS_MOST
from shieldrelay.mail.address import AddressFault, domain_key


class PushRefused(Exception):
    """A push that is not put in force; ``args`` say why, a sentence each. Nothing has changed."""


class Domains(Protocol):
    """Who takes domains at run time."""

    async def pushed(self) -> Sequence[PushedPicture]:
        """Give those that were pushed."""

    async def push(self, text: str, by: str) -> str:
        """Protect a domain, or change it; gives its name when it is in force here. Raises `PushRefused`, OSError."""

    async def remove(self, domain: str, by: str) -> bool:
        """Protect a domain no more; false when it was not pushed. Raises `PushRefused`, OSError."""


def domain_routes(domains: Domains) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(domains)
    return (
        Route(
            "GET", "/api/v1/pushed", api.list, needs=Role.VIEW, reach=Reach.NODE,
            words="List the domains that were given at run time", also={"domains": tuple[PushedPicture, ...]},
        ),
        Route(
            "POST", "/api/v1/pushed", api.push, needs=Role.ADMIN, reach=Reach.NODE,
            words="Protect a domain from now on, on all nodes", query=(BY,), also={"domain": str},
            octets=OCTETS_MOST, raw=True,
        ),
        Route(
            "DELETE", "/api/v1/pushed/{name}", api.remove, needs=Role.ADMIN, reach=Reach.NODE,
            words="Protect a domain no more that was given at run time", query=(BY,),
            also={"domain": str, "removed": bool},
        ),
    )  # fmt: skip


@frozen
class _Api:
    """The functions of the routes."""

    domains: Domains

    async def list(self, call: Call) -> Any:
        parameters.only(call)
        return {"domains": [as_json(one) for one in await parameters.disk(self.domains.pushed(), "state directory")]}

    async def push(self, call: Call) -> Any:
        parameters.only(call, "by")
        try:
            text = call.octets.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Refused(400, "malformed_body", "The settings are not UTF-8.") from None
        try:
            return {"domain": await parameters.disk(self.domains.push(text, _by(call)), "state directory")}
        except PushRefused as refused:
            raise _refused(refused) from None

    async def remove(self, call: Call) -> Any:
        parameters.only(call, "by")
        written = call.path["name"]
        try:
            domain = domain_key(written.strip().rstrip(".").encode("utf-8"))
            removed = await parameters.disk(self.domains.remove(domain, _by(call)), "state directory")
        except (AddressFault, UnicodeEncodeError):
            raise Refused(404, "unknown_domain", f"{written[:255]!r} is not a domain.") from None
        except PushRefused as refused:
            raise _refused(refused) from None
        if not removed:
            raise Refused(404, "unknown_domain", f"{domain} was not given at run time.")
        return {"domain": domain, "removed": True}


def _refused(refused: PushRefused) -> Refused:
    return Refused(409, "configuration_refused", "The settings were not put in force.", refused.args)


def _by(call: Call) -> str:
    return parameters.text(call.query.get("by"), "by") or "operator"
