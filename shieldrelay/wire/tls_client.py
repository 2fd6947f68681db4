"""`ClientTls`: what TLS one next hop gets and what it must prove (R10).

One object per next hop, because each has its own memory of failed handshakes; their contexts are shared through
`ClientContexts`. Called by the outbound connection; knows neither it nor the pool. Whatever the peer's certificate says
is hostile text and is clipped to printable ASCII before it gets into a reason.

The four levels: NONE never encrypts. OPPORTUNISTIC encrypts when it can, verifies nothing, and goes without for an hour
after a failed handshake. REQUIRED never sends mail in plaintext, and verifies nothing. VERIFIED wants to know who it
talks to as well: with pins, the key of the server's certificate must be one of them, and that alone decides (chain,
name and dates say nothing more about who holds the key; like DANE-EE of RFC 7671 §5.1); without pins, the chain must
lead to the CA file's or the system's CAs, and the certificate must be for the next hop's name.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from enum import Enum
from pathlib import Path
from typing import Any

import idna
from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from shieldrelay.wire.certificates import (
    CertificateFault,
    CertificateFiles,
    alternative_names,
    pin_of,
    read_certificates,
    read_certified_key,
)
from shieldrelay.wire.tls_context import TlsVersion, new_context, openssl_words, show_certificate

PLAINTEXT_SECONDS = 3600.0
"""How long an opportunistic next hop is spoken to in plaintext after a failed handshake (R10)."""


class TlsLevel(Enum):
    """How much TLS a next hop gets; see the module."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    VERIFIED = "verified"


def parse_pin(text: str) -> str:
    """Give a pin in the form that `pin_of` has.

    :param text: SHA-256 of a SubjectPublicKeyInfo in base64, a leading ``sha256//`` allowed.
    :raises ValueError: with the reason, when it is none.
    """
    pin = text.removeprefix("sha256//")
    try:
        octets = b64decode(pin, validate=True)
    except ValueError as error:
        raise ValueError("a pin is base64") from error
    if len(octets) != 32:
        raise ValueError(f"a pin has 32 octets (44 characters of base64), this one has {len(octets)}")
    return pin


@frozen
class ClientTlsSettings:
    """What is configured for a next hop.

    :ivar tls_name: the name to verify and to ask for, when it is not the next hop's own; a host name or an IP address.
    :ivar ca: a PEM file with the CAs to trust instead of the system's.
    :ivar pins: as from `parse_pin`.
    :ivar own: the certificate that we show to a server that asks for one.
    """

    level: TlsLevel = TlsLevel.OPPORTUNISTIC
    tls_name: str | None = None
    ca: Path | None = None
    pins: frozenset[str] = frozenset()
    own: CertificateFiles | None = None
    minimum: TlsVersion = TlsVersion.TLS_1_2


class ClientContexts:
    """OpenSSL contexts of a configuration: one for all next hops that want the same.

    A reload builds a new one, and so reads all files again.
    """

    def __init__(self) -> None:
        self._built: dict[object, SSL.Context] = {}

    def context(self, settings: ClientTlsSettings) -> SSL.Context:
        """Give the context for these settings.

        :raises CertificateFault: when one of the files cannot be used.
        """
        verifies = settings.level is TlsLevel.VERIFIED and not settings.pins
        key = (verifies, settings.ca if verifies else None, settings.own, settings.minimum)
        if key not in self._built:
            self._built[key] = _new_context(settings, verifies)
        return self._built[key]


class ClientTls:
    """The TLS of one next hop.

    :raises CertificateFault: when one of the configured files cannot be used.
    :ivar level: the configured level.
    :ivar handshakes: how many went well.
    :ivar failures: how many did not.
    :ivar last_failure: why the last one did not; ``""`` when none failed.
    """

    def __init__(self, settings: ClientTlsSettings, contexts: ClientContexts) -> None:
        self.level = settings.level
        self.handshakes = 0
        self.failures = 0
        self.last_failure = ""
        self._settings = settings
        self._context = None if settings.level is TlsLevel.NONE else contexts.context(settings)
        self._plaintext_until = float("-inf")

    @property
    def must_have_tls(self) -> bool:
        """Whether a message may never go to this next hop in plaintext."""
        return self.level in (TlsLevel.REQUIRED, TlsLevel.VERIFIED)

    def wants_tls(self, now: float) -> bool:
        """Whether STARTTLS is to be used when it is offered.

        :param now: monotonic seconds, as in `handshake_failed`.
        """
        return self.must_have_tls or (self.level is TlsLevel.OPPORTUNISTIC and now >= self._plaintext_until)

    def plaintext_until(self, now: float) -> float | None:
        """Until when a failed handshake keeps this next hop in plaintext; ``None``: it does not."""
        return self._plaintext_until if not self.must_have_tls and now < self._plaintext_until else None

    def options(self, host: str) -> ClientConnections:
        """Give what ``transport.startTLS`` takes.

        :param host: the next hop as configured, a name or an IP address.
        """
        if self._context is None:
            raise ValueError("this next hop has no TLS")
        return ClientConnections(self._context, self._settings.tls_name or host)

    def verify(self, transport: Any, host: str) -> str | None:
        """Judge the server, once the handshake is complete and before anything is sent.

        :param host: as for `options`.
        :return: ``None`` when all that this level wants is proven; else the reason, one clause.
        """
        if self.level is not TlsLevel.VERIFIED:
            return None
        connection = transport.getHandle()
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return "the server showed no certificate"
        if self._settings.pins:
            pin = pin_of(certificate)
            return None if pin in self._settings.pins else f"the key of the certificate is not a pinned one: {pin}"
        return _chain_reason(connection) or name_reason(certificate, self._settings.tls_name or host)

    def handshake_failed(self, now: float, reason: str) -> None:
        """Note a handshake that failed, or a server that `verify` did not accept."""
        self.failures += 1
        self.last_failure = reason
        self._plaintext_until = now + PLAINTEXT_SECONDS

    def handshake_succeeded(self) -> None:
        """Note a handshake that went well."""
        self.handshakes += 1
        self._plaintext_until = float("-inf")


