"""Certificates: read, judged, made; every fault names its file."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.testing.authority import Authority
from shieldrelay.wire.certificates import (
    SECONDS_PER_DAY,
    CertificateFault,
    CertificateFiles,
    CertifiedKey,
    keep_certificate,
    make_certificate,
    pin_of,
    read_certified_key,
)

NOW = time.time()


class ReadTests(SynchronousTestCase):
    """Files of an operator, good and bad."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(now=NOW)

    def read(self, certificate: Path, key: Path) -> CertifiedKey:
        return read_certified_key(CertificateFiles(certificate, key))

    def fault(self, certificate: Path, key: Path) -> str:
        return str(self.assertRaises(CertificateFault, self.read, certificate, key))

    def test_reads_a_chain_with_its_key(self) -> None:
        """All certificates of the file are taken in order, and the first to expire counts."""
        certificate, key = self.authority.issue("mx.test", "192.0.2.1", days=3).write(
            self.directory / "chain.pem", self.directory / "key.pem"
        )
        with certificate.open("ab") as stream:
            stream.write(self.authority.write(self.directory / "ca.pem").read_bytes())
        certified = self.read(certificate, key)
        self.assertEqual(len(certified.chain), 2)
        self.assertEqual(certified.names, ("mx.test", "192.0.2.1"))
        self.assertEqual(int(certified.expires), int(NOW) + 3 * SECONDS_PER_DAY)
        self.assertIsNone(certified.untimely(NOW))

    def test_reads_both_from_one_file(self) -> None:
        """Key and certificate may stand in one file."""
        certified = self.read(*self.authority.issue("mx.test").write(self.directory / "both.pem"))
        self.assertEqual(certified.names, ("mx.test",))

    def test_says_when_it_is_not_valid(self) -> None:
        """An expired certificate is read, and says since when it is worth nothing."""
        certified = self.read(*self.authority.issue("mx.test", days=-1).write(self.directory / "old.pem"))
        self.assertRegex(certified.untimely(NOW) or "", r"\Aexpired on \d{4}-\d\d-\d\d\Z")
        self.assertIn("not valid before", certified.untimely(NOW - 30 * SECONDS_PER_DAY) or "")

    def test_refuses_a_key_of_another_certificate(self) -> None:
        """A key that does not fit is named together with the certificate."""
        certificate, _ = self.authority.issue("mx.test").write(self.directory / "a.pem")
        _, key = self.authority.issue("mx.test").write(self.directory / "b.pem")
        self.assertEqual(
            self.fault(certificate, key), f"{key}: this key does not belong to the certificate in {certificate}"
        )

    def test_refuses_what_cannot_be_read(self) -> None:
        """A missing file, a directory, and a file without PEM are named with the reason."""
        certificate, key = self.authority.issue("mx.test").write(self.directory / "c.pem", self.directory / "k.pem")
        nothing, garbage = self.directory / "nothing", self.directory / "garbage"
        garbage.write_bytes(b"\0garbage\xff-----BEGIN CERTIFICATE-----")
        self.assertEqual(self.fault(nothing, key), f"{nothing}: cannot be read: No such file or directory")
        self.assertEqual(self.fault(self.directory, key), f"{self.directory}: cannot be read: Is a directory")
        self.assertIn("no certificate in PEM form", self.fault(garbage, key))
        self.assertIn("no private key in PEM form", self.fault(certificate, garbage))
        self.assertIn("no private key in PEM form", self.fault(certificate, certificate))

    def test_refuses_a_key_with_a_passphrase(self) -> None:
        """Nobody is there to type a passphrase at start."""
        issued = self.authority.issue("mx.test")
        certificate, key = issued.write(self.directory / "c.pem", self.directory / "k.pem")
        locked = BestAvailableEncryption(b"secret")
        key.write_bytes(issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        self.assertIn("passphrase", self.fault(certificate, key))

    def test_shows_no_key_in_words(self) -> None:
        """The key does not get into a traceback or a log by the value's own words."""
        certified = make_certificate("mx.test", 1, now=NOW)
        self.assertNotIn("key=", repr(certified))


class MakeTests(SynchronousTestCase):
    """The certificate that we make."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "tls"

    def keep(self, hostname: str = "mx.test", now: float = NOW) -> CertifiedKey:
        return keep_certificate(self.directory, hostname, 365, now=now)

    def test_is_for_its_name(self) -> None:
        """Host names and addresses get into subjectAltName, and a name of any length is possible."""
        long = ".".join(["x" * 60] * 4)
        for name in ("mx.test", "192.0.2.1", "2001:db8::1", long):
            self.assertEqual(make_certificate(name, 1, now=NOW).names, (name,))

    def test_stays_the_same(self) -> None:
        """The same name gets the same key at every start."""
        self.assertEqual(pin_of(self.keep().certificate), pin_of(self.keep().certificate))

    def test_is_for_nobody_else_to_read(self) -> None:
        """The file has mode 0600, its directory 0700, and nothing else is left there."""
        self.keep()
        (path,) = self.directory.iterdir()
        self.assertEqual((path.stat().st_mode & 0o777, self.directory.stat().st_mode & 0o777), (0o600, 0o700))

    def test_is_made_again_when_it_does_not_fit(self) -> None:
        """Another name, a damaged file or a near end get a new one."""
        first = pin_of(self.keep().certificate)
        other = self.keep("mx2.test")
        self.assertNotEqual(pin_of(other.certificate), first)
        late = self.keep("mx2.test", now=NOW + 340 * SECONDS_PER_DAY)
        self.assertNotEqual(pin_of(late.certificate), pin_of(other.certificate))
        (self.directory / "self-made.pem").write_bytes(b"damaged")
        self.assertEqual(self.keep().names, ("mx.test",))

    def test_says_when_it_cannot_be_kept(self) -> None:
        """A state directory that is a file is a fault with the file's name."""
        self.directory.parent.mkdir()
        self.directory.write_bytes(b"")
        fault = self.assertRaises(CertificateFault, self.keep)
        self.assertIn(str(self.directory / "self-made.pem"), str(fault))
