"""Outbound TLS: what each level wants, what it proves, and what it remembers. Handshakes are real, in memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from attrs import evolve
from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLContextFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from shieldrelay.testing.authority import Authority, Issued
from shieldrelay.testing.nexthop import ScriptedNextHop, Step, close, say
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.certificates import CertificateFault, CertificateFiles, make_certificate, pin_of
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings, TlsLevel, parse_pin
from shieldrelay.wire.tls_context import described, failure_words
from shieldrelay.wire.tls_verification import name_reason

NOW = time.time()


@implementer(IHandshakeListener)
class Starter(Protocol):
    """A client that says EHLO, STARTTLS, and after the handshake asks for a judgement."""

    transport: Any

    def __init__(self, tls: ClientTls, host: str) -> None:
        self.tls, self.host = tls, host
        self.secured = False
        self.verdict: str | None = "no handshake"
        self.words: str | None = None
        self.lost = ""

    def dataReceived(self, octets: bytes) -> None:
        if octets.startswith(b"220") and b"ESMTP" in octets:
            self.transport.write(b"EHLO client.test\r\n")
        elif octets.startswith(b"250"):
            self.transport.write(b"STARTTLS\r\n")
        elif octets.startswith(b"220"):
            self.transport.startTLS(self.tls.options(self.host))

    def handshakeCompleted(self) -> None:
        self.secured = True
        self.verdict = self.tls.verify(self.transport, self.host)
        self.words = described(self.transport)
        self.transport.write(b"EHLO client.test\r\nQUIT\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = failure_words(reason)


class Fixture(SynchronousTestCase):
    """A CA and its file."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(now=NOW)
        self.ca = self.authority.write(self.directory / "ca.pem")
        self.verified = ClientTlsSettings(TlsLevel.VERIFIED, ca=self.ca)

    def meet(
        self,
        server: Issued | Any,
        settings: ClientTlsSettings,
        host: str = "mx.test",
        contexts: ClientContexts | None = None,
    ) -> Starter:
        """Have a client with these settings do a handshake with a server."""
        clock = Clock()
        options = server.server_options() if isinstance(server, Issued) else server
        self.hop = getattr(self, "hop", None) or ScriptedNextHop(clock)
        self.hop.tls = options
        starter = Starter(ClientTls(settings, contexts or ClientContexts()), host)
        pump = Pump(starter, self.hop.buildProtocol(), clock=clock)
        pump.start()
        pump.flush()
        return starter


