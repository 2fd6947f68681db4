"""The TLS between nodes of one cluster: both sides show a key that follows from the cluster's, and want to see it.

There is no CA and nothing to renew: the key *is* the proof, and names and dates are not looked at. Whoever has not the
cluster's key does not get past the handshake, in either direction. TLS 1.3 only: it never shows a certificate in the
clear, and what was recorded stays closed when the key becomes known. Called by the assembly.
"""
# ruff: noqa: N803 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import datetime as dt
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from zope.interface import implementer

from shieldrelay.wire.certificates import UNREADABLE, CertifiedKey, pin_of
from shieldrelay.wire.tls_context import TlsVersion, new_context, show_certificate

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: private keys are from 1 to one less."""
_BEGIN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_END = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class PeerTls:
    """Makes both sides' parts of connections.

    :param secret: 32 octets that only nodes of the cluster know.
    """

    def __init__(self, secret: bytes) -> None:
        certified = _certified(secret)
        self._pin = pin_of(certified.certificate)
        self._server = self._context(SSL.TLS_SERVER_METHOD, certified)
        self._client = self._context(SSL.TLS_CLIENT_METHOD, certified)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """Give OpenSSL's part of a connection that we open."""
        return SSL.Connection(self._client, None)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """Give OpenSSL's part of one that was opened to us."""
        return SSL.Connection(self._server, None)

    def _context(self, method: int, certified: CertifiedKey) -> SSL.Context:
        context = new_context(method, TlsVersion.TLS_1_3)
        show_certificate(context, certified)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._is_ours)
        return context

    def _is_ours(self, _connection: SSL.Connection, certificate: Any, _error: int, depth: int, _ok: int) -> bool:
        """Whether a certificate has the cluster's key; what OpenSSL thinks of it does not matter."""
        try:
            return depth == 0 and pin_of(certificate.to_cryptography()) == self._pin
        except UNREADABLE:
            return False


def _certified(secret: bytes) -> CertifiedKey:
    key = ec.derive_private_key(int.from_bytes(secret, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shieldrelay peer")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .sign(key, hashes.SHA256())
    )
    return CertifiedKey((certificate,), key)
