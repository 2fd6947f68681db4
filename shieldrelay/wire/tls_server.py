"""`ServerTls`: the inbound side of TLS, whose certificates can be exchanged while connections run.

Built by the assembly, handed to ``transport.startTLS`` by the inbound connection. Each new connection takes the
contexts that are in force at that moment; old ones keep theirs. A reload is prepared whole and adopted whole, or
nothing changes. An expired certificate at start is a warning, because a node without TLS would send the mail of the
world into plaintext; exchanging a valid certificate for an expired one is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from attrs import field, frozen
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from shieldrelay.ports import WallClock
from shieldrelay.wire.certificates import (
    CertificateFault,
    CertificateFiles,
    CertifiedKey,
    day,
    keep_certificate,
    make_certificate,
    read_certified_key,
)
from shieldrelay.wire.tls_context import TlsVersion, new_context, show_certificate

SELF_MADE_DAYS = 3650
"""Nobody verifies it, and a certificate that stays the same can at least be pinned."""


class TlsFault(ValueError):
    """What was configured cannot be put in force. ``faults`` has all reasons, one clause each, with their files."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@frozen
class ServerTlsSettings:
    """What is configured for inbound TLS.

    :ivar hostname: the node's name, for which a certificate is made when none is configured.
    :ivar state: the node's state directory; a self-made certificate is kept in ``tls/`` below it.
    :ivar files: shown to whoever asks for no name, or for one that is not in ``by_name``.
    :ivar by_name: by the host name that a client asks for (SNI, RFC 6066 §3), lower case, ``*.`` for one label.
    """

    hostname: str
    state: Path
    files: CertificateFiles | None = None
    by_name: Mapping[str, CertificateFiles] = field(factory=dict)
    minimum: TlsVersion = TlsVersion.TLS_1_2


@frozen
class ShownCertificate:
    """One certificate in force, for the status and for alarms.

    :ivar name: the host name that it is shown for; ``""``: everybody else.
    :ivar expires: seconds since the epoch.
    :ivar self_made: whether we made it because none was configured.
    """

    name: str
    source: str
    names: tuple[str, ...]
    expires: float
    self_made: bool = False


