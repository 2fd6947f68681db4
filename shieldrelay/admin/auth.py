"""`Authentication`: from what a request shows (a token, a cookie) to a `Caller`; log-in and log-out.

Knows HTTP only as `Facts`. A request with a cookie changes nothing unless it comes with the session's second secret and
from our own page (CSRF). Passwords are checked in a thread, few at a time; failures are counted by source and by user
(``admin.limits``). Whether a user exists shows neither in words nor in the time that an answer takes.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredSemaphore

from shieldrelay.admin import auth_password
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth_sessions import Session, Sessions, same
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.limits import Attempts, source_of
from shieldrelay.admin.roles import Caller
from shieldrelay.admin.router import Refused, Response, json_object, refusal
from shieldrelay.config.admin import User
from shieldrelay.config.secret import SecretFault, read_secret
from shieldrelay.ports import Journal

CHECKS_AT_ONCE = 2
"""Passwords that are checked at the same time: each costs 32 MiB."""
CHECKS_WAITING = 20
SESSION_TARGET = b"/api/v1/session"
COOKIE, SECURE_COOKIE = "shieldrelay", "__Host-shieldrelay"

T = TypeVar("T")
InThread = Callable[[Callable[[], bool]], Deferred[bool]]

_NOBODY = "scrypt$ln={},r={},p={}${}${}".format(
    auth_password.LOG_COST,
    auth_password.BLOCK,
    auth_password.LANES,
    base64.b64encode(bytes(auth_password.SALT_OCTETS)).decode("ascii"),
    base64.b64encode(bytes(auth_password.HASH_OCTETS)).decode("ascii"),
)
"""A hash that costs as much as others, and that no password has."""


@frozen
class Facts:
    """What a request shows of who sent it.

    :ivar address: of the client.
    :ivar secure: whether it came under TLS.
    :ivar authorization: the header field's value, ``""`` without one; so are the others.
    :ivar site: ``Sec-Fetch-Site``.
    :ivar kind: its body's media type, without parameters.
    """

    method: str
    address: str
    secure: bool
    authorization: str = ""
    cookie: str = ""
    csrf: str = ""
    origin: str = ""
    host: str = ""
    site: str = ""
    kind: str = ""

    @property
    def source(self) -> str:
        """What counts as one source."""
        return source_of(self.address)

    @property
    def changes(self) -> bool:
        """Whether it asks for a change."""
        return self.method not in ("GET", "HEAD")

    def cookie_value(self) -> str:
        """Give the value of our cookie, ``""`` without it."""
        wanted = SECURE_COOKIE if self.secure else COOKIE
        for pair in self.cookie.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == wanted:
                return value
        return ""

    def check_page(self) -> None:
        """Hold that it comes from a page of ours, as far as the browser says (and from no form, which has no JSON).

        :raises Refused: 403.
        """
        if self.site not in ("", "same-origin", "none"):
            raise Refused(403, "foreign_page", "The request comes from a page that is not ours.")
        if self.origin and urlsplit(self.origin).netloc.lower() != self.host.lower():
            raise Refused(403, "foreign_page", "The request comes from a page that is not ours.")


class Authentication:
    """Knows who is who.

    :param users: gives those that may log in, as configured now.
    :param in_thread: runs something that takes long in a thread.
    """

    def __init__(
        self,
        users: Callable[[], Mapping[str, User]],
        tokens: Tokens,
        sessions: Sessions,
        attempts: Attempts,
        audit: AuditLog,
        journal: Journal,
        in_thread: InThread,
    ) -> None:
        self._users = users
        self._tokens = tokens
        self._sessions = sessions
        self._attempts = attempts
        self._audit = audit
        self._journal = journal
        self._in_thread = in_thread
        self._turn = DeferredSemaphore(CHECKS_AT_ONCE)

    def identify(self, facts: Facts) -> Caller:
        """Say who asks.

        :raises Refused: 401 for nobody, 403 for a change without the session's second secret, 429.
        """
        if facts.authorization:
            return self._bearer(facts)
        session = self._session(facts)
        if session is None:
            raise Refused(401, "unauthenticated", "Show a token (Authorization: Bearer ...), or log in.")
        if facts.changes:
            facts.check_page()
            if not same(facts.csrf, session.csrf):
                raise Refused(403, "csrf", "The header field X-CSRF-Token is missing or wrong.")
        return self._caller(session.user, facts)

    async def session(self, facts: Facts, body: bytes) -> Response:
        """Answer a request about the session itself: log in, show it, log out.

        :raises Refused: it is not granted.
        """
        if facts.method == "POST":
            return await self._log_in(facts, body)
        if facts.method == "DELETE":
            caller = self.identify(facts)
            self._sessions.end(facts.cookie_value())
            self._audit.note(caller, "log out", "", 200)
            return Response(200, {"ended": True}, fields=(("set-cookie", _cookie(facts, "", 0)),))
        if facts.method not in ("GET", "HEAD"):
            refused = Refused(405, "method_not_allowed", "This path knows GET, POST, DELETE")
            return refusal(refused, ("GET", "HEAD", "POST", "DELETE"))
        caller = self.identify(facts)
        session = None if facts.authorization else self._session(facts)
        return Response(200, self._shown(caller, session))

    def _bearer(self, facts: Facts) -> Caller:
        scheme, _, secret = facts.authorization.partition(" ")
        self._heard(facts.source, "")
        caller = self._tokens.caller(secret.strip(), facts.address) if scheme.lower() == "bearer" else None
        if caller is None:
            self._attempts.failed(facts.source)
            self._audit.note_stranger("", facts.address, "token", 401, "unknown_token")
            raise Refused(401, "unknown_token", "This token is none of this node's.")
        return caller

    def _session(self, facts: Facts) -> Session | None:
        cookie = facts.cookie_value()
        session = self._sessions.find(cookie) if cookie else None
        if session is not None and session.user not in self._users():
            self._sessions.end(cookie)
            return None
        return session

    def _caller(self, name: str, facts: Facts) -> Caller:
        user = self._users()[name]
        return Caller(name, user.role, frozenset(user.domains) or None, way="session", source=facts.address)

    def _heard(self, source: str, user: str) -> None:
        wait = self._attempts.wait(source, user)
        if wait > 0:
            words = f"There were too many failures: try again in {math.ceil(wait)} s."
            raise Refused(429, "too_many_failures", words, (str(math.ceil(wait)),))

    async def _log_in(self, facts: Facts, body: bytes) -> Response:
        facts.check_page()
        if facts.kind != "application/json":
            raise Refused(415, "wrong_media_type", "The body must be application/json.")
        given = json_object(body)
        name, password = given.get("user"), given.get("password")
        if not isinstance(name, str) or not isinstance(password, str) or not 0 < len(name) <= 64:
            raise Refused(400, "invalid_parameter", "user and password are wanted.")
        if len(password.encode("utf-8", "replace")) > auth_password.PASSWORD_OCTETS:
            raise Refused(400, "invalid_parameter", f"A password has at most {auth_password.PASSWORD_OCTETS} octets.")
        self._heard(facts.source, name)
        if len(self._turn.waiting) >= CHECKS_WAITING:
            raise Refused(503, "busy", "Too many are logging in right now.")
        self._attempts.failed(facts.source, name)  # until it is known better: they may come many at once
        user = self._users().get(name)
        faults: list[str] = []
        good = await self._turn.run(self._in_thread, lambda: _is_right(user, password, faults))
        for fault in faults:
            self._journal.event("password_unreadable", user=name, reason=fault)
        if not good or user is None or name not in self._users():
            self._audit.note_stranger(name, facts.address, "log in", 401, "wrong_password")
            raise Refused(401, "wrong_password", "The user or the password is wrong.")
        return self._logged_in(facts, name)

    def _logged_in(self, facts: Facts, name: str) -> Response:
        self._attempts.came_in(facts.source, name)
        cookie, session = self._sessions.begin(name)
        caller = self._caller(name, facts)
        self._audit.note(caller, "log in", "", 200)
        field = ("set-cookie", _cookie(facts, cookie, math.ceil(self._sessions.left(session))))
        return Response(200, self._shown(caller, session), fields=(field,))

    def _shown(self, caller: Caller, session: Session | None) -> dict[str, Any]:
        return {
            "user": caller.name,
            "role": caller.role.value,
            "domains": None if caller.domains is None else sorted(caller.domains),
            "way": caller.way,
            "csrf": "" if session is None else session.csrf,
            "seconds": None if session is None else round(self._sessions.left(session)),
        }


def _is_right(user: User | None, password: str, faults: list[str]) -> bool:
    """Check a password, in a thread.

    :param faults: told why a user's hash cannot be had.
    """
    try:
        line = _NOBODY if user is None else read_secret(user.password).reveal().decode("ascii", "replace")
        return auth_password.matches(password, line) and user is not None
    except (SecretFault, auth_password.HashFault) as fault:
        faults.append(str(fault))
        return False


def _cookie(facts: Facts, value: str, seconds: int) -> str:
    name, secure = (SECURE_COOKIE, "; Secure") if facts.secure else (COOKIE, "")
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
