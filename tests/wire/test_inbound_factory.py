"""Who gets a session."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.inbound_factory import source_text
from tests.wire.inbound_fixture import World


class AdmissionTests(SynchronousTestCase):
    """The number of sessions."""

    def setUp(self) -> None:
        self.world = World()
        self.world.factory.most = 2

    def connect(self, address: IAddress | None = None) -> StringTransport:
        transport = StringTransport()
        made = self.world.factory.buildProtocol(address or IPv4Address("TCP", "192.0.2.7", 1))
        made.makeConnection(transport)
        return transport

    def test_one_too_many_is_told_and_closed(self) -> None:
        """A connection over the limit gets 421 and is closed; no session is made of it, and the journal knows it."""
        first, second, third = self.connect(), self.connect(), self.connect()
        self.assertEqual((first.value()[:3], second.value()[:3]), (b"220", b"220"))
        self.assertEqual((third.value(), third.disconnecting), (b"421 4.3.2 Too busy, try again\r\n", True))
        self.assertEqual(len(self.world.sessions), 2)
        self.assertEqual(
            self.world.journal.named("connection_refused"), [{"peer": "192.0.2.7", "reason": "too many sessions"}]
        )

    def test_a_place_that_is_free_again(self) -> None:
        """When a session has ended the next connection is admitted."""
        self.connect()
        session = self.world.session()
        session.makeConnection(StringTransport())
        session.connectionLost()
        self.assertEqual(self.connect().value()[:3], b"220")

    def test_mapped_addresses_are_ipv4(self) -> None:
        """A client that comes over IPv6 with a mapped address is the IPv4 client that it is."""
        self.connect(IPv6Address("TCP", "::ffff:192.0.2.9", 1))
        session = self.world.sessions.everyone()[0]
        session.connectionLost()  # type: ignore[attr-defined]
        self.assertEqual(self.world.journal.named("session")[0]["peer"], "192.0.2.9")

    def test_source_text(self) -> None:
        """Only mapped addresses change, and zones go."""
        for host, text in (
            ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:0:1", "::ffff:0:1"),
        ):  # fmt: skip
            self.assertEqual(source_text(host), text)
