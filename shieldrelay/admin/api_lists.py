"""The control API's part about lists of recipients: what is in force, import it, push to it, go back.

Routes over the port `Recipients`, which the assembly provides. Changes are idempotent. A push comes as lines, not as
JSON, so that a long one costs no more than it must.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import BY, FORCE, Parameter
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_lists import CheckPicture, ImportPicture, ListPicture, OutcomePicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route
from shieldrelay.mail.address import AddressFault, Mailbox, parse_mailbox

PUSH_OCTETS = 64 << 20
"""The longest push: some two million addresses."""
OBSERVE_SECONDS = 365 * 86400
_DONE = ("adopted", "pushed", "unchanged")
_VERSION_MOST = 999_999_999
_ADDRESS = re.compile(r"[^\x00-\x20\x7f]{1,500}\Z")


class PushChange(Enum):
    """What becomes of the lines of a push."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    """They are the whole list from now on."""
    EDIT = "edit"
    """Each begins with ``+`` for one to add, or ``-`` for one to remove; all of it comes into force at once."""


class Recipients(Protocol):
    """What the lists can be asked. Changes are durable and in force on this node when a method returns.

    ``domain`` is a protected domain's name, no alias. ``force``: whatever the guards say. Methods raise OSError for the
    disk; whatever else came of it is a picture.
    """

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""

    async def picture(self, domain: str) -> ListPicture:
        """Show a domain's list."""

    async def check(self, mailbox: Mailbox) -> CheckPicture:
        """Say how an address stands; asks nobody else."""

    async def start_import(self, domain: str, *, force: bool, by: str) -> ImportPicture:
        """Read the list from its source again, unless that is being done; returns at once."""

    async def importing(self, domain: str) -> ImportPicture:
        """Say how far an import is, and what came of the last one."""

    async def push(self, domain: str, change: PushChange, lines: bytes, *, force: bool, by: str) -> OutcomePicture:
        """Add, remove or replace recipients; wrong lines refuse all of it, as far as a replacement is not forced.

        :param lines: in the line form of lists.
        """

    async def rollback(self, domain: str, version: int | None, by: str) -> OutcomePicture:
        """Go back to an earlier version, the one before for ``None``."""

    async def accept(self, domain: str, by: str) -> OutcomePicture:
        """Adopt the version that a guard refused last."""

    async def enforce(self, domain: str, by: str) -> ListPicture:
        """Refuse who is not listed from now on."""

    async def observe(self, domain: str, seconds: float, by: str) -> ListPicture:
        """Take who is not listed, and journal it, for so long."""


def list_routes(recipients: Recipients) -> tuple[Route, ...]:
    """Give the routes."""
    api = _Api(recipients)
    at = "/api/v1/recipients/{domain}"
    return (
        Route(
            "GET", at, api.picture, needs=Role.VIEW, reach=Reach.PATH, words="Show a domain's list of recipients",
            answer=ListPicture,
        ),
        Route(
            "GET", f"{at}/import", api.importing, needs=Role.VIEW, reach=Reach.PATH,
            words="Say how far an import is, and what came of the last one", answer=ImportPicture,
        ),
        Route(
            "POST", f"{at}/import", api.start_import, needs=Role.OPERATE, reach=Reach.PATH,
            words="Read the list from its source again", body=(FORCE, BY), answer=ImportPicture,
        ),
        Route(
            "POST", f"{at}/push", api.push, needs=Role.OPERATE, reach=Reach.PATH,
            words="Add, remove or replace recipients, a line each", query=(_CHANGE, _FORCED, BY),
            answer=OutcomePicture, also={"domain": str}, octets=PUSH_OCTETS, raw=True,
        ),
        Route(
            "POST", f"{at}/rollback", api.rollback, needs=Role.OPERATE, reach=Reach.PATH,
            words="Go back to an earlier version", body=(_VERSION, BY), answer=OutcomePicture, also={"domain": str},
        ),
        Route(
            "POST", f"{at}/accept", api.accept, needs=Role.OPERATE, reach=Reach.PATH,
            words="Adopt the version that a guard refused last", body=(BY,), answer=OutcomePicture,
            also={"domain": str},
        ),
        Route(
            "POST", f"{at}/enforce", api.enforce, needs=Role.OPERATE, reach=Reach.PATH,
            words="Refuse who is not listed from now on", body=(BY,), answer=ListPicture,
        ),
        Route(
            "POST", f"{at}/observe", api.observe, needs=Role.OPERATE, reach=Reach.PATH,
            words="Take who is not listed, and journal it, for a while", body=(_SECONDS, BY), answer=ListPicture,
        ),
        Route(
            "GET", "/api/v1/addresses/{address}", api.check, needs=Role.VIEW, reach=Reach.ANSWER,
            words="Say how an address stands", answer=CheckPicture,
        ),
    )  # fmt: skip