class VerifiedTests(Fixture):
    """What `VERIFIED` accepts, and its words when it does not."""

    def test_accepts_the_right_name(self) -> None:
        """A chain to the CA and a name that fits are good; wildcards count for one label."""
        for name in ("mx.customer.test", "MX.customer.test", "*.customer.test"):
            self.assertIsNone(self.meet(self.authority.issue(name), self.verified, "mx.customer.test").verdict, name)
        self.assertIsNotNone(self.meet(self.authority.issue("*.test"), self.verified, "mx.customer.test").verdict)

    def test_tells_what_was_agreed(self) -> None:
        """Version and cipher are told as on the inbound side."""
        self.assertRegex(
            self.meet(self.authority.issue("mx.test"), self.verified).words or "", r"\ATLSv1\.3 TLS_[A-Z0-9_]+\Z"
        )

    def test_refuses_another_name(self) -> None:
        """The names that it is for and the one that was wanted are told."""
        verdict = self.meet(self.authority.issue("other.test", "*.mx.test", "192.0.2.1"), self.verified).verdict
        self.assertEqual(verdict, "the certificate is for other.test, *.mx.test, 192.0.2.1, not for mx.test")

    def test_refuses_a_certificate_without_names(self) -> None:
        """The subject's common name is no host name (RFC 9525 §2)."""
        verdict = self.meet(self.authority.issue(subject="mx.test"), self.verified).verdict
        self.assertEqual(verdict, "the certificate names no host, which proves nothing for mx.test")

    def test_verifies_addresses(self) -> None:
        """A next hop by address must have it in its certificate, as an address and not as a name."""
        for host in ("192.0.2.1", "2001:db8::1"):
            self.assertIsNone(self.meet(self.authority.issue(host), self.verified, host).verdict)
            self.assertIsNotNone(self.meet(self.authority.issue("192.0.2.2"), self.verified, host).verdict)

    def test_verifies_the_name_that_is_configured(self) -> None:
        """A next hop by address is verified as the name that stands in ``tls_name``."""
        named = evolve(self.verified, tls_name="mail.customer.test")
        server = self.authority.issue("mail.customer.test")
        self.assertIsNone(self.meet(server, named, "192.0.2.1").verdict)
        self.assertEqual(self.hop.connections[-1].sni, b"mail.customer.test")
        self.assertIsNotNone(self.meet(self.authority.issue("192.0.2.1"), named, "192.0.2.1").verdict)

    def test_asks_for_no_address(self) -> None:
        """SNI has names only (RFC 6066 §3), and an internationalized one goes as A-labels."""
        self.meet(self.authority.issue("192.0.2.1"), self.verified, "192.0.2.1")
        self.assertIsNone(self.hop.connections[-1].sni)
        self.assertIsNone(self.meet(self.authority.issue("xn--bcher-kva.test"), self.verified, "bücher.test").verdict)
        self.assertEqual(self.hop.connections[-1].sni, b"xn--bcher-kva.test")

    def test_refuses_an_expired_certificate(self) -> None:
        """The right name does not help."""
        verdict = self.meet(self.authority.issue("mx.test", days=-1), self.verified).verdict
        self.assertEqual(verdict, "the certificate is not trusted: it has expired")

    def test_refuses_an_unknown_authority(self) -> None:
        """Another CA of the same name, and a self-signed certificate, are told apart."""
        stranger = Authority(now=NOW, name="Somebody else")
        verdict = self.meet(stranger.issue("mx.test"), self.verified).verdict
        self.assertEqual(verdict, "the certificate is not trusted: its issuer is not a known CA")
        made = make_certificate("mx.test", 1, now=NOW)
        verdict = self.meet(_options(made.pem()), self.verified).verdict
        self.assertEqual(verdict, "the certificate is not trusted: it is self-signed")

    def test_does_not_trust_everybody_by_default(self) -> None:
        """Without a CA file the system's CAs decide, and do not know ours."""
        verdict = self.meet(self.authority.issue("mx.test"), evolve(self.verified, ca=None)).verdict
        self.assertIn("not trusted", verdict or "")

    def test_refuses_a_certificate_of_a_client(self) -> None:
        """A certificate that is for clients does not make a server."""
        verdict = self.meet(self.authority.issue("mx.test", server=False), self.verified).verdict
        self.assertEqual(verdict, "the certificate is not trusted: it is not for servers")

    def test_trusts_a_self_signed_certificate_that_is_its_own_authority(self) -> None:
        """An operator may name the server's own certificate as the CA; the name still counts."""
        made = make_certificate("mx.test", 1, now=NOW)
        path = self.directory / "server.pem"
        path.write_bytes(made.pem())
        settings = evolve(self.verified, ca=path)
        self.assertIsNone(self.meet(_options(made.pem()), settings).verdict)
        self.assertIn("not for mx2.test", self.meet(_options(made.pem()), settings, "mx2.test").verdict or "")

    def test_clips_hostile_names(self) -> None:
        """What a certificate says is printable ASCII of bounded length by the time it is a reason."""
        issued = self.authority.issue("x\r\nInjected: y" + "z" * 500)
        reason = name_reason(issued.certificate, "mx.test") or ""
        self.assertTrue(reason.isprintable())
        self.assertLess(len(reason), 300)

    def test_refuses_names_that_cannot_be_read(self) -> None:
        """A certificate whose subjectAltName is garbage is judged, and nothing is raised."""
        issued = self.authority.issue(subject="mx.test", alternatives=b"\x30\x82garbage")
        self.assertIn("not trusted", self.meet(issued, self.verified).verdict or "")
        reason = name_reason(issued.certificate, "mx.test")
        self.assertEqual(reason, "the certificate names no host, which proves nothing for mx.test")

    def test_does_not_trust_what_was_not_examined(self) -> None:
        """A context that does not verify, whoever built it so, proves nothing."""

        class Lax(ClientContexts):
            def context(self, settings: ClientTlsSettings) -> SSL.Context:
                return super().context(evolve(settings, level=TlsLevel.REQUIRED))

        verdict = self.meet(self.authority.issue("mx.test"), self.verified, contexts=Lax()).verdict
        self.assertEqual(verdict, "the certificate is not trusted: its chain was not examined")


