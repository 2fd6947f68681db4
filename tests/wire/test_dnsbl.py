"""Claims about DNS lists: what is asked, what is believed, and that their troubles hold up nobody (RFC 5782)."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.shield.reputation_listed import NOTHING_SAID, Said
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.dnsbl import A_SECOND, CLIENTS, UNDER_WAY, Dnsbl
from shieldrelay.wire.dnsbl_names import ListZone, Meaning, address_of, meaning, question
from shieldrelay.wire.dnsbl_question import BUDGET_SECONDS, ask
from shieldrelay.wire.dnsbl_tested import EVERY_SECONDS, FAILURES, SILENT_SECONDS

BAD = client_of("192.0.2.7")
NAME = "7.2.0.192.bl.test"
SILENCE = "silence"


class Names:
    """Name servers: what is not in the table does not exist.

    :ivar table: by name: addresses, an exception, or `SILENCE`.
    """

    def __init__(self) -> None:
        self.table: dict[str, Any] = {}
        self.asked: list[str] = []
        self.ttl = 600

    def lists(self, zone: str, *addresses: str) -> None:
        """Have a list with its test point and these addresses."""
        for each in ("127.0.0.2", *addresses):
            self.table[question(each, zone)] = ["127.0.0.2"]

    def lookupAddress(self, name: str) -> Deferred[Any]:
        """Answer."""
        self.asked.append(name)
        entry = self.table.get(name, [])
        if entry == SILENCE:
            return Deferred()
        if isinstance(entry, Exception):
            return fail(entry)
        if not entry:
            soa = dns.Record_SOA(minimum=120, ttl=900)
            message = dns.Message()
            message.authority = [dns.RRHeader(b"bl.test", dns.SOA, ttl=900, payload=soa)]
            return fail(DNSNameError(message))
        records = [dns.RRHeader(name, dns.A, ttl=self.ttl, payload=dns.Record_A(each)) for each in entry]
        return succeed((records, [], []))


class NamesTests(SynchronousTestCase):
    """What is asked, and what an answer means."""

    def test_questions(self) -> None:
        """Octets of IPv4 the other way round, nibbles of IPv6; and back."""
        self.assertEqual(question("192.0.2.7", "bl.test"), NAME)
        six = question("2001:db8::567:89ab", "bl.test")
        self.assertEqual(six, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test")
        self.assertEqual(str(address_of(six.split(".")[:32])), "2001:db8::567:89ab")
        self.assertEqual(str(address_of(NAME.split(".")[:4])), "192.0.2.7")
        for labels in (["1", "2"], ["a", "b", "c", "d"], ["999", "1", "1", "1"], ["x"] * 32, ["ab"] * 32):
            self.assertIsNone(address_of(labels))

    def test_meanings(self) -> None:
        """Within 127/8 is a listing, unless the operator wants others or the list complains; outside is no list."""
        zone, some = ListZone("bl.test"), ListZone("bl.test", answers=(IPv4Network("127.0.0.2"),))
        for answers, of, wanted in (
            (("127.0.0.2",), zone, Meaning.LISTED),
            (("127.0.0.9",), some, Meaning.NOT_LISTED),
            (("127.0.0.9", "127.0.0.2"), some, Meaning.LISTED),
            (("127.255.255.254",), zone, Meaning.TROUBLE),
            (("203.0.113.1",), zone, Meaning.OUTSIDE),
            (("127.0.0.2", "203.0.113.1"), zone, Meaning.OUTSIDE),
            ((), zone, Meaning.NOT_LISTED),
        ):
            self.assertIs(meaning(answers, of), wanted)

    def test_ttls_are_bounded(self) -> None:
        """Answers hold a minute at least and an hour at most; an absence as long as its SOA says, within the same."""
        names, clock = Names(), Clock()
        names.lists("bl.test")
        held = []
        for ttl in (0, 600, 86400):
            names.ttl = ttl
            held.append(self.successResultOf(ask(lambda: names, "2.0.0.127.bl.test", clock)).seconds)  # type: ignore[union-attr]
        held.append(self.successResultOf(ask(lambda: names, NAME, clock)).seconds)  # type: ignore[union-attr]
        self.assertEqual(held, [60.0, 600.0, 3600.0, 120.0])

    def test_settings_make_sense(self) -> None:
        """A weight of nothing, and answers outside 127/8, are refused."""
        self.assertRaises(ValueError, ListZone, "bl.test", weight=0)
        self.assertRaises(ValueError, ListZone, "bl.test", answers=(IPv4Network("10.0.0.0/8"),))


class DnsblTests(SynchronousTestCase):
    """`Dnsbl` of one list of spammers, on a clock of its own."""

    def setUp(self) -> None:
        self.clock, self.names, self.journal = Clock(), Names(), ListJournal()
        self.names.lists("bl.test", "192.0.2.7")
        self.lists = self.started(ListZone("bl.test"))

    def started(self, *zones: ListZone) -> Dnsbl:
        """Give lists that are tested."""
        lists = Dnsbl(self.clock, zones, lambda: self.names, self.journal)
        lists.start()
        self.addCleanup(lists.stop)
        self.names.asked.clear()
        return lists

    def off(self, lists: Dnsbl | None = None) -> str:
        """Say why the first list is not used."""
        return (lists or self.lists).states()[0][2]

    def test_a_listed_client_is_known(self) -> None:
        """It is asked about once, and the answer holds for its TTL."""
        for _ in range(3):
            self.lists.begin(BAD)
        self.assertEqual(self.lists.said(BAD), Said(1, ("bl.test",)))
        self.assertEqual(self.names.asked, [NAME])
        self.clock.advance(601.0)
        self.lists.begin(BAD)
        self.assertEqual(len(self.names.asked), 2)

    def test_weights_add_up(self) -> None:
        """Lists of good senders count against those of bad ones, and only lists with IPv6 are asked about it."""
        self.names.lists("two.test", "192.0.2.7")
        self.names.lists("wl.test", "192.0.2.7")
        zones = (ListZone("bl.test"), ListZone("two.test", 2, ipv6=True), ListZone("wl.test", -4))
        lists = self.started(*zones)
        lists.begin(BAD)
        self.assertEqual(lists.said(BAD), Said(-1, ("bl.test", "two.test"), ("wl.test",)))
        self.names.asked.clear()
        lists.begin(client_of("2001:db8::1"))
        self.assertEqual([name[-8:] for name in self.names.asked], ["two.test"])

    def test_an_outage_refuses_nobody(self) -> None:
        """Silence and failures say nothing, whoever was listed before; the question is given up after three seconds."""
        self.lists.begin(BAD)
        self.clock.advance(601.0)
        for trouble in (SILENCE, DNSServerError(), OSError()):
            self.names.table[NAME] = trouble
            self.lists.begin(BAD)
            self.clock.advance(BUDGET_SECONDS)
            self.assertEqual(self.lists.said(BAD), NOTHING_SAID)

    def test_a_hanging_list_costs_a_bounded_number_of_questions(self) -> None:
        """So many are under way, no more; when they have failed the list is left alone and tested later."""
        for number in range(400):
            address = f"198.51.{number >> 8}.{number & 255}"
            self.names.table[question(address, "bl.test")] = SILENCE
            self.lists.begin(client_of(address))
        self.assertEqual((len(self.names.asked), self.lists.unasked), (UNDER_WAY, 400 - UNDER_WAY))
        self.clock.advance(BUDGET_SECONDS)
        self.assertEqual(self.off(), "it does not answer")
        self.lists.begin(BAD)
        self.assertEqual(len(self.names.asked), UNDER_WAY)
        self.clock.advance(SILENT_SECONDS)
        self.assertEqual(self.off(), "")
        self.lists.begin(BAD)
        self.assertEqual(self.lists.said(BAD).weight, 1)

    def test_a_flood_of_strangers_buys_no_flood_of_questions(self) -> None:
        """Beyond the first ones so many a second are asked; who was not is asked when it comes again."""
        strangers = [client_of(f"198.51.{number >> 8}.{number & 255}") for number in range(1000)]
        for each in strangers:
            self.lists.begin(each)
        self.assertEqual(len(self.names.asked), UNDER_WAY)
        self.clock.advance(0.5)
        for each in strangers:
            self.lists.begin(each)
        self.assertEqual(len(set(self.names.asked)), UNDER_WAY + A_SECOND / 2)

    def test_some_failures_do_not_silence_a_list(self) -> None:
        """One answer between failures, and it is used on."""
        self.names.table["9.2.0.192.bl.test"] = OSError()
        for number in range(3 * FAILURES):
            self.lists.begin(client_of("192.0.2.9"))
            if number % 5 == 0:
                self.lists.begin(client_of(f"198.51.100.{number}"))
        self.assertEqual(self.off(), "")

    def test_a_list_that_lists_everything_is_switched_off(self) -> None:
        """When its test points are wrong it counts no more at once, an alarm is raised, and it can come back."""
        self.lists.begin(BAD)
        self.names.table["1.0.0.127.bl.test"] = ["127.0.0.2"]
        self.clock.advance(EVERY_SECONDS)
        self.assertEqual(self.off(), "it lists 127.0.0.1: everything")
        self.assertEqual(self.lists.said(BAD), NOTHING_SAID)
        alarm = {"alarm": "DNS list", "domain": None, "reason": "bl.test is not used: it lists 127.0.0.1: everything"}
        self.assertEqual(self.journal.named("alarm"), [alarm])
        del self.names.table["1.0.0.127.bl.test"]
        self.clock.advance(EVERY_SECONDS)
        self.assertEqual(self.off(), "")
        self.assertEqual(self.lists.said(BAD).weight, 1)
        self.assertEqual(len(self.journal.named("alarm_over")), 1)

    def test_other_faults_of_a_list(self) -> None:
        """One that lists nothing, is parked elsewhere, refuses us or is silent is not used."""
        for answers, why in (
            ({"2.0.0.127.x.test": []}, "it does not list 127.0.0.2"),
            ({"2.0.0.127.x.test": ["203.0.113.1"]}, "it answers outside 127.0.0.0/8"),
            ({"2.0.0.127.x.test": ["127.255.255.254"]}, "it does not want our questions"),
            ({"2.0.0.127.x.test": OSError()}, "it does not answer"),
        ):
            self.names.table.update(answers)
            lists = self.started(ListZone("x.test"))
            self.assertEqual(self.off(lists), why)
            lists.begin(BAD)
            self.assertEqual(self.names.asked, [])

    def test_ipv6_wildcards_are_found(self) -> None:
        """A list that has every IPv6 address is found out when IPv6 is asked of it."""
        self.names.table[question("::ffff:7f00:1", "bl.test")] = ["127.0.0.2"]
        self.assertEqual(self.off(self.started(ListZone("bl.test"))), "")
        self.assertIn("everything", self.off(self.started(ListZone("bl.test", ipv6=True))))

    def test_an_answer_outside_switches_off_at_once(self) -> None:
        """A resolver that puts its own answers in place of none is noticed with the first client."""
        self.names.table["9.2.0.192.bl.test"] = ["203.0.113.80"]
        self.lists.begin(client_of("192.0.2.9"))
        self.assertEqual(self.off(), "it answers outside 127.0.0.0/8")

    def test_addresses_of_this_network_are_nobodys_business(self) -> None:
        """Private and loopback addresses are asked of no stranger."""
        for address in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "fd00::1", "fe80::1", "::1"):
            self.lists.begin(client_of(address))
        self.assertEqual(self.names.asked, [])

    def test_what_is_kept_is_bounded(self) -> None:
        """The client that was seen first is forgotten first."""
        self.lists.begin(BAD)
        for number in range(CLIENTS):
            self.lists.begin(client_of(f"100.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
        self.assertEqual(self.lists.said(BAD), NOTHING_SAID)

    def test_a_stop_ends_it(self) -> None:
        """Nothing is asked or tested afterwards."""
        self.lists.stop()
        self.lists.begin(BAD)
        self.assertEqual((self.names.asked, self.clock.getDelayedCalls()), ([], []))
