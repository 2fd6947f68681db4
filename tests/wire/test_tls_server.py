"""Inbound TLS against Python's own ssl module, by real handshakes over loopback."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from cryptography import x509
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from shieldrelay.testing.authority import Authority
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.tls_context import TlsVersion, described, failure_words
from shieldrelay.wire.tls_server import ServerTls, ServerTlsSettings, TlsFault, check

NOW = time.time()


@implementer(IHandshakeListener)
class Greeter(Protocol):
    """Starts TLS at once and answers every octet with the name of its connection's TLS."""

    transport: Any

    def __init__(self, house: GreeterFactory) -> None:
        self.house = house

    def connectionMade(self) -> None:
        self.transport.startTLS(self.house.tls)

    def handshakeCompleted(self) -> None:
        self.house.described.put(described(self.transport))

    def dataReceived(self, octets: bytes) -> None:
        self.transport.write(b"%d;" % len(octets))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.house.lost.put(failure_words(reason))


class GreeterFactory(ServerFactory):
    """Greeters with one `ServerTls`."""

    noisy = False

    def __init__(self, tls: ServerTls) -> None:
        self.tls = tls
        self.described: DeferredQueue[str | None] = DeferredQueue()
        self.lost: DeferredQueue[str] = DeferredQueue()

    def buildProtocol(self, addr: object) -> Greeter:
        return Greeter(self)


@frozen
class Seen:
    """What a client saw."""

    names: tuple[str, ...]
    version: str | None
    cipher: str


