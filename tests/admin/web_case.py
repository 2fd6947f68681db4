"""A node in memory behind the administration over TCP, on the loopback: for the tests of what comes in there."""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.admin.api import control_router, declared_routes
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth import Authentication
from shieldrelay.admin.auth_api import edge_routes
from shieldrelay.admin.auth_password import hash_of
from shieldrelay.admin.auth_sessions import Sessions
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.limits import Attempts
from shieldrelay.admin.roles import Role
from shieldrelay.admin.roles_warden import Warden
from shieldrelay.admin.router import Document
from shieldrelay.admin.web import ApiFactory, Desk
from shieldrelay.admin.web_events import EventFeed
from shieldrelay.config.admin import User
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences

PASSWORD = "correct horse battery"
TENANT = "example.test"
Steps = Generator[Deferred[Any], Any, None]
THE_REACTOR: Any = reactor


@frozen
class Answer:
    """What came back."""

    status: int
    fields: Mapping[str, str]
    octets: bytes

    @property
    def value(self) -> Any:
        """The JSON in it."""
        return json.loads(self.octets)

    @property
    def code(self) -> str:
        """The word of a refusal."""
        return str(self.value["error"]["code"])


class OnePage:
    """One page for browsers."""

    def page(self, path: bytes) -> Document | None:
        """Give it at the root."""
        return Document(b"<!doctype html><title>x</title>", "text/html; charset=utf-8") if path == b"/" else None


class WebCase(TestCase):
    """A listening administration.

    :ivar port: of the loopback.
    :ivar users: that may log in; each with `PASSWORD`.
    """

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="web", dir=self.mktemp_parent()))
        self.appliance, self.journal = MemoryAppliance(), ListJournal()
        router = control_router(
            self.appliance, MemoryDefences(), MemoryRecipients(), MemoryReports(), self.journal, MemoryParts()
        )
        self.audit = AuditLog(self.folder / "audit.jsonl", lambda: NOW, self.journal)
        self.tokens = Tokens(self.folder / "tokens.json", self.journal)
        declared = declared_routes()
        edge = edge_routes(self.tokens, self.audit, declared, lambda: NOW)
        self.warden = Warden(router, declared, edge, self.audit, self.bug)
        self.seconds = 1000.0
        self.attempts = Attempts(lambda: self.seconds)
        (self.folder / "hash").write_text(hash_of(PASSWORD) + "\n")
        self.users = {
            "alice": User(password=str(self.folder / "hash"), role=Role.ADMIN),
            "tom": User(password=str(self.folder / "hash"), role=Role.OPERATE, domains=(TENANT,)),
        }
        self.sessions = Sessions(lambda: self.seconds, lambda: (3600.0, 600.0))
        authentication = Authentication(
            lambda: self.users, self.tokens, self.sessions, self.attempts, self.audit, self.journal,
            maybeDeferred,
        )  # fmt: skip
        narrow = self.warden.route("GET", b"/api/v1/status")
        assert narrow is not None and narrow.narrow is not None
        self.events = EventFeed(self.look, narrow.narrow, THE_REACTOR, self.journal)
        desk = Desk(self.warden, authentication, self.events, OnePage())
        self.factory = ApiFactory(desk, THE_REACTOR, self.journal, secure=False)
        self.listening = THE_REACTOR.listenTCP(0, self.factory, interface="127.0.0.1")
        self.port = self.listening.getHost().port
        self.router = router
        self.addCleanup(self.close)

    def mktemp_parent(self) -> str:
        """Give a directory of this test's own."""
        made = Path(self.mktemp())
        made.mkdir(parents=True)
        return str(made)

    def close(self) -> Deferred[Any]:
        """End everything."""
        self.events.stop()
        self.factory.close()
        return maybeDeferred(self.listening.stopListening)

    async def look(self) -> Any:
        """Look at the node, for live events."""
        return (await self.router.answer("GET", b"/api/v1/status")).value

    def bug(self, route: str, bug: Exception) -> None:
        """Fail on bugs of the edge's routes."""
        self.journal.event("control_failed", route=route, error=repr(bug))

    def token(self, role: Role = Role.ADMIN, *domains: str, name: str = "") -> dict[str, str]:
        """Make a token; gives the header field that shows it."""
        made = self.tokens.create(name or f"{role.value}{len(self.tokens.all())}", role, domains, "test", NOW)
        return {"Authorization": f"Bearer {made}"}

    def ask(
        self, method: str, target: str, body: Any = None, fields: Mapping[str, str] | None = None
    ) -> Deferred[Answer]:
        """Ask over TCP, in a thread."""
        return deferToThread(self._ask, method, target, body, fields or {})

    def _ask(self, method: str, target: str, body: Any, fields: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            octets = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, target, octets, {"Content-Type": "application/json", **fields})
            response = connection.getresponse()
            given = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, given, response.read())
        finally:
            connection.close()

    def log_in(self, user: str = "alice", password: str = PASSWORD, **fields: str) -> Deferred[Answer]:
        """Log in."""
        return self.ask("POST", "/api/v1/session", {"user": user, "password": password}, fields)

    def raw(self, octets: bytes) -> Deferred[bytes]:
        """Send octets and give everything that comes back until the end."""
        return deferToThread(self._raw, octets)

    def _raw(self, octets: bytes) -> bytes:
        with socket.socket() as caller:
            caller.settimeout(20)
            answer = b""
            try:
                caller.connect(("127.0.0.1", self.port))
                caller.sendall(octets)
                while block := caller.recv(65536):
                    answer += block
            except (BrokenPipeError, ConnectionResetError):
                pass
            return answer


def session_of(answer: Answer) -> dict[str, str]:
    """Give the header fields of a page of ours whose user has logged in."""
    return {"Cookie": answer.fields["set-cookie"].partition(";")[0], "X-CSRF-Token": answer.value["csrf"]}
