"""TLS of both directions: the names that the other rooms use (R10, R33). What they do stands in ``wire.tls_*``."""

from __future__ import annotations

from shieldrelay.wire.certificates import CertificateFault, CertificateFiles, CertifiedKey, make_certificate, pin_of
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings, TlsLevel, parse_pin
from shieldrelay.wire.tls_context import TlsVersion, described, failure_words
from shieldrelay.wire.tls_server import (
    ServerTls,
    ServerTlsSettings,
    ShownCertificate,
    TlsFault,
    check,
)

__all__ = [
    "CertificateFault",
    "CertificateFiles",
    "CertifiedKey",
    "ClientContexts",
    "ClientTls",
    "ClientTlsSettings",
    "ServerTls",
    "ServerTlsSettings",
    "ShownCertificate",
    "TlsFault",
    "TlsLevel",
    "TlsVersion",
    "check",
    "described",
    "failure_words",
    "make_certificate",
    "parse_pin",
    "pin_of",
]
