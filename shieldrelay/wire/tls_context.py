"""What the TLS of both directions has in common: versions, ciphers, options, and how a connection is named in words.

One of the doors of OpenSSL. Contexts are built whole before a connection uses one and are never changed afterwards.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from OpenSSL import SSL
from twisted.python.failure import Failure

from shieldrelay.wire.certificates import CertificateFault, CertifiedKey

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES+SHA384:ECDHE+AES+SHA256:!aNULL:!eNULL"
"""For TLS 1.2: forward secrecy only. The CBC suites with SHA-2 are for Windows servers of 2012, which know no GCM with
RSA; a mail server that finds no common cipher here would fall back to plaintext. TLS 1.3 has OpenSSL's own list."""


class TlsVersion(Enum):
    """The lowest protocol version that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


def new_context(method: int, minimum: TlsVersion) -> SSL.Context:
    """Build a context with our versions, ciphers and options.

    No compression (CRIME), no renegotiation, no session cache (tickets cost no memory), and buffers are given back
    while a connection idles.

    :param method: ``SSL.TLS_SERVER_METHOD`` or ``SSL.TLS_CLIENT_METHOD``.
    """
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_3_VERSION if minimum is TlsVersion.TLS_1_3 else SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    return context


def show_certificate(context: SSL.Context, certified: CertifiedKey) -> None:
    """Have a context show a certificate with its chain.

    :raises CertificateFault: when OpenSSL finds the certificate too weak or otherwise refuses it.
    """
    try:
        context.use_certificate(certified.certificate)
        for certificate in certified.chain[1:]:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(certified.key)
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise CertificateFault(f"{certified.source}: {openssl_words(error)}") from error


def openssl_words(error: Exception) -> str:
    """Give OpenSSL's own reasons in one clause, without its library and function names."""
    errors = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [str(entry[-1]) for entry in errors if entry[-1]]
    return ", ".join(reasons) or str(error) or type(error).__name__


def failure_words(failure: Failure) -> str:
    """Say why a TLS connection was lost, for the journal and `ClientTls.handshake_failed`.

    :param failure: what ``connectionLost`` got.
    """
    if isinstance(failure.value, SSL.Error):
        return openssl_words(failure.value)
    return "the connection was closed"


def described(transport: Any) -> str | None:
    """Name a transport's TLS for trace lines and the journal: ``TLSv1.3 TLS_AES_256_GCM_SHA384``.

    :param transport: any Twisted transport.
    :return: ``None`` while it is not encrypted.
    """
    connection = transport.getHandle() if getattr(transport, "TLS", False) else None
    if not isinstance(connection, SSL.Connection):
        return None
    return f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"