class PinTests(Fixture):
    """Pins decide alone."""

    def pinned(self, *issued: Issued) -> ClientTlsSettings:
        return ClientTlsSettings(TlsLevel.VERIFIED, pins=frozenset(pin_of(each.certificate) for each in issued))

    def test_a_pinned_key_passes(self) -> None:
        """It needs no CA, no name and no date."""
        server = Authority(now=NOW).issue("other.test", days=-1)
        self.assertIsNone(self.meet(server, self.pinned(self.authority.issue(), server)).verdict)

    def test_another_key_does_not_pass(self) -> None:
        """Not even with a chain to the CA and the right name; its pin is told, so that it can be compared."""
        server = self.authority.issue("mx.test")
        settings = evolve(self.pinned(self.authority.issue("mx.test")), ca=self.ca)
        verdict = self.meet(server, settings).verdict or ""
        self.assertEqual(verdict, f"the key of the certificate is not a pinned one: {pin_of(server.certificate)}")

    def test_pins_are_read_or_refused(self) -> None:
        """Base64 of 32 octets, with or without curl's prefix; anything else is told why."""
        pin = pin_of(self.authority.certificate)
        self.assertEqual((parse_pin(pin), parse_pin("sha256//" + pin)), (pin, pin))
        self.assertEqual(ClientTlsSettings(pins=["sha256//" + pin]).pins, frozenset([pin]))
        for wrong, why in (("not base64!", "is base64"), ("AAAA", "has 3"), ("", "has 0")):
            self.assertIn(why, str(self.assertRaises(ValueError, parse_pin, wrong)))


class LevelTests(Fixture):
    """What the other levels want."""

    def test_opportunistic_and_required_verify_nothing(self) -> None:
        """An expired certificate of a stranger for another name is encryption too."""
        server = Authority(now=NOW).issue("other.test", days=-1)
        for level in (TlsLevel.OPPORTUNISTIC, TlsLevel.REQUIRED):
            starter = self.meet(server, ClientTlsSettings(level))
            self.assertTrue(starter.secured)
            self.assertIsNone(starter.verdict)

    def test_levels_say_what_they_want(self) -> None:
        """TLS when offered, TLS or nothing, or none."""
        wants = {level: ClientTls(ClientTlsSettings(level), ClientContexts()) for level in TlsLevel}
        self.assertEqual(
            {level: (tls.wants_tls(0.0), tls.must_have_tls) for level, tls in wants.items()},
            {
                TlsLevel.NONE: (False, False),
                TlsLevel.OPPORTUNISTIC: (True, False),
                TlsLevel.REQUIRED: (True, True),
                TlsLevel.VERIFIED: (True, True),
            },
        )
        self.assertRaises(ValueError, wants[TlsLevel.NONE].options, "mx.test")

    def test_a_failed_handshake_is_remembered_for_an_hour(self) -> None:
        """Plaintext for an hour, then another try; counted, with the reason."""
        tls = ClientTls(ClientTlsSettings(TlsLevel.OPPORTUNISTIC), ClientContexts())
        clock = Clock()
        tls.handshake_failed(clock.seconds(), "unsupported protocol")
        clock.advance(3599)
        self.assertFalse(tls.wants_tls(clock.seconds()))
        self.assertEqual(tls.plaintext_until(clock.seconds()), 3600)
        clock.advance(1)
        self.assertTrue(tls.wants_tls(clock.seconds()))
        self.assertIsNone(tls.plaintext_until(clock.seconds()))
        self.assertEqual((tls.failures, tls.last_failure), (1, "unsupported protocol"))

    def test_a_good_handshake_ends_the_memory(self) -> None:
        """A handshake that goes well after all is believed at once."""
        tls = ClientTls(ClientTlsSettings(TlsLevel.OPPORTUNISTIC), ClientContexts())
        tls.handshake_failed(0.0, "x")
        tls.handshake_succeeded()
        self.assertTrue(tls.wants_tls(1.0))
        self.assertEqual(tls.handshakes, 1)

    def test_required_and_verified_never_fall_back(self) -> None:
        """However often it fails: never plaintext (R10)."""
        for level in (TlsLevel.REQUIRED, TlsLevel.VERIFIED):
            tls = ClientTls(ClientTlsSettings(level), ClientContexts())
            tls.handshake_failed(0.0, "x")
            self.assertTrue(tls.wants_tls(1.0) and tls.must_have_tls)
            self.assertIsNone(tls.plaintext_until(1.0))