_CHANGE = Parameter(name="change", among=tuple(each.value for each in PushChange), required=True)
_FORCED = Parameter(name="force", among=("true", "false"), words="whatever the guards say")
_VERSION = Parameter(
    name="version", kind="integer", words="which one; without it: the one before", least=1, most=_VERSION_MOST
)
_SECONDS = Parameter(name="seconds", kind="integer", least=1, most=OBSERVE_SECONDS, required=True)


@frozen
class _Api:
    """The functions of the routes."""

    recipients: Recipients

    async def picture(self, call: Call) -> Any:
        return as_json(await parameters.disk(self.recipients.picture(self._domain(call)), "list"))

    async def check(self, call: Call) -> Any:
        return as_json(await self.recipients.check(_mailbox(call.path["address"])))

    async def importing(self, call: Call) -> Any:
        return as_json(await self.recipients.importing(self._domain(call)))

    async def start_import(self, call: Call) -> Any:
        domain = self._domain(call)
        force = parameters.flag(call.body.get("force"), "force")
        started = await parameters.disk(self.recipients.start_import(domain, force=force, by=_by(call)), "list")
        if not started.running and started.outcome is not None:
            return {**as_json(started), "outcome": _result(domain, started.outcome)}
        return as_json(started)

    async def push(self, call: Call) -> Any:
        parameters.only(call, "change", "force", "by")
        domain = self._domain(call)
        try:
            change = PushChange(call.query.get("change"))
        except ValueError:
            raise Refused(400, "invalid_parameter", "change is one of add, remove, replace, edit.") from None
        force = call.query.get("force") == "true"
        by = parameters.text(call.query.get("by"), "by") or "operator"
        pushed = self.recipients.push(domain, change, call.octets, force=force, by=by)
        return _result(domain, await parameters.disk(pushed, "list"))

    async def rollback(self, call: Call) -> Any:
        domain = self._domain(call)
        version = parameters.maybe_number(call.body.get("version"), "version", 1, _VERSION_MOST)
        return _result(domain, await parameters.disk(self.recipients.rollback(domain, version, _by(call)), "list"))

    async def accept(self, call: Call) -> Any:
        domain = self._domain(call)
        return _result(domain, await parameters.disk(self.recipients.accept(domain, _by(call)), "list"))

    async def enforce(self, call: Call) -> Any:
        domain = self._domain(call)
        return _has_list(domain, await parameters.disk(self.recipients.enforce(domain, _by(call)), "list"))

    async def observe(self, call: Call) -> Any:
        domain = self._domain(call)
        seconds = parameters.number(parameters.stated(call.body, "seconds"), "seconds", 1, OBSERVE_SECONDS)
        return _has_list(domain, await parameters.disk(self.recipients.observe(domain, seconds, _by(call)), "list"))

    def _domain(self, call: Call) -> str:
        return parameters.protected(self.recipients.domains(), call.path["domain"])


def _by(call: Call) -> str:
    return parameters.text(call.body.get("by"), "by") or "operator"


def _has_list(domain: str, picture: ListPicture) -> Any:
    """Give a list's picture; where everybody is taken by the configuration there is nothing to enforce."""
    if picture.state == "any":
        raise Refused(409, "no_list", f"{domain} has no list: its recipients are set to 'any' in the configuration.")
    return as_json(picture)


def _result(domain: str, outcome: OutcomePicture) -> Any:
    """Give what was done, or refuse with the guard's words and the lines that are wrong."""
    if outcome.result in _DONE:
        return {"domain": domain, **as_json(outcome)}
    status = 404 if outcome.result == "absent" else 409
    raise Refused(status, f"list_{outcome.result}", f"{domain}: {outcome.words}.", outcome.faults)


def _mailbox(written: str) -> Mailbox:
    try:
        if not _ADDRESS.match(written):
            raise AddressFault("it is no address")
        return parse_mailbox(written.encode("utf-8"), utf8=True)
    except (AddressFault, UnicodeEncodeError) as fault:
        raise Refused(400, "invalid_address", f"{written[:200]!r}: {fault}.") from fault
