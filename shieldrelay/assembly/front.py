"""`Front`: where people and programs come in: the control socket's warden, the administration over TCP, the metrics.

One for each node: of a node of several processes it is the parent's. Made by `assembly.service` or `workers.service`,
which say who answers behind it and how the node is. What serves at TCP addresses (`assembly.front_web`) is imported
where there is one.
"""

from __future__ import annotations

import pwd
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.api_configuration import configuration_route
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth_api import edge_routes
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.errand import Others
from shieldrelay.admin.roles_warden import Answerer, Warden
from shieldrelay.admin.router import Document
from shieldrelay.assembly import translation
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.schema import Configuration
from shieldrelay.ports import Journal, WallClock
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.listeners import ListenAddress, bind_all
from shieldrelay.wire.tls_context import TlsVersion
from shieldrelay.wire.tls_server import ServerTls, ServerTlsSettings, TlsFault

if TYPE_CHECKING:
    from shieldrelay.admin.auth import Authentication
    from shieldrelay.assembly.front_web import Web

ADMIN_DIRECTORY = "admin"
T = TypeVar("T")
AUDIT_SECONDS = 2.0
"""What the last lines of the audit log get at a stop."""


class Front:
    """The node's front.

    :param inner: answers for the node.
    :param configuration: gives the one in force.
    :param tls: gives the node's own certificates.
    :param unready: says why the node wants no traffic now; ``""``: it does.
    :param others: asks the other nodes of the cluster; ``None``: there are none.
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
    ) -> None:
        now = configuration()
        self._inner, self._configuration, self._unready = inner, configuration, unready
        self._reactor, self._wall, self._journal = reactor, wall, journal
        state = Path(now.node.state) / ADMIN_DIRECTORY
        self.audit = AuditLog(state / "audit.jsonl", wall, journal, self._in_thread)
        self.tokens = Tokens(state / "tokens.json", journal)
        self.warden = self._warden(others)
        self._own_tls = None if now.admin.certificate is None else ServerTls(_own_certificate(now), wall)
        self._web: Web | None = None
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
        if wanted:
            self._web = self._made_web()
        made = bind_all([ListenAddress(each.host, each.port) for _, each in wanted])
        self._bound = [(use, address, each) for (use, address), each in zip(wanted, made, strict=True)]

    def start(self) -> None:
        """Answer; read what is kept of tokens and of the audit log.

        :raises OSError: that cannot be read.
        """
        self.audit.load()
        self.tokens.load()
        for use, address, made in self._bound:
            assert self._web is not None
            factory, secure = self._web.factory(use, address, self._own_tls, self._tls)
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
        if self._web is not None:
            self._web.quiet()
        await self._audited()
        if self._web is not None:
            self._web.close()

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

    async def status(self) -> Any:
        """Give the answer to ``/api/v1/status``; ``None`` while there is none."""
        response = await self._inner.answer("GET", b"/api/v1/status")
        return response.value if response.status == 200 else None

    def _warden(self, others: Others | None) -> Warden:
        declared = declared_routes()
        shown = configuration_route(self._configuration)
        edge = (shown, *edge_routes(self.tokens, self.audit, (*declared, shown), self._wall))
        return Warden(
            self._inner, declared, edge, self.audit, self._bug, lambda: self._configuration().node.hostname, others
        )

    def _made_web(self) -> Web:
        from shieldrelay.assembly.front_web import Web

        return Web(self, self.warden, self._authentication(), reactor=self._reactor, journal=self._journal)

    def _authentication(self) -> Authentication:
        from shieldrelay.admin.auth import Authentication
        from shieldrelay.admin.auth_sessions import Sessions
        from shieldrelay.admin.limits import Attempts

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
