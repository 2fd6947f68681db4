"""The routes of the edge: the session, tokens, the audit log, the API's description, live events.

They are asked where callers come in (``admin.roles_warden``), not in the processes behind it. The session's are
answered by `admin.auth.Authentication` itself and the events by `admin.web_events`, since both are more than one
request; here they are declared.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from shieldrelay.admin import openapi, parameters
from shieldrelay.admin.audit import AuditLog, AuditPage
from shieldrelay.admin.auth_tokens import TokenFault, Tokens
from shieldrelay.admin.openapi_shapes import AFTER, BY, Parameter, limit_of
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route
from shieldrelay.mail.address import AddressFault, domain_key
from shieldrelay.ports import WallClock

AUDIT_PAGE = 100
AUDIT_PAGE_LIMIT = 1000
DOMAINS_MOST = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}\Z")


@frozen
class TokenPicture:
    """A token, without what it is proven with."""

    name: str
    role: str
    domains: tuple[str, ...]
    made: float
    by: str


@frozen
class SessionPicture:
    """Who asks.

    :ivar domains: that they are limited to; ``None``: all.
    :ivar csrf: what requests that change something must carry in ``X-CSRF-Token``; empty with a token.
    :ivar seconds: until the log-in ends at the latest.
    """

    user: str
    role: str
    domains: tuple[str, ...] | None
    way: str
    csrf: str
    seconds: int | None


def edge_routes(tokens: Tokens, audit: AuditLog, declared: tuple[Route, ...], wall: WallClock) -> tuple[Route, ...]:
    """Give the routes.

    :param declared: all the others, for the description.
    """
    api = _Api(tokens, audit, wall)
    described: list[dict[str, Any]] = []

    async def describe(call: Call) -> Any:
        parameters.only(call)
        return described[0]

    routes = (
        *_token_routes(api),
        Route(
            "GET", "/api/v1/audit", api.audited, needs=Role.OPERATE, reach=Reach.NARROWED, narrow=_own_entries,
            words="Give a page of who did what, newest first", query=(limit_of(AUDIT_PAGE_LIMIT), AFTER),
            answer=AuditPage,
        ),
        Route(
            "GET", "/api/v1/openapi.json", describe, needs=Role.VIEW, reach=Reach.EVERYBODY,
            words="Describe the API (OpenAPI 3.1)",
        ),
        Route(
            "GET", "/api/v1/events", _elsewhere, needs=Role.VIEW, reach=Reach.EVERYBODY,
            words="Tell what happens, as server-sent events; who is limited to domains hears of theirs",
            kind="text/event-stream",
        ),
        *_session_routes(),
    )  # fmt: skip
    described.append(openapi.document((*declared, *routes)))
    return routes


def _token_routes(api: _Api) -> tuple[Route, ...]:
    return (
        Route(
            "GET", "/api/v1/tokens", api.tokens_there, needs=Role.ADMIN, reach=Reach.NODE, words="List the tokens",
            also={"tokens": tuple[TokenPicture, ...]},
        ),
        Route(
            "POST", "/api/v1/tokens", api.create, needs=Role.ADMIN, reach=Reach.NODE,
            words="Make a token; it is shown this once", answer=TokenPicture, also={"token": str},
            body=(
                Parameter(name="name", least=1, most=64, required=True),
                Parameter(name="role", among=tuple(each.value for each in Role), required=True),
                Parameter(
                    name="domains", kind="array", words="protected domains that it is limited to", least=1,
                    most=DOMAINS_MOST,
                ),
                BY,
            ),
        ),
        Route(
            "DELETE", "/api/v1/tokens/{name}", api.revoke, needs=Role.ADMIN, reach=Reach.NODE,
            words="Take a token back", also={"name": str, "revoked": bool},
        ),
    )  # fmt: skip


def _session_routes() -> tuple[Route, ...]:
    at = "/api/v1/session"
    return (
        Route(
            "GET", at, _elsewhere, needs=Role.VIEW, reach=Reach.EVERYBODY, words="Say who asks", answer=SessionPicture
        ),
        Route(
            "POST", at, _elsewhere, needs=Role.VIEW, reach=Reach.EVERYBODY, words="Log in", answer=SessionPicture,
            body=(Parameter(name="user", required=True), Parameter(name="password", required=True)),
        ),
        Route(
            "DELETE", at, _elsewhere, needs=Role.VIEW, reach=Reach.EVERYBODY, words="Log out", also={"ended": bool}
        ),
    )  # fmt: skip


async def _elsewhere(_call: Call) -> Any:
    """Answer at the control socket, where there are neither sessions nor streams."""
    raise Refused(404, "unknown_path", "This is for callers over TCP.")


@frozen
class _Api:
    """The functions of the routes."""

    tokens: Tokens
    audit: AuditLog
    wall: WallClock

    async def tokens_there(self, call: Call) -> Any:
        parameters.only(call)
        return {"tokens": [as_json(_shown(each)) for each in self.tokens.all()]}

    async def create(self, call: Call) -> Any:
        name = parameters.stated(call.body, "name")
        if not isinstance(name, str) or not _NAME.match(name):
            raise Refused(400, "invalid_parameter", "name is 1 to 64 letters, digits, dots, underscores and hyphens.")
        role = _role(parameters.stated(call.body, "role"))
        domains = _domains(call.body["domains"]) if "domains" in call.body else ()
        by = parameters.text(call.body.get("by"), "by") or "operator"
        try:
            secret = self.tokens.create(name, role, domains, by, self.wall())
        except TokenFault as fault:
            raise Refused(409, "no_token", str(fault)) from fault
        except OSError as fault:
            raise Refused(503, "state_unavailable", f"The token cannot be kept: {fault.strerror}.") from fault
        made = next(each for each in self.tokens.all() if each.name == name)
        return {**as_json(_shown(made)), "token": secret}

    async def revoke(self, call: Call) -> Any:
        name = call.path["name"]
        try:
            return {"name": name, "revoked": self.tokens.revoke(name)}
        except OSError as fault:
            raise Refused(503, "state_unavailable", f"The token holds on: {fault.strerror}.") from fault

    async def audited(self, call: Call) -> Any:
        parameters.only(call, "limit", "after")
        limit = parameters.number(call.query.get("limit", str(AUDIT_PAGE)), "limit", 1, AUDIT_PAGE_LIMIT)
        before = parameters.maybe_number(call.query.get("after") or None, "after", 0, 999_999_999)
        domains = None if call.caller is None else call.caller.domains
        return as_json(self.audit.page(limit, before, domains))


def _own_entries(value: Any, domains: frozenset[str]) -> Any:
    return {**value, "entries": [each for each in value["entries"] if each["domain"] in domains]}


def _shown(token: Any) -> TokenPicture:
    return TokenPicture(token.name, token.role, token.domains, token.made, token.by)


def _role(value: object) -> Role:
    try:
        return Role(value)
    except ValueError:
        words = ", ".join(each.value for each in Role)
        raise Refused(400, "invalid_parameter", f"role is one of {words}.") from None


def _domains(value: object) -> tuple[str, ...]:
    """Read domains; a token may be made before its domain is protected."""
    named = value if isinstance(value, list) and all(isinstance(each, str) for each in value) else []
    if not 0 < len(named) <= DOMAINS_MOST:
        raise Refused(400, "invalid_parameter", f"domains are 1 to {DOMAINS_MOST} domains, or left out for all.")
    try:
        return tuple(domain_key(each.strip().rstrip(".").encode("utf-8")) for each in named)
    except (AddressFault, UnicodeEncodeError):
        raise Refused(400, "invalid_parameter", "One of the domains is none.") from None
