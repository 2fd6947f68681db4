"""Names: what is kept, for how long, and what happens while DNS fails (R11)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import client, common, dns, server
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.wire.resolver import AGAIN_SECONDS, NAMES, QUESTION_SECONDS, Resolver

reactor: Any = the_reactor


def a(address: str, ttl: int = 300, owner: bytes = b"x") -> dns.RRHeader:
    """Make an A record, of the name that is asked for when no owner is given."""
    return dns.RRHeader(owner, dns.A, ttl=ttl, payload=dns.Record_A(address, ttl))


def aaaa(address: str, ttl: int = 300) -> dns.RRHeader:
    """Make an AAAA record."""
    return dns.RRHeader(b"x", dns.AAAA, ttl=ttl, payload=dns.Record_AAAA(address, ttl))


def mx(preference: int, name: str, ttl: int = 300) -> dns.RRHeader:
    """Make an MX record."""
    return dns.RRHeader(b"x", dns.MX, ttl=ttl, payload=dns.Record_MX(preference, name, ttl))


class FakeClient:
    """Answers from a table; what is not in it does not exist.

    :ivar table: by type and name: records, an exception, or a Deferred.
    :ivar asked: what was asked, in order.
    """

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], Any] = {}
        self.asked: list[tuple[str, str]] = []

    def lookupAddress(self, name: str) -> Deferred[Any]:
        """A."""
        return self._answer(("A", name))

    def lookupIPV6Address(self, name: str) -> Deferred[Any]:
        """AAAA."""
        return self._answer(("AAAA", name))

    def lookupMailExchange(self, name: str) -> Deferred[Any]:
        """MX."""
        return self._answer(("MX", name))

    def _answer(self, question: tuple[str, str]) -> Deferred[Any]:
        self.asked.append(question)
        answer = self.table.get(question, DNSNameError())
        if isinstance(answer, Deferred):
            return answer
        if isinstance(answer, Exception):
            return fail(answer)
        for header in answer:
            if header.name.name == b"x":
                header.name = dns.Name(question[1])
        return succeed((answer, [], []))


class Fixture(SynchronousTestCase):
    """A resolver with a fake client."""

    def setUp(self) -> None:
        """Build it."""
        self.clock = Clock()
        self.client = FakeClient()
        self.hosts = Path(self.mktemp())
        self.resolver = Resolver(self.clock, client=self.client, hosts=self.hosts, shuffle=lambda records: None)

    def addresses(self, host: str) -> Sequence[str]:
        """Ask for addresses."""
        return self.successResultOf(self.resolver.addresses(host))

    def exchangers(self, domain: str) -> Sequence[str]:
        """Ask for mail exchangers."""
        return self.successResultOf(self.resolver.mail_exchangers(domain))


class AddressTests(Fixture):
    """`Resolver.addresses`."""

    def test_an_address_gives_itself(self) -> None:
        """At once, and nobody is asked."""
        for address in ("127.0.0.1", "2001:db8::1"):
            self.assertEqual(list(self.addresses(address)), [address])
        self.assertEqual(self.client.asked, [])

    def test_both_families(self) -> None:
        """All AAAA and all A."""
        self.client.table.update(
            {("A", "mx.test"): [a("192.0.2.1"), a("192.0.2.2")], ("AAAA", "mx.test"): [aaaa("::2")]}
        )
        self.assertEqual(self.addresses("mx.test"), ("::2", "192.0.2.1", "192.0.2.2"))

    def test_one_family_in_trouble_does_not_hide_the_other(self) -> None:
        """SERVFAIL for AAAA, an answer for A."""
        self.client.table.update({("A", "mx.test"): [a("192.0.2.1")], ("AAAA", "mx.test"): DNSServerError()})
        self.assertEqual(self.addresses("mx.test"), ("192.0.2.1",))

    def test_an_alias_is_followed(self) -> None:
        """An answer's CNAME records lead to the addresses, in any spelling."""
        alias = dns.RRHeader(b"x", dns.CNAME, ttl=9, payload=dns.Record_CNAME(b"Real.test", 9))
        self.client.table[("A", "mx.test")] = [alias, a("192.0.2.1", owner=b"real.Test")]
        self.assertEqual(self.addresses("mx.test"), ("192.0.2.1",))

    def test_addresses_of_other_names_are_not_taken(self) -> None:
        """What an answer says of a name that was not asked for is no address of this one, and no way to it."""
        self.client.table[("A", "mx.test")] = [a("192.0.2.9", owner=b"evil.test"), a("192.0.2.1")]
        self.assertEqual(self.addresses("mx.test"), ("192.0.2.1",))
        self.client.table[("A", "other.test")] = [a("192.0.2.9", owner=b"evil.test")]
        self.failureResultOf(self.resolver.addresses("other.test"), DNSNameError)

    def test_kept_for_its_ttl(self) -> None:
        """One question within the TTL, whatever the spelling; another after it."""
        self.client.table[("A", "mx.test")] = [a("192.0.2.1", ttl=60)]
        self.addresses("mx.test")
        self.clock.advance(59)
        self.addresses("MX.Test.")
        self.assertEqual(len(self.client.asked), 2)
        self.clock.advance(2)
        self.addresses("mx.test")
        self.assertEqual(len(self.client.asked), 4)

    def test_the_last_good_answer_is_kept_while_dns_fails(self) -> None:
        """However long it fails; and it is not asked again at each call."""
        self.client.table[("A", "mx.test")] = [a("192.0.2.1", ttl=60)]
        self.addresses("mx.test")
        self.client.table[("A", "mx.test")] = self.client.table[("AAAA", "mx.test")] = DNSServerError()
        for _ in range(3):
            self.clock.advance(86400)
            self.assertEqual(self.addresses("mx.test"), ("192.0.2.1",))
            before = len(self.client.asked)
            self.addresses("mx.test")
            self.assertEqual(len(self.client.asked), before)
        self.clock.advance(AGAIN_SECONDS)
        self.client.table[("A", "mx.test")] = [a("192.0.2.7")]
        self.assertEqual(self.addresses("mx.test"), ("192.0.2.7",))

    def test_no_answer_ever_is_a_failure(self) -> None:
        """NXDOMAIN, SERVFAIL, and a name without addresses."""
        self.failureResultOf(self.resolver.addresses("nowhere.test"), DNSNameError)
        self.client.table.update({("A", "ill.test"): DNSServerError(), ("AAAA", "ill.test"): DNSServerError()})
        self.failureResultOf(self.resolver.addresses("ill.test"), DNSServerError)
        self.client.table.update({("A", "bare.test"): [], ("AAAA", "bare.test"): []})
        self.failureResultOf(self.resolver.addresses("bare.test"), DNSNameError)

    def test_a_question_has_a_time_box(self) -> None:
        """Silence ends as OSError, or as the last good answer; those who asked together are answered together."""
        self.client.table[("AAAA", "mx.test")] = Deferred()
        first, second = self.resolver.addresses("mx.test"), self.resolver.addresses("mx.test")
        self.assertEqual(len(self.client.asked), 2)
        self.clock.advance(QUESTION_SECONDS)
        self.failureResultOf(first, OSError)
        self.failureResultOf(second, OSError)

    def test_a_cancelled_question_does_not_disturb_the_others(self) -> None:
        """Each caller has its own Deferred."""
        answer: Deferred[Any] = Deferred()
        self.client.table[("A", "mx.test")] = answer
        first, second = self.resolver.addresses("mx.test"), self.resolver.addresses("mx.test")
        first.cancel()
        answer.callback(([a("192.0.2.1", owner=b"mx.test")], [], []))
        self.assertEqual(self.successResultOf(second), ("192.0.2.1",))
        self.failureResultOf(first)

    def test_the_hosts_file_comes_first(self) -> None:
        """Names in it are not asked for; comments and nonsense are passed over."""
        self.hosts.write_text("# mx.test\n192.0.2.5 other MX.test # x\nnonsense mx.test\n\n::5 mx.test\n")
        self.assertEqual(self.addresses("mx.test"), ("192.0.2.5", "::5"))
        self.assertEqual(self.client.asked, [])

    def test_what_is_kept_is_bounded(self) -> None:
        """The names that were asked for longest ago are forgotten."""
        for number in range(NAMES + 50):
            self.client.table[("A", f"n{number}.test")] = [a("192.0.2.1")]
            self.addresses(f"n{number}.test")
        self.assertLessEqual(len(self.resolver._kept), NAMES)


