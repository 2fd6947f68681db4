"""Claims about our own list: what its zone answers to whom, and how the list gets there (RFC 5782)."""

from __future__ import annotations

import stat
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import defer
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import Clock
from twisted.names import client, dns
from twisted.names.error import DNSNameError, DNSQueryRefusedError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.mail.client import client_of
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_export import Exported
from shieldrelay.shield.reputation_listed import Said
from shieldrelay.shield.reputation_networks import Networks, parse_line
from shieldrelay.shield.reputation_score import Band
from shieldrelay.shield.reputation_settings import ReputationSettings
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import ImmediateThreads
from shieldrelay.wire.dnsbl import Dnsbl
from shieldrelay.wire.dnsbl_names import ListZone, question
from shieldrelay.wire.zone import CONNECTIONS, ZoneServer, ZoneSettings, clients_of
from shieldrelay.wire.zone_answers import ListedZone, answer
from shieldrelay.wire.zone_export import EVERY_SECONDS, Export

reactor: Any = the_reactor
BAD, BAD_SIX = client_of("192.0.2.7"), client_of("2001:db8::9")
SOURCES = {
    each.source: Exported(each.source, 90.0, Band.REJECT, ("content", "violations")) for each in (BAD, BAD_SIX)
}
ZONE = ListedZone("bl.example", "mx1.example", 77, SOURCES)


def asked(name: str, kind: int = dns.A, **fields: Any) -> Any:
    """Ask, and give the answer taken apart; ``None`` for none."""
    message = dns.Message(id=7, **fields)
    message.addQuery(name.encode(), kind)
    octets = answer(message.toStr(), ZONE)
    if octets is None:
        return None
    reply = dns.Message()
    reply.fromStr(octets)
    return reply


class AnswersTests(SynchronousTestCase):
    """Octets to octets."""

    def texts(self, name: str, kind: int) -> list[Any]:
        """Give the payloads of an answer."""
        return [header.payload for header in asked(name, kind).answers]

    def test_listed_sources_and_test_points(self) -> None:
        """Who is listed has 127.0.0.2, in any case of letters, all of an IPv6 /64; the test points are as they must."""
        for address in ("192.0.2.7", "2001:db8::1", "127.0.0.2", "::ffff:7f00:2"):
            name = question(address, "bl.Example")
            self.assertEqual([payload.dottedQuad() for payload in self.texts(name, dns.A)], ["127.0.0.2"], address)
        for address in ("192.0.2.8", "2001:db8:0:1::1", "127.0.0.1", "::ffff:7f00:1"):
            reply = asked(question(address, "bl.example"))
            self.assertEqual((reply.rCode, reply.answers, reply.authority[0].type), (dns.ENAME, [], dns.SOA), address)

    def test_it_says_why(self) -> None:
        """TXT has the score and the kinds of evidence."""
        (text,) = self.texts(question("192.0.2.7", "bl.example"), dns.TXT)
        self.assertEqual(text.data, [b"score 90: content, violations"])

    def test_the_apex(self) -> None:
        """SOA and NS are answered; what the zone does not have there is no error."""
        (soa,), (server,) = self.texts("bl.example", dns.SOA), self.texts("bl.example", dns.NS)
        self.assertEqual((soa.serial, str(server.name)), (77, "mx1.example"))
        self.assertEqual((asked("bl.example").rCode, asked("bl.example").answers), (dns.OK, []))

    def test_other_names_are_refused(self) -> None:
        """Nothing is looked up for anybody, and a name that only ends alike is another."""
        for name in ("example.com", "xbl.example", "example"):
            self.assertEqual(asked(name).rCode, dns.EREFUSED)

    def test_nonsense(self) -> None:
        """Labels that are no address do not exist; answers, two questions and long ones get nothing at all."""
        for labels in ("x", "1.2.3", "1.2.3.4.5", "300.2.3.4", "a." * 31 + "b"):
            self.assertEqual(asked(f"{labels}.bl.example").rCode, dns.ENAME)
        self.assertEqual(asked("bl.example", opCode=dns.OP_STATUS).rCode, dns.ENOTIMP)
        self.assertIsNone(asked("bl.example", answer=1))
        double = dns.Message()
        double.addQuery(b"bl.example", dns.A)
        double.addQuery(b"bl.example", dns.A)
        self.assertIsNone(answer(double.toStr(), ZONE))
        self.assertIsNone(answer(bytes(513), ZONE))

    def test_answers_are_no_amplifier(self) -> None:
        """The longest answer has at most five times the octets of its question."""
        message = dns.Message(id=7)
        message.addQuery(question("192.0.2.7", "bl.example").encode(), dns.ALL_RECORDS)
        octets = message.toStr()
        self.assertLess(len(answer(octets, ZONE) or b""), 5 * len(octets))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=80), st.booleans())
    def test_no_octets_raise(self, octets: bytes, like_one: bool) -> None:
        """Whatever comes, there is an answer or none."""
        head = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" if like_one else b""
        self.assertIsInstance(answer(head + octets, ZONE), bytes | None)