class FailureTests(Fixture):
    """Handshakes that do not succeed."""

    def test_a_server_that_speaks_no_tls_is_named(self) -> None:
        """Garbage, and a connection that closes, end the handshake with a reason."""
        self.hop = ScriptedNextHop(Clock())
        server = self.authority.issue("mx.test")
        self.hop.script.once(Step.HANDSHAKE, say("500 what is this?"), close())
        garbage = self.meet(server, self.verified)
        self.assertEqual((garbage.secured, garbage.lost), (False, "wrong version number"))
        closed = self.meet(server, self.verified)
        self.assertEqual((closed.secured, closed.lost), (False, "the connection was closed"))

    def test_an_old_server_is_refused(self) -> None:
        """TLS 1.1 is not spoken to any more."""
        issued = self.authority.issue("mx.test")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.use_certificate(issued.certificate)
        context.use_privatekey(issued.key)
        starter = self.meet(_Context(context), ClientTlsSettings(TlsLevel.OPPORTUNISTIC))
        self.assertEqual((starter.secured, starter.lost), (False, "tlsv1 alert protocol version"))

    def test_shows_its_own_certificate(self) -> None:
        """A next hop that wants a client certificate gets the configured one."""
        own = self.authority.issue("relay.test", server=False).write(self.directory / "own.pem")
        context = self.authority.issue("mx.test").server_options().getContext()
        context.load_verify_locations(str(self.ca))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        self.meet(_Context(context), evolve(self.verified, own=CertificateFiles(*own)))
        self.assertTrue(self.hop.connections[-1].client_certificate)
        without = self.meet(_Context(context), self.verified)
        self.assertIsNone(self.hop.connections[-1].tls)
        self.assertNotEqual(without.lost, "")

    def test_bad_files_are_named(self) -> None:
        """A CA file without certificates, and a client key of another one, are faults before any connection."""
        nothing = self.directory / "nothing.pem"
        for settings in (
            evolve(self.verified, ca=nothing),
            ClientTlsSettings(own=CertificateFiles(nothing, nothing)),
        ):
            fault = self.assertRaises(CertificateFault, ClientTls, settings, ClientContexts())
            self.assertIn(str(nothing), str(fault))
        nothing.write_bytes(b"no PEM")
        fault = self.assertRaises(CertificateFault, ClientTls, evolve(self.verified, ca=nothing), ClientContexts())
        self.assertIn("no certificate in PEM form", str(fault))


class SharingTests(Fixture):
    """Contexts are built once."""

    def test_next_hops_with_the_same_files_share_a_context(self) -> None:
        """Names and pins are per next hop, files are not; a new set reads the files again."""
        contexts = ClientContexts()
        first = contexts.context(self.verified)
        self.assertIs(contexts.context(evolve(self.verified, tls_name="x.test")), first)
        self.assertIsNot(contexts.context(evolve(self.verified, ca=None)), first)
        self.assertIsNot(ClientContexts().context(self.verified), first)
        pinned = ClientTlsSettings(TlsLevel.VERIFIED, pins=frozenset([pin_of(self.authority.certificate)]))
        required = contexts.context(ClientTlsSettings(TlsLevel.REQUIRED))
        self.assertIs(contexts.context(pinned), required)


@implementer(IOpenSSLContextFactory)
class _Context:
    """An old-style context factory around a context."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:
        return self._context


def _options(pem: bytes) -> Any:
    return PrivateCertificate.loadPEM(pem).options()