def unverifying() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def dial(port: int, name: str | None = None, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        return (context or unverifying()).wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def seen(connection: ssl.SSLSocket) -> Seen:
    certificate = x509.load_der_x509_certificate(connection.getpeercert(True) or b"")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    cipher = connection.cipher()
    return Seen(tuple(names.get_values_for_type(x509.DNSName)), connection.version(), cipher[0] if cipher else "")


def look(port: int, name: str | None = None, context: ssl.SSLContext | None = None) -> Seen:
    with dial(port, name, context) as connection:
        return seen(connection)


class Fixture(SynchronousTestCase):
    """Settings over files of a throw-away CA."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(now=NOW)
        self.settings = ServerTlsSettings("mx.test", self.directory / "state", self.files("mx.test"))

    def files(self, name: str, days: int = 30) -> CertificateFiles:
        certificate, key = self.authority.issue(name, days=days).write(self.directory / f"{name}.pem")
        key.chmod(0o640)
        return CertificateFiles(certificate, key)


class HandshakeTests(Fixture, TestCase):
    """What clients get."""

    def listen(self, settings: ServerTlsSettings) -> ServerTls:
        tls = ServerTls(settings, lambda: NOW)
        self.factory = GreeterFactory(tls)
        listening: Any = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port
        return tls

    async def test_shows_the_certificate_that_is_asked_for(self) -> None:
        """SNI chooses, in any case of letters, by wildcard too; anybody else gets the node's own."""
        by_name = {"a.test": self.files("a.test"), "*.b.test": self.files("wild.b.test")}
        self.listen(evolve(self.settings, by_name=by_name))
        asked = (None, "a.test", "A.Test", "x.b.test", "y.x.b.test", "unknown.test")
        shown = [(await deferToThread(look, self.port, name)).names[0] for name in asked]
        self.assertEqual(shown, ["mx.test", "a.test", "a.test", "wild.b.test", "mx.test", "mx.test"])

    async def test_names_what_was_agreed(self) -> None:
        """Version and cipher are told for the trace line, as the client sees them."""
        self.listen(self.settings)
        client = await deferToThread(look, self.port)
        self.assertEqual(await self.factory.described.get(), f"TLSv1.3 {client.cipher}")

    async def test_speaks_tls_1_2_with_forward_secrecy(self) -> None:
        """TLS 1.2 works, and only with ECDHE."""
        self.listen(self.settings)
        context = unverifying()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        client = await deferToThread(look, self.port, None, context)
        self.assertEqual((client.version, client.cipher[:6]), ("TLSv1.2", "ECDHE-"))
        context.set_ciphers("kRSA:DHE")
        with self.assertRaises(ssl.SSLError):
            await deferToThread(look, self.port, None, context)

    async def test_refuses_old_versions(self) -> None:
        """TLS 1.1 is refused, and TLS 1.2 too when the node wants 1.3; the reason is told in words."""
        context = unverifying()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        self.listen(self.settings)
        with self.assertRaises(ssl.SSLError):
            await deferToThread(look, self.port, None, context)
        self.assertEqual(await self.factory.lost.get(), "unsupported protocol")
        self.listen(evolve(self.settings, minimum=TlsVersion.TLS_1_3))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            await deferToThread(look, self.port, None, context)

    async def test_reloads_without_restart(self) -> None:
        """New connections get the new certificate; one that stands goes on, before, during and after."""
        tls = self.listen(self.settings)
        old = await deferToThread(dial, self.port)
        self.addCleanup(old.close)
        tls.reload(evolve(self.settings, files=self.files("renewed.test")))
        self.assertEqual((await deferToThread(look, self.port)).names, ("renewed.test",))
        await deferToThread(old.sendall, b"abc")
        self.assertEqual(await deferToThread(old.recv, 10), b"3;")

    async def test_reloads_the_same_files(self) -> None:
        """What certbot replaced in place is taken at the next reload."""
        tls = self.listen(self.settings)
        before = tls.expires
        self.files("mx.test", days=60)
        tls.reload(self.settings)
        self.assertGreater(tls.expires, before + 86400)

    async def test_keeps_everything_when_a_reload_fails(self) -> None:
        """One bad file among good ones, and nothing changes."""
        tls = self.listen(self.settings)
        before = tls.shown
        mixed = CertificateFiles(self.files("b.test").certificate, self.files("a.test").private_key)
        new = evolve(self.settings, files=self.files("renewed.test"), by_name={"b.test": mixed})
        fault = self.assertRaises(TlsFault, tls.reload, new)
        self.assertEqual(len(fault.faults), 1)
        self.assertIn("a.test.pem: this key does not belong", fault.faults[0])
        self.assertEqual(tls.shown, before)
        self.assertEqual((await deferToThread(look, self.port)).names, ("mx.test",))

    async def test_survives_a_client_that_speaks_no_tls(self) -> None:
        """Garbage ends that connection with a reason, and the next client is served."""
        self.listen(self.settings)

        def rant() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as raw:
                raw.sendall(b"EHLO here I am\r\n")
                return raw.recv(100)

        await deferToThread(rant)
        await deferToThread(look, self.port)
        self.assertNotIn("closed", await self.factory.lost.get())

    async def test_does_not_renegotiate(self) -> None:
        """A client of TLS 1.2 that wants a new handshake on the old connection does not get one."""
        self.listen(self.settings)

        def renegotiate() -> None:
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as raw:
                raw.settimeout(None)
                connection = SSL.Connection(context, raw)
                connection.set_connect_state()
                connection.do_handshake()
                connection.renegotiate()
                connection.do_handshake()
                connection.recv(10)

        with self.assertRaisesRegex(SSL.Error, "no renegotiation"):
            await deferToThread(renegotiate)


class SettingsTests(Fixture):
    """What is said about files before a client sees them."""

    def serve(self, settings: ServerTlsSettings, wall: Callable[[], float] = lambda: NOW) -> ServerTls:
        return ServerTls(settings, wall)

    def test_makes_a_certificate_when_none_is_configured(self) -> None:
        """It is kept, is the same at the next start, and the status says so."""
        bare = evolve(self.settings, files=None)
        first, second = self.serve(bare), self.serve(bare)
        self.assertEqual(first.shown, second.shown)
        self.assertTrue(first.shown[0].self_made)
        self.assertEqual(first.shown[0].names, ("mx.test",))
        self.assertIn("no certificate is configured: one is made for mx.test", first.describe()[-1])

    def test_check_writes_nothing(self) -> None:
        """The check says that a certificate will be made, and makes none."""
        words = check(evolve(self.settings, files=None), NOW)
        self.assertIn("no certificate is configured", words[-1])
        self.assertFalse(self.settings.state.exists())

    def test_names_all_faults_at_once(self) -> None:
        """Two bad files are two faults."""
        nothing = self.directory / "nothing"
        by_name = {"a.test": CertificateFiles(nothing, nothing)}
        bad = evolve(self.settings, files=CertificateFiles(nothing, nothing), by_name=by_name)
        self.assertEqual(len(self.assertRaises(TlsFault, check, bad, NOW).faults), 2)

    def test_starts_with_an_expired_certificate(self) -> None:
        """Better an expired certificate than mail in plaintext: a warning at start."""
        tls = self.serve(evolve(self.settings, files=self.files("mx.test", days=-1)))
        self.assertRegex(tls.describe()[-1], r"mx\.test\.pem: expired on ")

    def test_does_not_exchange_a_good_certificate_for_an_expired_one(self) -> None:
        """At a reload an expired certificate is a fault."""
        tls = self.serve(self.settings)
        fault = self.assertRaises(TlsFault, tls.reload, evolve(self.settings, files=self.files("b.test", days=-1)))
        self.assertIn("b.test.pem: expired on", str(fault))

    def test_reloads_though_the_certificate_in_force_has_expired(self) -> None:
        """A certificate that expired while it was in force does not stand in the way of another setting."""
        now = [NOW]
        tls = self.serve(self.settings, lambda: now[0])
        now[0] += 31 * 86400
        tls.reload(evolve(self.settings, by_name={"mx.test": self.files("mx.test", days=90)}))
        self.assertEqual(len(tls.shown), 2)

    def test_says_how_long_it_lasts(self) -> None:
        """The status names file, names and last day."""
        day = dt.datetime.fromtimestamp(int(NOW) + 30 * 86400, dt.UTC).date()
        (words,) = self.serve(self.settings).describe()
        self.assertEqual(words, f"{self.directory}/mx.test.pem: shown to everybody else, for mx.test, until {day}")

    def test_says_when_everybody_may_read_the_key(self) -> None:
        """A key that others may read works and is warned about."""
        assert self.settings.files is not None
        self.settings.files.private_key.chmod(0o644)
        self.assertIn("every user of this machine may read", self.serve(self.settings).describe()[-1])

    def test_says_when_the_certificate_is_for_somebody_else(self) -> None:
        """A certificate that does not cover the name it is shown for works and is warned about."""
        tls = self.serve(evolve(self.settings, hostname="other.test"))
        self.assertIn("is not for other.test", tls.describe()[-1])
        fits = ServerTlsSettings("mx.test", self.directory, self.files("*.test"))
        self.assertEqual(check(fits, NOW), ())