@implementer(IOpenSSLClientConnectionCreator)
class ClientConnections:
    """Makes the client's part of a TLS connection for one name."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._sni = None if _is_address(name) else _wire_name(name)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's name
        """Give OpenSSL's part of one new connection; asks for the name unless that is an address (RFC 6066 §3)."""
        connection = _NotingConnection(self._context, None)
        if self._sni is not None:
            connection.set_tlsext_host_name(self._sni)
        return connection


class _NotingConnection(SSL.Connection):
    """Keeps what OpenSSL finds wrong with the server's chain: X509_V_ERR_* and depth, in the order of finding."""

    def __init__(self, context: SSL.Context, socket: None) -> None:
        self.faults: list[tuple[int, int]] = []
        super().__init__(context, socket)


def name_reason(certificate: x509.Certificate, name: str) -> str | None:
    """Say why a certificate is not for a name (RFC 9525); ``None`` when it is.

    :param name: a host name or an IP address.
    """
    try:
        if _is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name.rstrip("."))
    except VerificationError:
        return f"the certificate is for {_printable(alternative_names(certificate))}, not for {name}"
    except (CertificateError, ValueError):
        return f"the certificate names {_printable(alternative_names(certificate))}, which proves nothing for {name}"
    return None


def _new_context(settings: ClientTlsSettings, verifies: bool) -> SSL.Context:
    context = new_context(SSL.TLS_CLIENT_METHOD, settings.minimum)
    if verifies:
        context.set_verify(SSL.VERIFY_PEER, _note_fault)
        _trust(context, settings.ca)
    if settings.own is not None:
        show_certificate(context, read_certified_key(settings.own))
    return context


def _trust(context: SSL.Context, ca: Path | None) -> None:
    if ca is None:
        context.set_default_verify_paths()
        return
    read_certificates(ca)
    try:
        context.load_verify_locations(str(ca))
    except SSL.Error as error:
        raise CertificateFault(f"{ca}: no CA certificates can be read from it: {openssl_words(error)}") from error


def _note_fault(connection: SSL.Connection, _certificate: X509, error: int, depth: int, ok: int) -> bool:
    """Let the handshake go on and keep what OpenSSL found, so that `ClientTls.verify` can say it in words."""
    if not ok:
        assert isinstance(connection, _NotingConnection)
        connection.faults.append((error, depth))
    return True


def _chain_reason(connection: _NotingConnection) -> str | None:
    if not connection.faults:
        return None
    error, depth = connection.faults[0]
    words = _VERIFY_WORDS.get(error, f"it does not verify (OpenSSL's error {error})")
    return f"the certificate is not trusted: {words}" if depth == 0 else f"its CA is not trusted: {words}"


def _wire_name(name: str) -> bytes:
    name = name.rstrip(".")
    return name.encode("ascii") if name.isascii() else idna.encode(name, uts46=True)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _printable(names: tuple[str, ...]) -> str:
    words = ", ".join(names[:5]) or "no host"
    return "".join(character if " " <= character <= "~" else "?" for character in words)[:200]


_VERIFY_WORDS = {
    2: "its issuer is not a known CA",
    7: "its signature is wrong",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "it leads to an unknown CA",
    20: "its issuer is not a known CA",
    21: "its issuer is not a known CA",
    23: "it was revoked",
    24: "its issuer may not issue certificates",
    25: "its chain is longer than its CA allows",
    26: "it is not for servers",
    28: "it is rejected by its CA",
    66: "its key is too small",
    67: "its CA's key is too small",
    68: "its signature algorithm is too weak",
}
"""X509_V_ERR_* of OpenSSL's x509_vfy.h."""
