"""R10, row by row: our pooled next hop with real TLS against a scripted server."""

from __future__ import annotations

import time
from pathlib import Path

from shieldrelay.mail.outcome import AttemptResult, Fate, ServerHealth
from shieldrelay.testing.authority import Authority
from shieldrelay.testing.nexthop import Step, close, say
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings, TlsLevel
from tests.wire.next_hop_fixture import NextHopFixture

AUTHORITY = Authority(now=time.time())


class LevelFixture(NextHopFixture):
    """A server that has a certificate for mx.test."""

    tls_options = AUTHORITY.issue("mx.test").server_options()

    def use(self, level: TlsLevel, tls_name: str | None = None) -> None:
        """Lead to the server with this level."""
        ca = AUTHORITY.write(Path(self.mktemp()))
        self.tls = ClientTls(ClientTlsSettings(level, tls_name, ca), ClientContexts())
        self.next_hop = self.another(tls=self.tls)

    def stop_offering(self) -> None:
        """Take STARTTLS out of the server's offer."""
        self.server.extensions.remove("STARTTLS")

    def assert_nothing_was_sent(self, result: AttemptResult) -> None:
        """The message waits, the server counts as faulty, and no envelope was told."""
        self.assertEqual(self.fates(result), [Fate.TRANSIENT])
        self.assertEqual(result.health, ServerHealth.FAULT)
        self.assertEqual(self.server.messages, [])
        verbs = [verb for connection in self.server.connections for verb in connection.verbs]
        self.assertNotIn(b"MAIL", verbs)


class OpportunisticTests(LevelFixture):
    """Encrypt when it can be had."""

    def setUp(self) -> None:
        super().setUp()
        self.use(TlsLevel.OPPORTUNISTIC)

    async def test_encrypts_when_offered(self) -> None:
        """The message goes through TLS and the result says so; later ones share the connection."""
        for _ in range(2):
            result = await self.deliver()
            self.assertEqual((self.fates(result), result.tls), ([Fate.TAKEN], "TLSv1.3"))
        self.assertEqual([message.tls for message in self.server.messages], [True, True])
        self.assertEqual((len(self.server.connections), self.tls.handshakes), (1, 1))

    async def test_goes_without_when_not_offered(self) -> None:
        """No offer is no failure."""
        self.stop_offering()
        result = await self.deliver()
        self.assertEqual((self.fates(result), result.tls, self.tls.failures), ([Fate.TAKEN], None, 0))

    async def test_goes_without_after_a_failed_handshake(self) -> None:
        """One new connection in plaintext takes the message; the next one does not try TLS at all."""
        for number, act in enumerate((say("500 what is this?"), close())):
            self.use(TlsLevel.OPPORTUNISTIC)
            self.server.script.on(Step.HANDSHAKE, act)
            before = len(self.server.connections)
            self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
            self.assertEqual((self.server.messages[number].tls, self.tls.failures), (False, 1))
            self.assertEqual(len(self.server.connections) - before, 2)
            self.assertNotIn(b"STARTTLS", self.server.connections[-1].verbs)
            await self.next_hop.stop()


class MandatoryTests(LevelFixture):
    """Encrypt or wait."""

    async def test_waits_when_not_offered(self) -> None:
        """Without an offer nothing is sent at either level."""
        self.stop_offering()
        for level in (TlsLevel.REQUIRED, TlsLevel.VERIFIED):
            self.use(level)
            self.assert_nothing_was_sent(await self.deliver())

    async def test_waits_after_a_failed_handshake(self) -> None:
        """A handshake that fails is never followed by plaintext."""
        self.server.script.on(Step.HANDSHAKE, say("500 what is this?"))
        for level in (TlsLevel.REQUIRED, TlsLevel.VERIFIED):
            self.use(level)
            for _ in range(2):
                self.assert_nothing_was_sent(await self.deliver())
            self.assertEqual(self.tls.failures, 2)

    async def test_required_takes_any_certificate(self) -> None:
        """Encrypted is enough."""
        self.use(TlsLevel.REQUIRED)
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
        self.assertTrue(self.server.messages[0].tls)

    async def test_verified_wants_the_name(self) -> None:
        """The configured name of a next hop by address is proven before anything is said."""
        self.use(TlsLevel.VERIFIED, "mx.test")
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
        self.assertEqual(self.server.connections[0].sni, b"mx.test")

    async def test_verified_waits_before_the_wrong_server(self) -> None:
        """Another name: nothing is sent, and the reason names both."""
        self.use(TlsLevel.VERIFIED)
        result = await self.deliver()
        self.assert_nothing_was_sent(result)
        self.assertIn("the certificate is for mx.test, not for 127.0.0.1", result.reason)

    async def test_takes_nothing_said_behind_the_220(self) -> None:
        """A server that says more than its 220 before the handshake is not spoken to."""
        self.server.script.on(Step.STARTTLS, say("220 go", behind=b"250 injected\r\n"))
        self.use(TlsLevel.REQUIRED)
        self.assert_nothing_was_sent(await self.deliver())