class ServerTests(TestCase):
    """`ZoneServer` on loopback sockets."""

    def served(self, *clients: IPv4Network | IPv6Network) -> tuple[ZoneServer, client.Resolver]:
        """Serve, and give somebody who asks."""
        server = ZoneServer(reactor, ZoneSettings((("127.0.0.1", 0),), clients), ZONE)
        server.start()
        self.addCleanup(server.stop)
        return server, client.Resolver(servers=[("127.0.0.1", server.ports[0])], timeout=(1,), reactor=reactor)

    async def test_it_is_a_list(self) -> None:
        """Our own way of asking lists finds it right, and what it lists listed."""
        _, names = self.served(*clients_of(()))
        journal = ListJournal()
        lists = Dnsbl(reactor, [ListZone("bl.example", 2, ipv6=True)], lambda: names, journal)
        self.addCleanup(lists.stop)
        lists.start()
        while lists.states()[0][2]:
            await self.turn()
        for each in (BAD, BAD_SIX, client_of("192.0.2.8")):
            lists.begin(each)
        while lists.said(BAD).weight == 0 or lists.said(BAD_SIX).weight == 0:
            await self.turn()
        self.assertEqual(lists.said(BAD), Said(2, ("bl.example",)))
        self.assertEqual(lists.said(client_of("192.0.2.8")).weight, 0)
        self.assertEqual(journal.named("alarm"), [])

    async def test_refusals_and_absences(self) -> None:
        """Names beside the zone are refused, others do not exist, for a real client too."""
        _, names = self.served(*clients_of(()))
        await self.assertFailure(names.lookupAddress("9.9.9.9.bl.example"), DNSNameError)
        await self.assertFailure(names.lookupAddress("www.example.com"), DNSQueryRefusedError)

    async def test_tcp(self) -> None:
        """Over TCP it answers the same; a message of nonsense ends the connection, and so does a long one."""
        server, names = self.served(*clients_of(()))
        answers = await names.queryTCP([dns.Query(question("192.0.2.7", "bl.example").encode(), dns.TXT)])
        self.assertEqual(answers.answers[0].payload.data, [b"score 90: content, violations"])
        for octets in (b"\x00\x03abc", b"\xff\xff"):
            stream = await self.connected(server)
            cast(Any, stream.transport).write(octets)
            await stream.over

    async def test_strangers_get_nothing(self) -> None:
        """Who is not on the access list hears nothing by UDP, and its connection is closed."""
        server, names = self.served(ip_network("192.0.2.0/24"))
        stream = await self.connected(server)
        await stream.over
        await self.assertFailure(names.lookupAddress("2.0.0.127.bl.example"), defer.TimeoutError)

    async def test_connections_are_bounded(self) -> None:
        """One more than may be is closed at once; silent ones end with the server."""
        server, _ = self.served(*clients_of(()))
        streams = [await self.connected(server) for _ in range(CONNECTIONS + 1)]
        await streams[-1].over
        server.stop()
        for stream in streams:
            await stream.over

    async def connected(self, server: ZoneServer) -> _Stream:
        """Give a connection."""
        from twisted.internet.endpoints import TCP4ClientEndpoint

        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", server.ports[0])
        made: Any = await endpoint.connect(Factory.forProtocol(_Stream))
        return cast(_Stream, made)

    def turn(self) -> Deferred[None]:
        """Let the reactor turn."""
        turned: Deferred[None] = Deferred()
        reactor.callLater(0.001, turned.callback, None)
        return turned


class _Stream(TwistedProtocol):
    """The other end; ``over`` fires when the connection ends."""

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def connectionLost(self, reason: Any = None) -> None:
        self.over.callback(None)


class ExportTests(SynchronousTestCase):
    """`Export`, with threads that are none."""

    def setUp(self) -> None:
        self.clock, self.journal = Clock(), ListJournal()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.reputation = Reputation(ReputationSettings())
        for number in range(500):
            bad = client_of(f"192.0.{number >> 8}.{number & 255}")
            self.reputation.refused(bad, 20, 0.0)
        self.published: list[tuple[tuple[Exported, ...], int]] = []

    def export(self, file: Path) -> Export:
        """Begin."""
        export = Export(
            self.reputation, self.clock, lambda: 1_800_000_000.0, ImmediateThreads(), self.journal,
            file=file, good=lambda source: source == b"\xc0\x00\x00\x05",
            publish=lambda exported, wall: self.published.append((exported, wall)),
        )  # fmt: skip
        export.start()
        self.addCleanup(export.stop)
        return export

    def test_every_five_minutes(self) -> None:
        """The list is looked for in slices, written as a feed that all may read, and again five minutes later."""
        file = self.directory / "worst.txt"
        self.export(file)
        self.assertFalse(file.exists())
        self.clock.pump([0.0] * 5)
        lines = file.read_bytes().splitlines()
        networks = Networks(filter(None, map(parse_line, lines)))
        self.assertTrue(networks.has(b"\xc0\x00\x01\x05"))
        self.assertFalse(networks.has(b"\xc0\x00\x00\x05"))
        self.assertEqual((len(lines), stat.S_IMODE(file.stat().st_mode)), (500, 0o644))
        self.assertEqual(lines[0], b"# sources with a bad name, made 2027-01-15T08:00:00Z")
        self.clock.pump([EVERY_SECONDS] + [0.0] * 5)
        self.assertEqual([len(exported) for exported, _ in self.published], [499, 499])

    def test_a_disk_that_refuses(self) -> None:
        """The journal is told, the zone has the list all the same, and the next time it is tried again."""
        self.export(self.directory / "none" / "worst.txt")
        self.clock.pump([0.0] * 5)
        self.assertEqual((len(self.journal.named("export_failed")), len(self.published)), (1, 1))
        (self.directory / "none").mkdir()
        self.clock.pump([EVERY_SECONDS] + [0.0] * 5)
        self.assertTrue((self.directory / "none" / "worst.txt").exists())
