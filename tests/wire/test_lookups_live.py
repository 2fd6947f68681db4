"""The look-ups against real name servers: nsd, unbound before it, one that hangs, and one that lies."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.names import dns
from twisted.trial.unittest import TestCase

from shieldrelay.mail.address import NULL, ReversePath, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.evidence import Reach, Reverse, ReverseName, Sender, SpfResult
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.lookups import Lookups
from tests.capabilities import possible
from tests.wire.name_servers import Server, nsd, unbound

reactor: Any = the_reactor

CLIENT = client_of("8.8.4.4")

LAWFUL_ZONE = """\
good IN MX 10 mx.good
good IN TXT "v=spf1 mx ip4:8.8.4.0/24 -all"
mx.good IN A 9.9.9.9
mx.good IN AAAA 2606:4700::1111
plain IN A 9.9.9.9
plain IN TXT "v=spf1 a -all"
null IN MX 0 .
null IN TXT "v=spf1 -all"
inside IN MX 10 mx.inside
mx.inside IN A 10.0.0.1
here IN MX 10 localhost.
lost IN MX 10 nowhere
mail IN A 8.8.4.4
mail IN TXT "v=spf1 a -all"
big IN A 9.9.9.9
big IN TXT "v=spf1 include:p0.big.sender.test include:p1.big.sender.test ip4:8.8.4.4 -all"
"""
BOMBS = """\
$ORIGIN bomb.test.
loop IN TXT "v=spf1 include:loop.bomb.test -all"
ring IN TXT "v=spf1 include:ring2.bomb.test -all"
ring2 IN TXT "v=spf1 redirect=ring.bomb.test"
voids IN TXT "v=spf1 a:v1.bomb.test a:v2.bomb.test a:v3.bomb.test ip4:8.8.4.4 -all"
two IN TXT "v=spf1 -all"
two IN TXT "v=spf1 +all"
ptr IN TXT "v=spf1 ptr -all"
tree IN TXT "v=spf1 include:t0.bomb.test include:t1.bomb.test include:t2.bomb.test -all"
t0 IN TXT "v=spf1 include:t00.bomb.test include:t01.bomb.test include:t02.bomb.test -all"
t1 IN TXT "v=spf1 include:t00.bomb.test include:t01.bomb.test include:t02.bomb.test -all"
t2 IN TXT "v=spf1 include:t00.bomb.test include:t01.bomb.test include:t02.bomb.test -all"
t00 IN TXT "v=spf1 include:t000.bomb.test -all"
t01 IN TXT "v=spf1 include:t000.bomb.test -all"
t02 IN TXT "v=spf1 include:t000.bomb.test -all"
t000 IN TXT "v=spf1 -all"
macro IN TXT "v=spf1 exists:%{ir}.%{l1r+-}.%{d2}.bomb.test -all"
4.4.8.8.x.bomb.test.bomb.test. IN A 127.0.0.2
"""


def zones() -> dict[str, str]:
    """Give the zones."""
    many = " ".join(f"ip4:9.{number}.0.0/16" for number in range(30))
    large = f'p0.big IN TXT "v=spf1 {many[:200]}" "{many[200:400].rpartition(" ")[0]} -all"\n'
    texts = "".join(f'big IN TXT "verification-of-something={number:0200}"\n' for number in range(40))
    wide = "".join(f"wide IN MX {each} mx{each}.wide\nmx{each}.wide IN A 10.0.0.{each}\n" for each in range(40))
    one = 'p1.big IN TXT "v=spf1 ip4:9.9.9.9 -all"\n'
    long = '"' + '" "'.join("ip4:9.9.9.9 " * 20 for _ in range(25)) + '"'
    alias = "alias IN CNAME other\nother IN CNAME good\n"
    bombs = BOMBS + f'long IN TXT "v=spf1 " {long}\n'
    return {
        "sender.test": LAWFUL_ZONE + large + one + texts + wide + alias,
        "bomb.test": bombs,
        "4.8.8.in-addr.arpa": "4 IN PTR mail.sender.test.\n5 IN PTR mail.sender.test.\n",
    }


class Fixture(TestCase):
    """Look-ups that ask one server."""

    timeout = 30

    def lookups_for(self, address: tuple[str, int], budget: float = 3.0) -> Lookups:
        """Make look-ups."""
        self.journal = ListJournal()
        lookups = Lookups(reactor, self.journal, [address], budget=budget, searches=1e6)
        self.addCleanup(self.ended, lookups)
        return lookups

    async def ended(self, lookups: Lookups) -> None:
        """Stop them, and wait for the timers of what nobody answered."""
        await lookups.stop()
        for _ in range(400):
            if not any("DNSDatagramProtocol" in str(call) for call in reactor.getDelayedCalls()):
                break
            await deferLater(reactor, 0.01)

    async def sender(self, lookups: Lookups, path: ReversePath, helo: str = "mail.sender.test") -> Sender:
        """Wait for what is found of a sender."""
        dossier = lookups.sender(CLIENT, path, helo)
        wait = dossier.wait()
        if wait is not None:
            await wait
        self.assertEqual(self.journal.named("bug"), [])
        return dossier.sender

    async def of(self, lookups: Lookups, domain: str) -> tuple[Reach, SpfResult]:
        """Say what is found of a domain."""
        sender = await self.sender(lookups, parse_mailbox(b"x@" + domain.encode()))
        return sender.reach, sender.spf


EXPECTED = {
    "good.sender.test": (Reach.EXCHANGER, SpfResult.PASS),
    "plain.sender.test": (Reach.ADDRESS, SpfResult.FAIL),
    "null.sender.test": (Reach.NULL_MX, SpfResult.FAIL),
    "inside.sender.test": (Reach.BOGON, SpfResult.NONE),
    "here.sender.test": (Reach.BOGON, SpfResult.NONE),
    "lost.sender.test": (Reach.NO_ADDRESS, SpfResult.NONE),
    "wide.sender.test": (Reach.BOGON, SpfResult.NONE),
    "nobody.sender.test": (Reach.NO_NAME, SpfResult.NONE),
    "big.sender.test": (Reach.ADDRESS, SpfResult.PASS),
    "alias.sender.test": (Reach.EXCHANGER, SpfResult.PASS),
}


@possible("nsd")
class NsdTests(Fixture):
    """nsd answers for a zone of senders, one of bombs, and reverse names."""

    def setUp(self) -> None:
        """Start it."""
        self.server: Server = nsd(Path(self.mktemp()), zones())
        self.addCleanup(self.server.stop)

    async def test_senders_are_what_their_zones_say(self) -> None:
        """MX, implicit MX, null MX, bogons, names that lead nowhere, and answers that need TCP, with their SPF."""
        lookups = self.lookups_for(self.server.address)
        for domain, expected in EXPECTED.items():
            self.assertEqual(await self.of(lookups, domain), expected, domain)

    async def test_bombs_are_permanent_errors_of_their_owners(self) -> None:
        """Loops, rings, trees, void look-ups, two policies, policies too long: all are permerror, soon."""
        lookups = self.lookups_for(self.server.address)
        for name in ("loop", "ring", "tree", "voids", "two", "long"):
            self.assertIs((await self.of(lookups, f"{name}.bomb.test"))[1], SpfResult.PERMERROR, name)
        self.assertLess(lookups.load().questions, 70)
        self.assertEqual((await self.of(lookups, "macro.bomb.test"))[1], SpfResult.PASS)
        self.assertEqual((await self.of(lookups, "ptr.bomb.test"))[1], SpfResult.FAIL)

    async def test_notices_are_judged_by_the_client_s_name(self) -> None:
        """SPF of the null reverse-path is that of the name in EHLO."""
        lookups = self.lookups_for(self.server.address)
        self.assertEqual(await self.sender(lookups, NULL), Sender("", Reach.NULL_PATH, "", SpfResult.PASS))

    async def test_clients_are_called_what_both_ways_say(self) -> None:
        """A name is confirmed where the name has the address, and a lie is found out."""
        lookups = self.lookups_for(self.server.address)
        liar, nobody = client_of("8.8.4.5"), client_of("8.8.4.6")
        for client in (CLIENT, liar, nobody):
            lookups.begin(client)
        for _ in range(200):
            if lookups.reverse(nobody).state is not ReverseName.UNKNOWN and lookups.load().under_way == 0:
                break
            await deferLater(reactor, 0.01)
        self.assertEqual(lookups.reverse(CLIENT), Reverse(ReverseName.CONFIRMED, "mail.sender.test"))
        self.assertEqual(lookups.reverse(liar), Reverse(ReverseName.UNCONFIRMED, "mail.sender.test"))
        self.assertEqual(lookups.reverse(nobody), Reverse(ReverseName.NONE))

    @possible("unbound")
    async def test_a_cache_before_it_says_the_same(self) -> None:
        """Behind unbound, which shuffles and caches, all is judged alike, the second time too."""
        names = ["sender.test", "bomb.test", "4.8.8.in-addr.arpa"]
        cache = unbound(Path(self.mktemp()), self.server, names)
        self.addCleanup(cache.stop)
        for _ in range(2):
            lookups = self.lookups_for(cache.address)
            for domain, expected in EXPECTED.items():
                self.assertEqual(await self.of(lookups, domain), expected, domain)

    async def test_an_outage_is_known_to_be_one(self) -> None:
        """When the server goes away nothing is known of new senders, and those known stay what they were."""
        lookups = self.lookups_for(self.server.address, budget=0.3)
        await self.of(lookups, "good.sender.test")
        self.server.stop()
        self.assertEqual(await self.of(lookups, "null.sender.test"), (Reach.UNKNOWN, SpfResult.TEMPERROR))
        self.assertEqual(await self.of(lookups, "good.sender.test"), EXPECTED["good.sender.test"])


class _Liar(DatagramProtocol):
    """Answers every question with something that is none."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []

    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        """Lie in every way there is."""
        number, question = datagram[:2], datagram[12:]
        header = b"\x81\x80\0\1\0\1\0\0\0\0"
        loop = b"\xc0\x0c"
        for lie in (
            b"",
            number,
            b"\xff" * 40,
            bytes([number[0] ^ 1, number[1]]) + header + question + loop + b"\0\x0f\0\1\0\0\1\0\0\4\0\1\xc0\x0c",
            number + b"\x81\x80\0\1\xff\xff\0\0\0\0" + question,
            number + header + question + b"\xc0" + bytes([12 + len(question)]) + b"\0\x0f\0\1\0\0\1\0\0\4",
        ):
            self.answers.append(lie)
            if self.transport is not None:
                self.transport.write(lie, address)


