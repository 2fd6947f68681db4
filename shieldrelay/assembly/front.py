"""`Front`: where people and programs come in: the control socket's warden, the administration over TCP, the metrics.

One for each node: of a node of several processes it is the parent's. Made by `assembly.service` or `workers.service`,
which say who answers behind it and how the node is.
"""

from __future__ import annotations

import ipaddress
import pwd
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.api_configuration import configuration_route
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth import Authentication
from shieldrelay.admin.auth_api import edge_routes
from shieldrelay.admin.auth_sessions import Sessions
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.errand import Others
from shieldrelay.admin.limits import Attempts
from shieldrelay.admin.roles_warden import Answerer, Warden
from shieldrelay.admin.router import Document, Route
from shieldrelay.admin.web import ApiFactory, Desk, Pages, over_tls
from shieldrelay.admin.web_channel import WebFactory
from shieldrelay.admin.web_events import EventFeed
from shieldrelay.admin.web_health import HealthFactory
from shieldrelay.assembly import translation
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.schema import Configuration
from shieldrelay.dashboard.pages import StaticPages
from shieldrelay.ports import Journal, WallClock
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.listeners import ListenAddress, bind_all
from shieldrelay.wire.tls_context import TlsVersion
from shieldrelay.wire.tls_server import ServerTls, ServerTlsSettings, TlsFault

ADMIN_DIRECTORY = "admin"
T = TypeVar("T")
AUDIT_SECONDS = 2.0
"""What the last lines of the audit log get at a stop."""


class Dashboard:
    """The dashboard's files, as the administration serves them."""

    def __init__(self) -> None:
        self._files = StaticPages()

    def page(self, path: bytes) -> Document | None:
        """Give what stands at a path."""
        found = self._files.page(path)
        return None if found is None else Document(found.octets, found.kind)


