"""Who a TLS server is: what OpenSSL found wrong with its chain, and whether its certificate is for the wanted name.

Collects faults instead of breaking the handshake off, so that `wire.tls_client` can tell the operator a reason in
words. Values in, a reason or ``None`` out; a chain that was never examined is not trusted. Whatever a certificate says
is hostile text and is clipped to printable ASCII here.
"""

from __future__ import annotations

import ipaddress

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from shieldrelay.wire.certificates import UNREADABLE, alternative_names


class NotingConnection(SSL.Connection):
    """Keeps what OpenSSL says of the server's chain.

    :ivar examined: whether it has looked at the chain at all.
    :ivar faults: X509_V_ERR_* and depth, in the order of finding.
    """

    def __init__(self, context: SSL.Context, socket: None) -> None:
        self.examined = False
        self.faults: list[tuple[int, int]] = []
        super().__init__(context, socket)


def name_reason(certificate: x509.Certificate, name: str) -> str | None:
    """Say why a certificate is not for a name (RFC 9525); ``None`` when it is.

    :param name: a host name or an IP address.
    """
    try:
        if is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name.rstrip("."))
    except VerificationError:
        return f"the certificate is for {_printable(alternative_names(certificate))}, not for {name}"
    except (CertificateError, *UNREADABLE):
        return f"the certificate names {_printable(alternative_names(certificate))}, which proves nothing for {name}"
    return None


def note_fault(connection: SSL.Connection, _certificate: X509, error: int, depth: int, ok: int) -> bool:
    """Let the handshake go on and keep what OpenSSL found, so that `ClientTls.verify` can say it in words."""
    assert isinstance(connection, NotingConnection)
    connection.examined = True
    if not ok:
        connection.faults.append((error, depth))
    return True


def chain_reason(connection: NotingConnection) -> str | None:
    """Say why the server's chain is not trusted; ``None`` when it is."""
    if not connection.examined:
        return "the certificate is not trusted: its chain was not examined"
    if not connection.faults:
        return None
    error, depth = connection.faults[0]
    words = _VERIFY_WORDS.get(error, f"it does not verify (OpenSSL's error {error})")
    return f"the certificate is not trusted: {words}" if depth == 0 else f"its CA is not trusted: {words}"


def is_address(name: str) -> bool:
    """Whether a next hop's name is an IP address."""
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
