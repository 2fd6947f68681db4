"""TLS towards next hops: when it is begun, what it must prove, and when plaintext follows (R10, R33)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from shieldrelay.mail.outcome import Fate, ServerHealth
from shieldrelay.smtp.sender_opening import Credentials
from shieldrelay.testing.authority import Authority
from shieldrelay.testing.nexthop import End, Step, close, say
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings, TlsLevel
from tests.wire.next_hop_fixture import LETTER, MemoryContent, NextHopFixture, attempt_for


class TlsTests(NextHopFixture):
    """Against a server with a certificate for 127.0.0.1."""

    def setUp(self) -> None:
        """Issue a certificate and bring the server up."""
        self.authority = Authority(now=time.time())
        self.tls_options = self.authority.issue("127.0.0.1").server_options()
        super().setUp()

    def hop(self, level: TlsLevel, *, trusted: bool = True, **settings: Any) -> tuple[PooledNextHop, ClientTls]:
        """Build a next hop of this level; it is stopped at the end."""
        authority = self.authority if trusted else Authority(now=time.time())
        path = Path(self.mktemp())
        tls = ClientTls(ClientTlsSettings(level, ca=authority.write(path)), ClientContexts())
        next_hop = self.another(tls=tls, **settings)
        self.addCleanup(next_hop.stop)
        return next_hop, tls

    async def test_mail_goes_inside_tls(self) -> None:
        """At every level that wants it, small and large, over a connection that is kept."""
        for level in (TlsLevel.OPPORTUNISTIC, TlsLevel.REQUIRED, TlsLevel.VERIFIED):
            next_hop, tls = self.hop(level)
            for octets in (LETTER, b".line\r\n" * 200000):
                result = await next_hop.attempt(attempt_for(MemoryContent(octets)))
                self.assertEqual((self.fates(result), result.tls), ([Fate.TAKEN], "TLSv1.3"))
                message = self.server.messages.pop()
                self.assertEqual((message.content, message.tls), (octets, True))
            self.assertEqual(tls.handshakes, 1)
            await next_hop.stop()

    async def test_not_wanted_is_plaintext(self) -> None:
        """Level none does not begin TLS with a server that offers it."""
        next_hop, _tls = self.hop(TlsLevel.NONE)
        result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((self.fates(result), result.tls), ([Fate.TAKEN], None))
        await next_hop.stop()

    async def test_not_offered(self) -> None:
        """Opportunistic: plaintext. Required and verified: a fault, and nothing is sent."""
        self.server.extensions.remove("STARTTLS")
        for level, fate in (
            (TlsLevel.OPPORTUNISTIC, Fate.TAKEN),
            (TlsLevel.REQUIRED, Fate.TRANSIENT),
            (TlsLevel.VERIFIED, Fate.TRANSIENT),
        ):
            next_hop, _tls = self.hop(level)
            self.assertEqual(self.fates(await next_hop.attempt(attempt_for(MemoryContent(LETTER)))), [fate])
            await next_hop.stop()
        self.assertEqual(len(self.server.messages), 1)

    async def test_a_failed_handshake_is_followed_by_plaintext_only_when_opportunistic(self) -> None:
        """One new connection in plaintext, remembered; the others count as down and send nothing."""
        self.server.script.on(Step.HANDSHAKE, close())
        next_hop, tls = self.hop(TlsLevel.OPPORTUNISTIC)
        result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((self.fates(result), result.tls), ([Fate.TAKEN], None))
        self.assertEqual((len(self.server.connections), tls.failures), (2, 1))
        next_hop.close_idle()
        await self.until(lambda: next_hop.connections == 0)
        await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((len(self.server.connections), tls.failures), (3, 1))
        await next_hop.stop()
        for level in (TlsLevel.REQUIRED, TlsLevel.VERIFIED):
            next_hop, tls = self.hop(level)
            result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
            await next_hop.stop()
        self.assertEqual(len(self.server.messages), 2)

    async def test_a_refused_starttls(self) -> None:
        """454 is as good as a failed handshake; 5yz is a fault of the server (R5)."""
        for reply, fate in (("454 4.7.0 not now", Fate.TAKEN), ("554 5.7.0 never", Fate.TRANSIENT)):
            self.server.script.on(Step.STARTTLS, reply)
            next_hop, _tls = self.hop(TlsLevel.OPPORTUNISTIC)
            self.assertEqual(self.fates(await next_hop.attempt(attempt_for(MemoryContent(LETTER)))), [fate])
            await next_hop.stop()

    async def test_plaintext_behind_the_220_is_a_fault(self) -> None:
        """A response injected before the handshake ends the connection; nothing was sent."""
        self.server.script.on(Step.STARTTLS, say("220 go", behind=b"250 injected\r\n", end=End.CLOSE))
        for level in (TlsLevel.OPPORTUNISTIC, TlsLevel.REQUIRED):
            next_hop, tls = self.hop(level)
            result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
            self.assertEqual(tls.handshakes, 0)
            await next_hop.stop()
        self.assertEqual(self.server.messages, [])

    async def test_a_stranger_gets_no_mail(self) -> None:
        """Verified: a certificate of an unknown CA is a fault; required and opportunistic do not ask."""
        for level, fate in ((TlsLevel.VERIFIED, Fate.TRANSIENT), (TlsLevel.REQUIRED, Fate.TAKEN)):
            next_hop, _tls = self.hop(level, trusted=False)
            result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
            self.assertEqual(self.fates(result), [fate])
            await next_hop.stop()
        self.assertTrue(self.server.messages[0].tls)

    async def test_the_password_goes_inside_tls(self) -> None:
        """AUTH after the handshake, with what was offered inside it."""
        self.server.extensions.append("AUTH PLAIN LOGIN")
        self.server.credentials[b"relay"] = b"secret"
        next_hop, _tls = self.hop(TlsLevel.VERIFIED, credentials=Credentials("relay", "secret"))
        self.assertEqual(self.fates(await next_hop.attempt(attempt_for(MemoryContent(LETTER)))), [Fate.TAKEN])
        self.assertEqual(self.server.connections[0].user, b"relay")
        await next_hop.stop()
        next_hop, _tls = self.hop(TlsLevel.VERIFIED, credentials=Credentials("relay", "wrong"))
        result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
        await next_hop.stop()
