"""`Authority`: a throw-away CA for tests, which certifies servers and clients by name or address.

Shares no code with ``wire.certificates``. Used by tests and by nothing else.

    authority = Authority(now=time.time())
    hop = ScriptedNextHop(reactor, tls=authority.issue("mx.example.test").server_options())
    settings = ClientTlsSettings(level=TlsLevel.VERIFIED, ca=authority.write(directory / "ca.pem"))
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from twisted.internet.ssl import CertificateOptions, PrivateCertificate

_DAY = dt.timedelta(days=1)


@frozen
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def server_options(self) -> CertificateOptions:
        """Give what a server's ``startTLS`` takes; Twisted's own, not ours."""
        options = PrivateCertificate.loadPEM(self.certificate_pem + self.key_pem).options()
        assert isinstance(options, CertificateOptions)
        return options

    def write(self, certificate: Path, key: Path | None = None) -> tuple[Path, Path]:
        """Write both as PEM, into one file when there is only one; give the paths."""
        if key is None:
            certificate.write_bytes(self.certificate_pem + self.key_pem)
            return certificate, certificate
        certificate.write_bytes(self.certificate_pem)
        key.write_bytes(self.key_pem)
        return certificate, key


class Authority:
    """A CA that exists for one test.

    :param now: seconds since the epoch, from which dates are counted.
    """

    def __init__(self, *, now: float, name: str = "Throw-away CA") -> None:
        self._now = dt.datetime.fromtimestamp(now, dt.UTC)
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key, days=3650).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = builder.sign(self._key, hashes.SHA256())

    def write(self, path: Path) -> Path:
        """Write the CA's certificate as PEM; give the path."""
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def issue(
        self,
        *names: str,
        days: int = 30,
        server: bool = True,
        subject: str = "issued",
        alternatives: bytes | None = None,
    ) -> Issued:
        """Certify a new key.

        :param names: host names and IP addresses; none: a certificate without subjectAltName.
        :param days: how long it is valid, from two days ago; -1: expired yesterday.
        :param server: for servers; else for clients.
        :param alternatives: octets for subjectAltName instead of names, such as garbage.
        """
        key = generate_private_key(SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = self._builder(name, key, days).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            general = [_general_name(each) for each in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        if alternatives is not None:
            raw = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, alternatives)
            builder = builder.add_extension(raw, critical=False)
        return Issued(builder.sign(self._key, hashes.SHA256()), key)

    def _builder(self, subject: x509.Name, key: EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - 2 * _DAY)
            .not_valid_after(self._now + days * _DAY)
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
