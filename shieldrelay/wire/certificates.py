"""Certificates with their keys: read from files, judged, and made when there is none.

Knows files and X.509, nothing of connections. Called by `wire.tls_server` and `wire.tls_client`, by the configuration's
check, and by the demo. Whatever is wrong with a file is a `CertificateFault` that names the file and the reason in our
words; nothing is left behind.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
"""The kinds of keys that TLS certificates have."""

SECONDS_PER_DAY = 86400

UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What ``cryptography`` raises when a certificate of a stranger is not what it should be."""


class CertificateFault(ValueError):
    """A file cannot be used. ``args[0]`` names the file and says why."""


@frozen
class CertificateFiles:
    """Where a certificate with its chain, and its key, stand as PEM files (they may be the same file)."""

    certificate: Path
    private_key: Path


@frozen
class CertifiedKey:
    """A private key with its certificate and the certificates that lead to a CA.

    :ivar chain: the key's own certificate first; never empty.
    :ivar source: the file that it came from, for messages; ``""`` when it was made in memory.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    source: str = ""

    @property
    def certificate(self) -> x509.Certificate:
        """The key's own certificate."""
        return self.chain[0]

    @property
    def expires(self) -> float:
        """When the first certificate of the chain expires, in seconds since the epoch."""
        return min(certificate.not_valid_after_utc.timestamp() for certificate in self.chain)

    @property
    def begins(self) -> float:
        """When the last certificate of the chain becomes valid, in seconds since the epoch."""
        return max(certificate.not_valid_before_utc.timestamp() for certificate in self.chain)

    @property
    def names(self) -> tuple[str, ...]:
        """The host names and addresses that it is for."""
        return alternative_names(self.certificate)

    def untimely(self, now: float) -> str | None:
        """Say why it is not valid at this time.

        :param now: seconds since the epoch.
        :return: one clause, or ``None`` when it is valid.
        """
        if now >= self.expires:
            return f"expired on {day(self.expires)}"
        if now < self.begins:
            return f"is not valid before {day(self.begins)}"
        return None

    def pem(self) -> bytes:
        """Give key and chain as one PEM file."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the DNS names and IP addresses of a certificate; none when it has no (readable) subjectAltName."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def pin_of(certificate: x509.Certificate) -> str:
    """Give the pin of a certificate's key: SHA-256 of its SubjectPublicKeyInfo, in base64 (RFC 7469 §2.4)."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(sha256(spki).digest()).decode("ascii")


def read_certified_key(files: CertificateFiles) -> CertifiedKey:
    """Read a certificate with its chain, and its key.

    :raises CertificateFault: when a file cannot be read or understood, or the key is another one's.
    """
    chain = read_certificates(files.certificate)
    key = _read_key(files.private_key)
    if key.public_key() != chain[0].public_key():
        raise CertificateFault(
            f"{files.private_key}: this key does not belong to the certificate in {files.certificate}"
        )
    return CertifiedKey(chain, key, str(files.certificate))


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read all certificates of a file, in order; at least one.

    :raises CertificateFault: when there is none, or the file cannot be read.
    """
    octets = _read(path)
    try:
        return tuple(x509.load_pem_x509_certificates(octets))
    except ValueError as error:
        raise CertificateFault(f"{path}: there is no certificate in PEM form in it") from error


def make_certificate(hostname: str, days: int, *, now: float) -> CertifiedKey:
    """Make a self-signed certificate with an EC P-256 key.

    :param hostname: a host name or an IP address.
    :param days: how long it is valid, from a day before ``now``.
    :param now: seconds since the epoch.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    start = dt.datetime.fromtimestamp(now, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - dt.timedelta(days=1))
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertifiedKey((certificate,), key)


def keep_certificate(directory: Path, hostname: str, days: int, *, now: float) -> CertifiedKey:
    """Give the self-made certificate that stands in a directory; make and store one when there is none for this name.

    One that expires within a month is replaced too.

    :param directory: made with mode 0700 when it is not there; the file in it has mode 0600.
    :raises CertificateFault: when it cannot be stored.
    """
    path = directory / "self-made.pem"
    try:
        kept = read_certified_key(CertificateFiles(path, path))
    except CertificateFault:
        kept = None
    if kept is not None and hostname in kept.names and kept.untimely(now + 30 * SECONDS_PER_DAY) is None:
        return kept
    made = make_certificate(hostname, days, now=now)
    try:
        _store(path, made.pem())
    except OSError as error:
        raise CertificateFault(f"{path}: cannot be written: {error.strerror}") from error
    return CertifiedKey(made.chain, made.key, str(path))


def _store(path: Path, octets: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(octets)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def _read_key(path: Path) -> PrivateKey:
    octets = _read(path)
    try:
        key = load_pem_private_key(octets, None)
    except TypeError as error:
        raise CertificateFault(
            f"{path}: the key is protected by a passphrase, which nobody is there to type"
        ) from error
    except ValueError as error:
        raise CertificateFault(f"{path}: there is no private key in PEM form in it") from error
    if not isinstance(key, PrivateKey):
        raise CertificateFault(f"{path}: TLS has no use for a key of this kind")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateFault(f"{path}: cannot be read: {error.strerror}") from error


def _general_name(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        return x509.DNSName(hostname)


def day(moment: float) -> str:
    """Give the day of a moment (seconds since the epoch), in UTC: ``2027-01-31``."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d")