class _Poisoner(DatagramProtocol):
    """Answers every question well, but of another name than was asked for."""

    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        """Say what would make a sender lawful, of a name that nobody asked for."""
        message = dns.Message()
        message.fromStr(datagram)
        message.answer, message.rCode = 1, dns.OK
        for payload in (
            dns.Record_MX(10, b"good.test"), dns.Record_A("9.9.9.9"), dns.Record_TXT(b"v=spf1 +all"),
            dns.Record_PTR(b"good.test"),
        ):  # fmt: skip
            message.answers.append(dns.RRHeader(b"other.test", payload.TYPE, ttl=300, payload=payload))
        if self.transport is not None:
            self.transport.write(message.toStr(), address)


class BadServerTests(Fixture):
    """Name servers that are none."""

    async def test_a_server_that_hangs_costs_the_budget(self) -> None:
        """Questions that are never answered leave everything unknown after the budget, and nobody refused."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            lookups = self.lookups_for(silent.getsockname(), budget=0.3)
            began = reactor.seconds()
            self.assertEqual(await self.of(lookups, "good.sender.test"), (Reach.UNKNOWN, SpfResult.TEMPERROR))
            self.assertLess(reactor.seconds() - began, 1.5)

    async def test_answers_about_other_names_say_nothing(self) -> None:
        """What an answer holds of names that were not asked for makes no sender lawful, passes no SPF, names nobody."""
        port = reactor.listenUDP(0, _Poisoner(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        lookups = self.lookups_for(("127.0.0.1", port.getHost().port), budget=2.0)
        self.assertEqual(await self.of(lookups, "evil.test"), (Reach.NO_ADDRESS, SpfResult.NONE))

    async def test_answers_that_are_none_are_trouble(self) -> None:
        """Garbage, cut answers, loops of pointers and answers to other questions are no answers."""
        liar = _Liar()
        port = reactor.listenUDP(0, liar, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        lookups = self.lookups_for(("127.0.0.1", port.getHost().port), budget=0.5)
        reach, spf = await self.of(lookups, "good.sender.test")
        self.assertNotIn(reach, (Reach.EXCHANGER, Reach.NULL_MX, Reach.BOGON))
        self.assertIn(spf, (SpfResult.TEMPERROR, SpfResult.NONE))
        self.assertTrue(liar.answers)
        self.flushLoggedErrors()
