"""Where notices go."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.notice_route import (
    HOSTS,
    Candidate,
    Candidates,
    MxRoute,
    NotNow,
    OwnNextHopRoute,
    Routing,
    SmartHostRoute,
    Undeliverable,
)
from tests.delivery.notice_samples import DictionaryResolver, NoSuchName

OURS = "198.41.0.4"


def own_hops(domain: str) -> Sequence[tuple[str, int]]:
    """Give the next hops of the one protected domain."""
    return [("10.0.0.25", 2525)] if domain == "example.test" else []


class RouteTests(SynchronousTestCase):
    """The three routes."""

    def mx(self, resolver: DictionaryResolver, destination: str) -> Routing:
        """Route by DNS."""
        route = MxRoute(resolver, ["mx1.shield.example"], [OURS], own_hops, NoSuchName)
        return self.successResultOf(Deferred.fromCoroutine(route.servers(destination, "example.test")))

    def hosts(self, resolver: DictionaryResolver, destination: str = "d.example") -> list[str]:
        """Give the hosts of a destination that has some."""
        routing = self.mx(resolver, destination)
        assert isinstance(routing, Candidates), routing
        self.assertEqual({server.port for server in routing.servers}, {25})
        return [server.host for server in routing.servers]

    def one(self, *addresses: str) -> DictionaryResolver:
        """Give a resolver for one exchanger with addresses."""
        return DictionaryResolver({"d.example": ["mx.d.example"]}, {"mx.d.example": addresses})

    def test_order(self) -> None:
        """Exchangers come in the resolver's order, as addresses, one of each family a host."""
        resolver = DictionaryResolver(
            {"d.example": ["a.d.example", "b.d.example"]},
            {"a.d.example": ["2606:4700::1", "8.8.4.4", "8.8.8.8"], "b.d.example": ["9.9.9.9", "8.8.4.4"]},
        )
        self.assertEqual(self.hosts(resolver), ["2606:4700::1", "8.8.4.4", "9.9.9.9"])

    def test_implicit(self) -> None:
        """A domain without MX is its own exchanger."""
        resolver = DictionaryResolver({"d.example": ["d.example"]}, {"d.example": ["9.9.9.9"]})
        self.assertEqual(self.hosts(resolver), ["9.9.9.9"])

    def test_null_mx(self) -> None:
        """A null MX takes no mail."""
        self.assertIsInstance(self.mx(DictionaryResolver({"d.example": []}), "d.example"), Undeliverable)

    def test_no_such_domain(self) -> None:
        """A domain that does not exist takes no mail; DNS that fails is asked again later."""
        self.assertIsInstance(self.mx(DictionaryResolver(), "nowhere.example"), Undeliverable)
        for fault in (OSError("timeout"), ValueError("SERVFAIL")):
            self.assertIsInstance(self.mx(DictionaryResolver({"d.example": fault}), "d.example"), NotNow)

    def test_bogons(self) -> None:
        """Addresses that are not of the public internet, or ours, are never used, however they are dressed."""
        for address in (
            "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
            "255.255.255.255", "224.0.0.1", "240.0.0.1", OURS, "::1", "::", "fe80::1", "fc00::1", "ff02::1",
            "::ffff:127.0.0.1", f"::ffff:{OURS}", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1", "2001:db8::1",
            "nonsense", "",
        ):  # fmt: skip
            self.assertIsInstance(self.mx(self.one(address), "d.example"), Undeliverable, address)

    def test_some_bogons(self) -> None:
        """A host with one good address among bad ones is used at the good one."""
        self.assertEqual(self.hosts(self.one("127.0.0.1", "9.9.9.9", "::1")), ["9.9.9.9"])

    def test_ourselves(self) -> None:
        """We and whatever is no better than we are left out (RFC 5321 §5.1)."""
        addresses = {name: ["9.9.9.9"] for name in ("a.example", "z.example", "mx1.shield.example")}
        resolver = DictionaryResolver({"d.example": ["a.example", "MX1.shield.example.", "z.example"]}, addresses)
        self.assertEqual((self.hosts(resolver), resolver.asked), (["9.9.9.9"], ["a.example"]))
        first = DictionaryResolver({"d.example": ["mx1.shield.example", "z.example"]}, addresses)
        self.assertIsInstance(self.mx(first, "d.example"), Undeliverable)

    def test_many_exchangers(self) -> None:
        """At most five hosts are tried, and at most ten looked up."""
        names = [f"mx{number}.d.example" for number in range(50)]
        resolver = DictionaryResolver(
            {"d.example": names}, {name: [f"9.9.9.{place}"] for place, name in enumerate(names)}
        )
        self.assertEqual(len(self.hosts(resolver)), HOSTS)
        barren = DictionaryResolver({"d.example": names}, {})
        self.mx(barren, "d.example")
        self.assertEqual(len(barren.asked), 2 * HOSTS)

    def test_partial_trouble(self) -> None:
        """An exchanger whose address cannot be looked up now is passed over; when none is left it is tried later."""
        both = {"d.example": ["a.example", "b.example"]}
        resolver = DictionaryResolver(both, {"a.example": OSError("timeout"), "b.example": ["9.9.9.9"]})
        self.assertEqual(self.hosts(resolver), ["9.9.9.9"])
        self.assertIsInstance(self.mx(DictionaryResolver(both, {"a.example": OSError("timeout")}), "d.example"), NotNow)
        self.assertIsInstance(self.mx(DictionaryResolver(both, {}), "d.example"), Undeliverable)

    def test_mapped(self) -> None:
        """An IPv4-mapped address is the IPv4 address."""
        self.assertEqual(self.hosts(self.one("::ffff:9.9.9.9", "9.9.9.9")), ["9.9.9.9"])

    def test_literals(self) -> None:
        """Address literals lead to public addresses only."""
        self.assertEqual(self.hosts(DictionaryResolver(), "[9.9.9.9]"), ["9.9.9.9"])
        self.assertEqual(self.hosts(DictionaryResolver(), "[ipv6:2606:4700::1]"), ["2606:4700::1"])
        for literal in ("[127.0.0.1]", "[ipv6:::1]", "[x25:123]"):
            self.assertIsInstance(self.mx(DictionaryResolver(), literal), Undeliverable)

    def test_protected_destination(self) -> None:
        """A destination that we protect is reached at its own next hop, not through its MX, which is us."""
        self.assertEqual(self.mx(DictionaryResolver(), "example.test"), Candidates((Candidate("10.0.0.25", 2525),)))

    def test_configured_routes(self) -> None:
        """A smart host takes everything; `next_hop` takes what speaks for its domain."""
        smart = self.successResultOf(Deferred.fromCoroutine(SmartHostRoute("relay.example", 587).servers("x", "y")))
        self.assertEqual(smart, Candidates((Candidate("relay.example", 587),)))
        own = OwnNextHopRoute(own_hops)
        found = self.successResultOf(Deferred.fromCoroutine(own.servers("d.example", "example.test")))
        self.assertEqual(found, Candidates((Candidate("10.0.0.25", 2525),)))
        gone = self.successResultOf(Deferred.fromCoroutine(own.servers("d.example", "former.test")))
        self.assertIsInstance(gone, Undeliverable)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=8))
    def test_any_addresses(self, addresses: list[str]) -> None:
        """Whatever DNS says, only public addresses are used, and nothing is raised."""
        routing = self.mx(self.one(*addresses), "d.example")
        for server in routing.servers if isinstance(routing, Candidates) else ():
            address = ip_address(server.host)
            self.assertTrue(address.is_global and not address.is_multicast, server.host)
            self.assertTrue(address.version == 4 or server.host[0] in "23" or server.host.startswith("64:ff9b:"))