class ExchangerTests(Fixture):
    """`Resolver.mail_exchangers` (RFC 5321 §5.1)."""

    def test_best_first(self) -> None:
        """By preference; equals in the order that the shuffle leaves."""
        self.client.table[("MX", "d.test")] = [mx(20, "c.test"), mx(10, "A.test"), mx(20, "b.test")]
        self.assertEqual(self.exchangers("d.test"), ("a.test", "c.test", "b.test"))

    def test_the_implicit_one(self) -> None:
        """No MX record: the domain itself."""
        self.client.table[("MX", "d.test")] = []
        self.assertEqual(self.exchangers("d.test"), ("d.test",))

    def test_null_mx(self) -> None:
        """A domain that takes no mail (RFC 7505)."""
        self.client.table[("MX", "d.test")] = [mx(0, "")]
        self.assertEqual(self.exchangers("d.test"), ())

    def test_a_domain_that_does_not_exist(self) -> None:
        """Is told apart from one whose servers are ill."""
        self.failureResultOf(self.resolver.mail_exchangers("nowhere.test"), DNSNameError)
        self.client.table[("MX", "ill.test")] = DNSServerError()
        self.failureResultOf(self.resolver.mail_exchangers("ill.test"), DNSServerError)


class RealDnsTests(TestCase):
    """With twisted.names on both sides, over UDP on the loopback interface."""

    async def test_a_real_question(self) -> None:
        """A and MX from a name server on a port of its own, named by address and port."""
        zone: dict[str, list[Any]] = {
            "mx.test": [dns.Record_A("192.0.2.9", 60)],
            "d.test": [dns.Record_MX(5, "mx.test", 60)],
        }
        factory = server.DNSServerFactory(clients=[Zone(zone)])
        factory.noisy = False
        port = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        resolver = Resolver(reactor, [("127.0.0.1", port.getHost().port)], hosts=Path(self.mktemp()))
        self.assertEqual(await resolver.addresses("mx.test"), ("192.0.2.9",))
        self.assertEqual(await resolver.mail_exchangers("d.test"), ("mx.test",))

    def test_servers_come_from_resolv_conf(self) -> None:
        """The file is read with each question, so a change is seen; without one it is this machine."""
        path = Path(self.mktemp())
        resolver = Resolver(Clock(), resolv_conf=path)
        for text, servers in (
            (None, [("127.0.0.1", 53)]),
            ("search x\nnameserver 192.0.2.53\nnameserver ::53\n", [("192.0.2.53", 53), ("::53", 53)]),
            ("nameserver\n", [("127.0.0.1", 53)]),
        ):
            if text is not None:
                path.write_text(text)
            names = resolver._names()
            assert isinstance(names, client.Resolver)
            self.assertEqual(names.servers, servers)


class Zone(common.ResolverBase):
    """A name server's records."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        super().__init__()
        self._records = records

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Deferred[Any]:
        found = [
            dns.RRHeader(name, record.TYPE, ttl=record.ttl, payload=record)
            for record in self._records.get(name.decode("ascii"), [])
            if type == record.TYPE
        ]
        return succeed((found, [], []))
