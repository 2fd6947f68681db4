"""STARTTLS towards clients, with real TLS over a wire in memory: nothing survives it, and nobody hangs in it."""

from __future__ import annotations

import time
from pathlib import Path

from twisted.internet.ssl import CertificateOptions
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.testing.authority import Authority
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.tls_server import ServerTls, ServerTlsSettings
from tests.wire.inbound_fixture import HELLO_WORLD, MAIL, OPENING, RCPT, Client, World


class TlsCase(SynchronousTestCase):
    """A session whose node has a certificate."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        issued = Authority(now=time.time()).issue("mx.test")
        files = CertificateFiles(*issued.write(directory / "certificate", directory / "key"))
        self.world = World(tls=ServerTls(ServerTlsSettings("mx.test", directory, files), time.time))
        self.client: Client
        self.pump: Pump
        self.client, self.pump = self.world.connected()

    def say(self, octets: bytes) -> None:
        self.client.say(octets)
        self.pump.flush()

    def encrypt(self) -> None:
        """Say STARTTLS and shake hands."""
        self.say(b"STARTTLS\r\n")
        self.pump.client.startTLS(CertificateOptions())
        self.pump.flush()


class StartTests(TlsCase):
    """A handshake that goes well."""

    def test_it_is_offered_once(self) -> None:
        """STARTTLS is offered before TLS and not within."""
        self.say(b"EHLO client.test\r\n")
        self.assertIn(b"250-STARTTLS\r\n", self.client.octets)
        self.encrypt()
        before = len(self.client.octets)
        self.say(b"EHLO client.test\r\n")
        self.assertNotIn(b"STARTTLS", self.client.octets[before:])

    def test_nothing_said_before_it_counts(self) -> None:
        """EHLO, reverse-path and recipients are forgotten (RFC 3207 section 4.2)."""
        self.say(OPENING)
        self.encrypt()
        self.say(RCPT + b"DATA\r\n" + MAIL)
        self.assertEqual(self.client.codes, [220, 250, 250, 250, 220, 503, 503, 503])
        self.say(OPENING + b"DATA\r\n" + HELLO_WORLD + b".\r\n")
        self.assertEqual((self.client.codes[-2:], len(self.world.taken[0][0].envelope.recipients)), ([354, 250], 1))

    def test_the_trace_line_and_the_journal_tell_it(self) -> None:
        """The trace line says ESMTPS and how it was encrypted; so does the session's line in the journal."""
        self.encrypt()
        self.say(OPENING + b"DATA\r\n" + HELLO_WORLD + b".\r\nQUIT\r\n")
        content = self.world.taken[0][1]
        self.assertIn(b"with ESMTPS", content.replace(b"\r\n\t", b" "))
        self.assertIn(b"TLSv1.3", content)
        self.assertIn("TLSv1.3", str(self.world.journal.named("session")[0]["tls"]))
        self.assertIsNotNone(self.client.lost)

    def test_plaintext_behind_starttls(self) -> None:
        """What is pipelined behind STARTTLS is a violation that ends the session before any handshake."""
        self.say(b"EHLO client.test\r\nSTARTTLS\r\nMAIL FROM:<injected@sender.test>\r\n")
        self.assertEqual(self.client.codes[2:], [503])
        self.assertIsNotNone(self.client.lost)
        self.assertIn("plaintext behind STARTTLS", [one["kind"] for one in self.world.journal.named("violation")])


class TroubleTests(TlsCase):
    """Handshakes that do not come to an end, and what may be piled up within TLS."""

    def test_a_handshake_that_fails_is_told(self) -> None:
        """A client that leaves in the midst of it is journalled with the reason."""
        self.say(b"STARTTLS\r\n")
        self.pump.cut()
        (told,) = self.world.journal.named("tls_failed")
        self.assertEqual((told["peer"], told["session"]), ("192.0.2.7", "id1"))
        self.assertTrue(told["reason"])

    def test_a_handshake_that_is_never_finished(self) -> None:
        """It ends at the deadline of a command, without a word that could not be heard."""
        self.say(b"STARTTLS\r\n")
        self.pump.advance(302, 1)
        self.assertIsNotNone(self.client.lost)
        self.assertEqual((self.client.codes, self.world.ended()), ([220, 220], ["a command took too long"]))

    def test_a_client_that_does_not_read_within_tls(self) -> None:
        """Replies that nobody reads stop the session under TLS as in the clear, and it goes on when they are."""
        self.encrypt()
        self.say(b"EHLO client.test\r\n")
        self.pump.client.paused = True
        self.say(b"HELP\r\n" * 20_000)
        self.assertLess(len(self.pump.server._under_way), 200_000)
        self.assertTrue(self.pump.server.paused)
        self.pump.client.paused = False
        self.pump.flush()
        self.assertEqual(self.client.codes.count(214), 20_000)

    def test_a_client_that_does_not_end_tls(self) -> None:
        """A client that ignores the end of TLS is broken off soon after it."""
        self.encrypt()
        self.pump.client.paused = True
        self.say(b"EHLO client.test\r\nQUIT\r\n")
        self.pump.advance(7, 1)
        self.assertEqual((self.world.ended(), len(self.world.sessions)), (["quit"], 0))