class ServerContexts:
    """All that is needed to accept TLS: built whole, never changed.

    :param now: seconds since the epoch.
    :param own: gives the self-made certificate.
    :raises TlsFault: with everything that is wrong.
    :ivar shown: the certificates, the one for everybody first.
    :ivar untimely: by source, what is not valid now, in words.
    :ivar warnings: what works but should not stay so, one clause each.
    """

    def __init__(self, settings: ServerTlsSettings, now: float, own: Callable[[], CertifiedKey]) -> None:
        faults: list[str] = []
        read: dict[str, CertifiedKey] = {}
        self._by_name: dict[bytes, SSL.Context] = {}
        for name, files in {"": settings.files, **settings.by_name}.items():
            try:
                read[name] = own() if files is None else read_certified_key(files)
                self._by_name[name.lower().encode("ascii", "replace")] = self._context(settings, name, read[name])
            except CertificateFault as fault:
                faults.append(str(fault))
        if faults:
            raise TlsFault(faults)
        self._default = self._by_name.pop(b"")
        self.shown = tuple(_shown(name, certified, settings) for name, certified in read.items())
        self.untimely = {
            certified.source: f"{certified.source}: {reason}"
            for certified in read.values()
            if (reason := certified.untimely(now)) is not None
        }
        self.warnings = (
            *self.untimely.values(),
            *_misnamed(settings, read),
            *_exposed(settings),
            *_missing(settings),
        )

    def connection(self) -> SSL.Connection:
        """Give OpenSSL's part of one connection."""
        return SSL.Connection(self._default, None)

    def _context(self, settings: ServerTlsSettings, name: str, certified: CertifiedKey) -> SSL.Context:
        context = new_context(SSL.TLS_SERVER_METHOD, settings.minimum)
        show_certificate(context, certified)
        if settings.by_name and not name:
            context.set_tlsext_servername_callback(self._choose)
        return context

    def _choose(self, connection: SSL.Connection) -> None:
        name = (connection.get_servername() or b"").lower()
        chosen = self._by_name.get(name) or self._by_name.get(b"*." + name.partition(b".")[2])
        if chosen is not None:
            connection.set_context(chosen)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """What ``transport.startTLS`` takes on inbound connections.

    :param wall: for expiry.
    :raises TlsFault: when the settings cannot be put in force.
    """

    def __init__(self, settings: ServerTlsSettings, wall: WallClock) -> None:
        self._wall = wall
        self._contexts = _built(settings, wall())

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's name
        """Give OpenSSL's part of one new connection, with the certificates that are in force now."""
        return self._contexts.connection()

    def prepare(self, settings: ServerTlsSettings) -> ServerContexts:
        """Build what `adopt` takes; what is in force stays as it is.

        :raises TlsFault: with everything that is wrong, an untimely certificate that was not in force before included.
        """
        contexts = _built(settings, self._wall())
        known = {(shown.source, shown.expires) for shown in self._contexts.shown}
        new = {shown.source for shown in contexts.shown if (shown.source, shown.expires) not in known}
        faults = [words for source, words in contexts.untimely.items() if source in new]
        if faults:
            raise TlsFault(faults)
        return contexts

    def adopt(self, contexts: ServerContexts) -> None:
        """Use these for every connection from now on; never fails."""
        self._contexts = contexts

    def reload(self, settings: ServerTlsSettings) -> None:
        """Read all files again and use what they hold from now on.

        :raises TlsFault: when anything is wrong; then nothing has changed.
        """
        self.adopt(self.prepare(settings))

    @property
    def shown(self) -> tuple[ShownCertificate, ...]:
        """The certificates in force, the one for everybody first."""
        return self._contexts.shown

    @property
    def expires(self) -> float:
        """When the first of them expires, in seconds since the epoch."""
        return min(shown.expires for shown in self.shown)

    def describe(self) -> tuple[str, ...]:
        """Say in words what is in force and what should not stay so, one line each."""
        return (*(_words(shown) for shown in self.shown), *self._contexts.warnings)


def check(settings: ServerTlsSettings, now: float) -> tuple[str, ...]:
    """Try the configured files and write nothing.

    :return: what an operator should know, one line each: that a certificate will be made, or what is untimely.
    :raises TlsFault: with everything that is wrong.
    """
    return ServerContexts(settings, now, lambda: make_certificate(settings.hostname, 1, now=now)).warnings


def _built(settings: ServerTlsSettings, now: float) -> ServerContexts:
    directory = settings.state / "tls"
    return ServerContexts(
        settings, now, lambda: keep_certificate(directory, settings.hostname, SELF_MADE_DAYS, now=now)
    )


def _shown(name: str, certified: CertifiedKey, settings: ServerTlsSettings) -> ShownCertificate:
    self_made = not name and settings.files is None
    return ShownCertificate(name, certified.source, certified.names, certified.expires, self_made)


def _misnamed(settings: ServerTlsSettings, read: Mapping[str, CertifiedKey]) -> Iterator[str]:
    for name, certified in read.items():
        if not _covers(certified.names, name or settings.hostname):
            yield f"{certified.source}: is not for {name or settings.hostname}"


def _exposed(settings: ServerTlsSettings) -> Iterator[str]:
    for files in (settings.files, *settings.by_name.values()):
        if files is not None and files.private_key.stat().st_mode & 0o007:
            yield f"{files.private_key}: every user of this machine may read this private key"


def _missing(settings: ServerTlsSettings) -> Iterator[str]:
    if settings.files is None:
        yield f"no certificate is configured: one is made for {settings.hostname} and kept in {settings.state / 'tls'}"


def _covers(names: tuple[str, ...], host: str) -> bool:
    host = host.lower()
    return any(name.lower() in (host, "*." + host.partition(".")[2]) for name in names)


def _words(shown: ShownCertificate) -> str:
    whom = shown.name or "everybody else"
    return f"{shown.source}: shown to {whom}, for {', '.join(shown.names) or 'no name'}, until {day(shown.expires)}"
