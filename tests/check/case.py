"""A world for checks: name servers, a CA, and servers that answer or refuse."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shieldrelay.check.finding import Finding, Level


def shown(findings: Iterable[Finding], *levels: Level) -> list[str]:
    """Give findings of some levels as text."""
    chosen = [each for each in findings if not levels or each.level in levels]
    return [f"{each.level.name} {each.subject}: {each.words}" for each in chosen]


class Authority:
    """A CA that signs what a test wants, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's CA")])
        self.file = directory / "ca.pem"
        self.file.write_bytes(self._signed(self._name, self._key, "", 365).public_bytes(Encoding.PEM))

    def issue(self, name: str, days: float) -> tuple[Path, Path]:
        """Give the files of a certificate for a name and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self._directory / f"{name}.{days}.pem", self._directory / f"{name}.{days}.key"
        certificate.write_bytes(self._signed(subject, key, name, days).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        private.chmod(0o600)
        return certificate, private

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, name: str, days: float) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        begin = now - dt.timedelta(days=400)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=not name, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if name:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


class Speaker:
    """A server on the loopback that answers SMTP commands from a table, one connection after the other.

    :param replies: by verb; ``""`` is the greeting; what is missing is answered 250.
    :param files: certificate and key of STARTTLS.
    :ivar heard: the commands of all clients.
    """

    def __init__(self, replies: dict[str, str], files: tuple[Path, Path] | None = None) -> None:
        self._replies = {"": "220 here", "QUIT": "221 bye", "STARTTLS": "220 go", **replies}
        self._context: ssl.SSLContext | None = None
        if files is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*files)
        self.heard: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                made, _ = self._listening.accept()
            except OSError:
                return
            made.settimeout(5)
            try:
                self._talk(made)
            except OSError:
                continue
            finally:
                made.close()

    def _talk(self, made: socket.socket) -> None:
        made.sendall(self._replies[""].encode() + b"\r\n")
        stream = made.makefile("rb")
        while line := stream.readline():
            command = line.decode("latin-1").strip()
            self.heard.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO" and self._context is not None and not isinstance(made, ssl.SSLSocket):
                made.sendall(b"250-here\r\n250 STARTTLS\r\n")
                continue
            made.sendall(self._replies.get(verb, "250 yes").encode() + b"\r\n")
            if verb == "QUIT":
                return
            if verb == "STARTTLS" and self._context is not None:
                made = self._context.wrap_socket(made, server_side=True)
                stream = made.makefile("rb")
