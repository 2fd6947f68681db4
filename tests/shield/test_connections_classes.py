"""Networks with limits of their own, and the memory of it all (R23, D6)."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, SourceClass
from shieldrelay.shield.history import History

STRANGER, GOOD = Acquaintance.STRANGER, Acquaintance.KNOWN_GOOD
WIDE = Limits(sessions=30, connections=100)
NARROW = Limits(sessions=2)


class ClassesTests(SynchronousTestCase):
    """`Classes` through `Connections`."""

    def connections(self, *classes: SourceClass, slots: int = 10000) -> Connections:
        """Make one with classes."""
        return Connections(ConnectionsSettings(slots=slots), classes)

    def came_in(self, connections: Connections, address: str, acquaintance: Acquaintance = STRANGER) -> int:
        """Say how many of 200 connections at once come in, and let them go again."""
        client = client_of(address)
        count = sum(connections.admit(client, acquaintance, 0, 0.0) is None for _ in range(200))
        for _ in range(count):
            connections.left(client, 0, 0.0)
        return count

    def test_own_limits(self) -> None:
        """A source of a class has the limits of the class, whatever its past; others have what they had."""
        connections = self.connections(SourceClass(ip_network("192.0.2.0/24"), WIDE))
        self.assertEqual(self.came_in(connections, "192.0.2.1"), 30)
        self.assertEqual(self.came_in(connections, "192.0.2.2", GOOD), 30)
        self.assertEqual(self.came_in(connections, "192.0.3.1"), 10)

    def test_still_judged(self) -> None:
        """A class is no allow-list: its limits hold, and the refusal names it."""
        connections = self.connections(SourceClass(ip_network("192.0.2.0/24"), NARROW))
        client = client_of("192.0.2.1")
        connections.admit(client, STRANGER, 0, 0.0)
        connections.admit(client, STRANGER, 0, 0.0)
        shed = connections.admit(client, STRANGER, 0, 0.0)
        assert shed is not None
        self.assertEqual(shed.reason, "3 sessions at once, limit 2 for a source of 192.0.2.0/24")

    def test_longest_network(self) -> None:
        """The longest network that contains the source decides, in whatever order they are declared."""
        classes = (SourceClass(ip_network("10.0.0.0/8"), WIDE), SourceClass(ip_network("10.1.1.1/32"), NARROW))
        for order in (classes, classes[::-1]):
            connections = self.connections(*order)
            self.assertEqual(self.came_in(connections, "10.1.1.1"), 2)
            self.assertEqual(self.came_in(connections, "10.1.1.2"), 30)

    def test_everybody(self) -> None:
        """A network of no bits is everybody of its family."""
        connections = self.connections(SourceClass(ip_network("0.0.0.0/0"), NARROW))
        self.assertEqual(self.came_in(connections, "203.0.113.9"), 2)
        self.assertEqual(self.came_in(connections, "2001:db8::1"), 10)

    def test_ipv6(self) -> None:
        """Of an IPv6 network at most 64 bits count: ::1/128 is the source of ::1."""
        connections = self.connections(
            SourceClass(ip_network("::1/128"), WIDE), SourceClass(ip_network("2001:db8::/32"), NARROW)
        )
        self.assertEqual(self.came_in(connections, "::1"), 30)
        self.assertEqual(self.came_in(connections, "2001:db8:ffff::1"), 2)
        self.assertEqual(self.came_in(connections, "2001:db9::1"), 10)

    def test_share(self) -> None:
        """A class may have a share of the slots of its own, or has the node's."""
        network = ip_network("127.0.0.0/8")
        narrow = self.connections(SourceClass(network, WIDE), slots=500)
        self.assertEqual(self.came_in(narrow, "127.0.0.1"), 10)
        wide = self.connections(SourceClass(network, WIDE, share=1.0), slots=500)
        self.assertEqual(self.came_in(wide, "127.0.0.1"), 30)
        self.assertRaises(ValueError, SourceClass, network, WIDE, share=2.0)

    def test_stress(self) -> None:
        """A class keeps its limits under stress unless it declares others."""
        network = ip_network("192.0.2.0/24")
        for each, expected in ((SourceClass(network, WIDE), 30), (SourceClass(network, WIDE, NARROW), 2)):
            connections = self.connections(each)
            connections.stressed = True
            self.assertEqual(self.came_in(connections, "192.0.2.1"), expected)

    def test_not_slowed(self) -> None:
        """Sources of a class do not count for their network, and are not slowed with it."""
        connections = self.connections(SourceClass(ip_network("192.0.2.0/25"), WIDE))
        for each in range(100):
            for _ in range(4):
                connections.message(client_of(f"192.0.2.{each}"), STRANGER, 0.0)
        self.assertIsNone(connections.slowed(client_of("192.0.2.200"), STRANGER, 0.0))
        self.assertIsNone(connections.slowed(client_of("192.0.2.1"), STRANGER, 0.0))


class MemoryTests(SynchronousTestCase):
    """Everything that remembers has a cap."""

    def test_declared_sum(self) -> None:
        """All tables of connections and history together may take 92 MiB at most."""
        tables = (*Connections(ConnectionsSettings()).tables, *History().tables)
        self.assertLessEqual(sum(table.kind.octets for table in tables), 92 << 20)

    def test_many_sources(self) -> None:
        """Sources that come once each leave the tables within their caps, and nothing open."""
        connections, history = Connections(ConnectionsSettings()), History()
        for number in range(100_000):
            octets = number.to_bytes(4, "big")
            client = Client("", octets, octets[:3])
            connections.admit(client, STRANGER, 0, 0.0)
            connections.mark(client, 0.0)
            connections.left(client, 100, 0.0)
            history.delivered(client, 1, 20000, 0.0)
        for table in (*connections.tables, *history.tables):
            self.assertLessEqual(table.octets, table.kind.octets)
        self.assertEqual(connections.busiest(0.0, 1), ())
        self.assertGreater(sum(table.forgotten for table in connections.tables), 0)
