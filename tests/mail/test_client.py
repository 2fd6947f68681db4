"""Claims about what an address counts for (R16)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of


class ClientTests(SynchronousTestCase):
    """`client_of` by itself."""

    def test_an_ipv4_address_is_a_source_of_its_own(self) -> None:
        """The source is the address, the network its /24."""
        client = client_of("192.0.2.7")
        self.assertEqual((client.source, client.network, client.ipv6), (b"\xc0\x00\x02\x07", b"\xc0\x00\x02", False))

    def test_a_64_is_one_source(self) -> None:
        """Two addresses of one IPv6 /64 are one source, and a /56 is one network."""
        first, second = client_of("2001:db8:1:2ff::1"), client_of("2001:db8:1:2ff:ffff::9%eth0")
        self.assertEqual((first.source, first.network), (second.source, second.network))
        self.assertEqual(client_of("2001:db8:1:200::1").network, first.network)
        self.assertNotEqual(client_of("2001:db8:1:300::1").network, first.network)
        self.assertEqual((second.address, first.ipv6), ("2001:db8:1:2ff:ffff::9", True))

    def test_a_mapped_address_is_ipv4(self) -> None:
        """``::ffff:192.0.2.7`` is 192.0.2.7, however it is spelled."""
        for spelled in ("::ffff:192.0.2.7", "::FFFF:c000:207"):
            client = client_of(spelled)
            self.assertEqual((client.address, client.source), ("192.0.2.7", b"\xc0\x00\x02\x07"))

    def test_what_is_no_address_is_an_error(self) -> None:
        """Anything else raises ValueError."""
        for spelled in ("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "2001:db8::g", "host.test", ":"):
            with self.assertRaises(ValueError):
                client_of(spelled)
