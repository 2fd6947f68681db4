"""Bogons: the tables against the registries' blocks, one by one at their edges, and the standard library's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.shield.lawful_networks import bogon, bogon_source


class BogonTests(SynchronousTestCase):
    """`bogon`."""

    def test_blocks_begin_and_end_where_the_registries_say(self) -> None:
        """The first and last address of a block are in it, their neighbours are not."""
        for text, name in (
            ("10.0.0.0/8", "private use"),
            ("100.64.0.0/10", "shared address space"),
            ("127.0.0.0/8", "loopback"),
            ("172.16.0.0/12", "private use"),
            ("192.168.0.0/16", "private use"),
            ("169.254.0.0/16", "link-local"),
            ("198.18.0.0/15", "benchmarking"),
        ):
            network = ip_network(text)
            self.assertEqual([bogon(str(network[0])), bogon(str(network[-1]))], [name, name])
            self.assertEqual([bogon(str(network[0] - 1)), bogon(str(network[-1] + 1))], ["", ""], text)

    def test_ipv6_blocks(self) -> None:
        """Loopback, local, documentation and multicast are none of the internet's; nor is what nobody has."""
        local = ("::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1")
        for address in (*local, "2001:db8::1", "3fff::1", "ff02::1", "4000::1"):
            self.assertTrue(bogon(address), address)
        for address in ("2a00:1450:4001:80b::200e", "2606:4700::1111", "2001:4860:4860::8888", "2001:20::1"):
            self.assertEqual(bogon(address), "", address)

    def test_an_address_within_an_address_is_judged_by_that(self) -> None:
        """Mapped, translated and 6to4 addresses are what they carry."""
        for good, bad in (
            ("::ffff:8.8.8.8", "::ffff:10.0.0.1"),
            ("64:ff9b::8.8.8.8", "64:ff9b::127.0.0.1"),
            ("2002:808:808::1", "2002:a00:1::1"),
        ):
            self.assertEqual((bogon(good), bool(bogon(bad))), ("", True))

    def test_globally_reachable_parts_of_special_blocks_are_no_bogons(self) -> None:
        """What the registries take out of a block is in the internet; its neighbours are not."""
        self.assertEqual([bool(bogon(f"192.0.0.{last}")) for last in (8, 9, 10, 11)], [True, False, False, True])
        self.assertEqual([bool(bogon(f"2001:1::{last}")) for last in (0, 1, 3, 4)], [True, False, False, True])

    def test_what_is_no_address_is_said_so(self) -> None:
        """A name is no address."""
        self.assertRaises(ValueError, bogon, "localhost")

    def test_clients_are_judged_as_their_addresses(self) -> None:
        """The quick look-up of a client agrees with that of its address."""
        for address in ("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111", "::ffff:10.0.0.1"):
            client = client_of(address)
            self.assertEqual(bogon_source(client.source, client.address), bogon(address))

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.integers(0, 2**32 - 1).map(IPv4Address))
    def test_ipv4_agrees_with_the_standard_library(self, address: IPv4Address) -> None:
        """What Python calls global unicast is no bogon, and the other way round."""
        self.assertEqual(not bogon(str(address)), _is_unicast(address))

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.integers(0x2003 << 112, (0x3FFE << 112) - 1).map(IPv6Address))
    def test_ipv6_unicast_is_in_the_internet(self, address: IPv6Address) -> None:
        """Allocated unicast space is no bogon."""
        self.assertEqual(bogon(str(address)), "")


def _is_unicast(address: IPv4Address) -> bool:
    if address in ip_network("192.88.99.0/24"):
        return False  # withdrawn in 2015; Python still calls it global
    return address.is_global and not address.is_multicast