class Front:
    """The node's front.

    :param inner: answers for the node.
    :param configuration: gives the one in force.
    :param tls: gives the node's own certificates.
    :param unready: says why the node wants no traffic now; ``""``: it does.
    :param others: asks the other nodes of the cluster; ``None``: there are none.
    :param pages: for browsers; ``None``: those of the dashboard.
    :raises TlsFault: the administration's own certificate cannot be used.
    """

    def __init__(
        self,
        inner: Answerer,
        configuration: Callable[[], Configuration],
        tls: Callable[[], ServerTls],
        unready: Callable[[], str],
        *,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
        others: Others | None = None,
        pages: Pages | None = None,
    ) -> None:
        now = configuration()
        self._inner, self._configuration, self._unready = inner, configuration, unready
        self._reactor, self._wall, self._journal = reactor, wall, journal
        state = Path(now.node.state) / ADMIN_DIRECTORY
        self.audit = AuditLog(state / "audit.jsonl", wall, journal, self._in_thread)
        self.tokens = Tokens(state / "tokens.json", journal)
        self.warden = self._warden(others)
        self.events = EventFeed(self._status, self._narrow(), reactor, journal)
        desk = Desk(self.warden, self._authentication(), self.events, pages or Dashboard())
        self._own_tls = None if now.admin.certificate is None else ServerTls(_own_certificate(now), wall)
        self._plain = ApiFactory(desk, reactor, journal, secure=False)
        self._secure = ApiFactory(desk, reactor, journal, secure=True)
        self._health = HealthFactory(self, reactor, journal)
        self._tls = tls
        self._bound: list[tuple[str, HostPort, socket.socket]] = []
        self._ports: list[tuple[str, Any]] = []

    def at_socket(self, uid: int) -> Answerer:
        """Give who answers a user of the machine."""
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return self.warden.at_socket(name)

    def bind(self) -> None:
        """Take the ports.

        :raises ListenFault: one cannot be had; then none of these is held.
        """
        listen = self._configuration().listen
        wanted = [("admin", each) for each in listen.admin] + [("metrics", each) for each in listen.metrics]
        made = bind_all([ListenAddress(each.host, each.port) for _, each in wanted])
        self._bound = [(use, address, each) for (use, address), each in zip(wanted, made, strict=True)]

    def start(self) -> None:
        """Answer; read what is kept of tokens and of the audit log.

        :raises OSError: that cannot be read.
        """
        self.audit.load()
        self.tokens.load()
        for use, address, made in self._bound:
            factory, secure = self._factory(use, address)
            port = self._reactor.adoptStreamPort(made.fileno(), made.family, factory)
            made.close()
            self._ports.append((use, port))
            self._journal.event("admin_listening", use=use, address=f"{address.host}:{_number(port)}", tls=secure)
        self._bound = []

    def addresses(self, use: str) -> list[int]:
        """Give the ports that are listened on for a use, ``admin`` or ``metrics``."""
        return [_number(port) for each, port in self._ports if each == use]

    async def stop(self) -> None:
        """Answer nobody any more."""
        self.let_go()
        ports, self._ports = self._ports, []
        for _, port in ports:
            await port.stopListening()
        self.events.stop()
        await self._audited()
        for factory in (self._plain, self._secure, self._health):
            factory.close()

    async def _audited(self) -> None:
        """Let the audit log be written, for a while: a disk that hangs holds up no end."""
        written = self.audit.written()
        written.addTimeout(AUDIT_SECONDS, self._reactor, lambda _late, _seconds: None)
        await written

    def let_go(self) -> None:
        """Give back ports that were taken and are not listened on yet."""
        for _, _, made in self._bound:
            made.close()
        self._bound = []

    def adopt(self) -> None:
        """Read the administration's own certificate again, after a reload; one that cannot be used changes nothing."""
        now = self._configuration()
        if self._own_tls is None or now.admin.certificate is None:
            return
        try:
            self._own_tls.reload(_own_certificate(now))
        except TlsFault as fault:
            self._journal.event("alarm", alarm="certificate of the administration", reason=str(fault))

    async def unready(self) -> str:
        """Say why the node wants no traffic now."""
        return self._unready()

    async def exposition(self) -> bytes:
        """Give all metrics; nothing while the node behind has none."""
        response = await self._inner.answer("GET", b"/api/v1/metrics")
        return response.value.octets if isinstance(response.value, Document) else b""

    def _warden(self, others: Others | None) -> Warden:
        declared = declared_routes()
        shown = configuration_route(self._configuration)
        edge = (shown, *edge_routes(self.tokens, self.audit, (*declared, shown), self._wall))
        return Warden(
            self._inner, declared, edge, self.audit, self._bug, lambda: self._configuration().node.hostname, others
        )

    def _authentication(self) -> Authentication:
        seconds = self._reactor.seconds

        def terms() -> tuple[float, float]:
            admin = self._configuration().admin
            return admin.session_lifetime, admin.session_idle

        return Authentication(
            lambda: self._configuration().admin.users, self.tokens, Sessions(seconds, terms), Attempts(seconds),
            self.audit, self._journal, self._in_thread,
        )  # fmt: skip

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def _status(self) -> Awaitable[Any]:
        return self._looked()

    async def _looked(self) -> Any:
        response = await self._inner.answer("GET", b"/api/v1/status")
        return response.value if response.status == 200 else None

    def _narrow(self) -> Callable[[Any, frozenset[str]], Any]:
        route: Route | None = self.warden.route("GET", b"/api/v1/status")
        assert route is not None and route.narrow is not None
        return route.narrow

    def _factory(self, use: str, address: HostPort) -> tuple[Any, bool]:
        """Give what makes connections at an address, and whether they run under TLS."""
        if use == "metrics":
            return self._health, False
        loopback = ipaddress.ip_address(address.host).is_loopback
        if loopback and self._own_tls is None:
            return self._plain, False
        factory: WebFactory = self._secure
        return over_tls(factory, self._own_tls or self._tls(), self._reactor), True

    def _bug(self, route: str, bug: Exception) -> None:
        self._journal.event("control_failed", route=route, error=repr(bug))


def _own_certificate(configuration: Configuration) -> ServerTlsSettings:
    admin = configuration.admin
    assert admin.certificate is not None and admin.private_key is not None
    return ServerTlsSettings(
        hostname=configuration.node.hostname,
        state=Path(configuration.node.state),
        files=CertificateFiles(Path(admin.certificate), Path(admin.private_key)),
        minimum=TlsVersion.TLS_1_2,
    )


def node_tls(configuration: Configuration, wall: WallClock) -> ServerTls:
    """Make the node's own certificates, for a process that has none yet.

    :raises TlsFault: they cannot be used.
    """
    return ServerTls(translation.server_tls(configuration), wall)


def _number(port: Any) -> int:
    return int(port.getHost().port)
