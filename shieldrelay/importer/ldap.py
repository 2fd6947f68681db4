"""Asks a directory: a connection for one `LdapSession`. Runs in the child; whatever fails is an `ImportFault`."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from shieldrelay.config.secret import SecretFault, read_secret
from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.ldap_messages import Entry
from shieldrelay.importer.ldap_session import LdapSession, Phase
from shieldrelay.importer.settings import SourceKind, SourceSettings
from shieldrelay.importer.trust import client_options, connection_fault


async def read_directory(reactor: Any, source: SourceSettings, entries: Entries) -> None:
    """Take the addresses of all objects that are found.

    :raises ImportFault: unless all of them came.
    """
    url = urlsplit(source.location)
    host, secure = str(url.hostname), source.kind is SourceKind.LDAPS
    port = url.port or (636 if secure else 389)
    settings = source.ldap
    wants_tls = secure or settings.start_tls
    tls: Any = client_options(host, settings.ca, verify=settings.verify) if wants_tls else None
    session = LdapSession(settings, password(settings.password_file), lambda entry: _take(entry, entries))
    endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=source.limits.idle_seconds)
    if secure:
        endpoint = wrapClientTLS(tls, endpoint)
    conversation = _Conversation(reactor, session, tls, source.limits.idle_seconds, f"{host}:{port}")
    try:
        await endpoint.connect(Factory.forProtocol(lambda: conversation))
    except Exception:  # noqa: BLE001 - whatever a connection fails with is put into words
        raise connection_fault(Failure(), f"{host}:{port}") from None
    await conversation.over


def password(file: str | None) -> bytes:
    """Read the secret in a file; none is empty.

    :raises ImportFault: it cannot be had.
    """
    try:
        return b"" if file is None else read_secret(file).reveal()
    except SecretFault as fault:
        raise ImportFault(FaultKind.UNREADABLE, str(fault)) from None


def _take(entry: Entry, entries: Entries) -> None:
    for name, values in entry.attributes:
        for value in values:
            entries.address(value, partial(_place, entry.name, name))


def _place(name: bytes, attribute: bytes) -> str:
    return f"{shown(attribute, 30)} of {shown(name, 80)}"


class _Conversation(Protocol):
    """The connection of a session.

    :ivar over: fires when all has been said; fails with an `ImportFault`.
    """

    def __init__(self, reactor: Any, session: LdapSession, tls: Any, idle_seconds: float, server: str) -> None:
        self.over: Deferred[None] = Deferred()
        self._reactor = reactor
        self._session = session
        self._tls = tls
        self._idle_seconds = idle_seconds
        self._server = server
        self._idle: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._idle = self._reactor.callLater(self._idle_seconds, self._silent)
        self._session.begin()
        self._send()

    def dataReceived(self, data: bytes) -> None:
        if self.over.called:
            return
        if self._idle is not None:
            self._idle.reset(self._idle_seconds)
        try:
            self._session.feed(data)
        except ImportFault as fault:
            self._end(Failure(fault))
            return
        if self._session.phase is Phase.TLS:
            self.transport.startTLS(self._tls)  # type: ignore[union-attr]
            self._session.secured()
        self._send()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        fault = connection_fault(reason, self._server)
        if fault.kind is FaultKind.UNREACHABLE:
            fault = ImportFault(fault.kind, f"{self._server} hung up; {self._session.phase.value} was to come")
        self._end(Failure(fault))

    def _send(self) -> None:
        assert self.transport is not None
        out = self._session.output()
        if out:
            self.transport.write(out)
        if self._session.phase is Phase.OVER:
            self.transport.loseConnection()
            self._end(None)

    def _silent(self) -> None:
        self._idle = None
        waited = f"{self._server} said nothing for {self._idle_seconds:g} s; {self._session.phase.value} was to come"
        self._end(Failure(ImportFault(FaultKind.TOO_SLOW, waited)))

    def _end(self, failure: Failure | None) -> None:
        """Say how it ended, once."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self.over.called:
            return
        if failure is not None:
            self.transport.abortConnection()  # type: ignore[union-attr]
            self.over.errback(failure)
        else:
            self.over.callback(None)
