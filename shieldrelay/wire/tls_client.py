"""`ClientTls`: what TLS one next hop gets and what it must prove (R10).

One object per next hop, because each has its own memory of failed handshakes; their contexts are shared through
`ClientContexts`. Called by the outbound connection; knows neither it nor the pool.

The four levels: NONE never encrypts. OPPORTUNISTIC encrypts when it can, verifies nothing, and goes without for an hour
after a failed handshake. REQUIRED never sends mail in plaintext, and verifies nothing. VERIFIED wants to know who it
talks to as well: with pins, the key of the server's certificate must be one of them, and that alone decides (chain,
name and dates say nothing more about who holds the key; like DANE-EE of RFC 7671 §5.1); without pins, the chain must
lead to the CA file's or the system's CAs, and the certificate must be for the next hop's name.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

import idna
from attrs import field, frozen
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from shieldrelay.wire.certificates import (
    UNREADABLE,
    CertificateFault,
    CertificateFiles,
    pin_of,
    read_certificates,
    read_certified_key,
)
from shieldrelay.wire.tls_context import TlsVersion, new_context, openssl_words, show_certificate
from shieldrelay.wire.tls_verification import NotingConnection, chain_reason, is_address, name_reason, note_fault

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


def _pins(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(parse_pin(text) for text in texts)


@frozen
class ClientTlsSettings:
    """What is configured for a next hop.

    :ivar tls_name: the name to verify and to ask for, when it is not the next hop's own; a host name or an IP address.
    :ivar ca: a PEM file with the CAs to trust instead of the system's.
    :ivar pins: any form that `parse_pin` takes; a ValueError when one is none.
    :ivar own: the certificate that we show to a server that asks for one.
    """

    level: TlsLevel = TlsLevel.OPPORTUNISTIC
    tls_name: str | None = None
    ca: Path | None = None
    pins: frozenset[str] = field(default=(), converter=_pins)
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
        try:
            certificate = connection.get_peer_certificate(as_cryptography=True)
            if certificate is None:
                return "the server showed no certificate"
            if self._settings.pins:
                return self._pin_reason(pin_of(certificate))
        except UNREADABLE as error:
            return f"the certificate cannot be read: {type(error).__name__}"
        return chain_reason(connection) or name_reason(certificate, self._settings.tls_name or host)

    def _pin_reason(self, pin: str) -> str | None:
        return None if pin in self._settings.pins else f"the key of the certificate is not a pinned one: {pin}"

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
        self._sni = None if is_address(name) else _wire_name(name)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's name
        """Give OpenSSL's part of one new connection; asks for the name unless that is an address (RFC 6066 §3)."""
        connection = NotingConnection(self._context, None)
        if self._sni is not None:
            connection.set_tlsext_host_name(self._sni)
        return connection


def _new_context(settings: ClientTlsSettings, verifies: bool) -> SSL.Context:
    context = new_context(SSL.TLS_CLIENT_METHOD, settings.minimum)
    if verifies:
        context.set_verify(SSL.VERIFY_PEER, note_fault)
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


def _wire_name(name: str) -> bytes:
    name = name.rstrip(".")
    return name.encode("ascii") if name.isascii() else idna.encode(name, uts46=True)
