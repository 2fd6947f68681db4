"""Claims about networks of feeds, reports, and what is exported."""

from __future__ import annotations

import hashlib
import ipaddress
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_export import SLICE, Exported, render, survey, worst
from shieldrelay.shield.reputation_networks import Networks, parse_line
from shieldrelay.shield.reputation_reports import Opinion, Reception, References, Reports
from shieldrelay.shield.reputation_score import Band
from shieldrelay.shield.reputation_settings import ReputationSettings

NOW, WALL = 1000.0, 1_800_000_000.0
SPAMMER = client_of("192.0.2.7")


class NetworksTests(SynchronousTestCase):
    """`Networks` and the lines that it is made of."""

    def test_lines(self) -> None:
        """An address, a network with host bits set, comments of both kinds, mapped IPv4; blank lines say nothing."""
        given = (b"192.0.2.1", b"  192.0.2.9/24 ; SBL1", b"2001:db8::1 # x", b"::ffff:192.0.2.1", b"# all", b"", b";")
        self.assertEqual(
            [str(parse_line(each)) for each in given],
            ["192.0.2.1/32", "192.0.2.0/24", "2001:db8::1/128", "192.0.2.1/32", "None", "None", "None"],
        )

    def test_nonsense_is_refused(self) -> None:
        """What is no network, and the whole internet, is an error."""
        for line in (b"<html>", b"192.0.2.256", b"0.0.0.0/0", b"10.0.0.0/7", b"::/0", b"\xff\xfe1", b"1.2.3.4/33"):
            self.assertRaises(ValueError, parse_line, line)

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)), max_size=30), st.integers(0, 2**32 - 1))
    def test_finds_what_is_in_it(self, made: list[tuple[int, int]], address: int) -> None:
        """For any networks and any address, it answers as looking at each network does."""
        networks = [ipaddress.IPv4Network((first, length), strict=False) for first, length in made]
        held = Networks(networks)
        for each in (address, *(int(n.network_address) for n in networks), *(int(n[-1]) for n in networks)):
            wanted = any(ipaddress.IPv4Address(each) in network for network in networks)
            self.assertEqual(held.has(each.to_bytes(4, "big")), wanted)

    def test_ipv6_counts_by_64(self) -> None:
        """An address stands for its /64; the next /64 is another."""
        held = Networks([ipaddress.IPv6Network("2001:db8::1/128")])
        self.assertTrue(held.has(client_of("2001:db8::2").source))
        self.assertFalse(held.has(client_of("2001:db8:0:1::1").source))

    def test_a_hundred_thousand_are_small(self) -> None:
        """A hundred thousand addresses cost 8 octets each, those of IPv6 16."""
        chance = random.Random(1)
        four = [ipaddress.IPv4Network((chance.getrandbits(32), 32)) for _ in range(100_000)]
        self.assertLessEqual(Networks(four).octets, 800_000)


class ReportsTests(SynchronousTestCase):
    """`Reports` of two domains."""

    def setUp(self) -> None:
        self.reputation = Reputation(ReputationSettings())
        self.references = References(most=3)
        self.told: list[tuple[str, str, Opinion]] = []
        tokens = {name: hashlib.sha256(name.encode() + b" token").hexdigest() for name in ("a.test", "b.test")}
        self.reports = Reports(
            self.reputation, self.references, lambda d, c, o: self.told.append((d, c.address, o)), tokens
        )

    def report(
        self, subject: str | Client, opinion: Opinion = Opinion.SPAM, domain: str = "a.test", token: bytes = b""
    ) -> Reception:
        """Report as a domain, with its token unless another is given."""
        return self.reports.report(domain, token or domain.encode() + b" token", subject, opinion, NOW)

    def test_a_token_is_wanted(self) -> None:
        """A wrong token, another domain's, and a domain without one are denied, and nothing is counted."""
        cases = (("a.test", b"x"), ("a.test", b"b.test token"), ("c.test", b"c.test token"), ("c.test", b"-"))
        for domain, token in cases:
            self.assertIs(self.report(SPAMMER, domain=domain, token=token), Reception.DENIED)
        self.assertEqual((self.told, len(self.reputation.sources)), ([], 0))

    def test_a_message_is_reported_once(self) -> None:
        """By its id, by the domain that it went to, once."""
        self.references.note("m1", "192.0.2.7", "a.test")
        got = [self.report("m1", domain="b.test"), self.report("m1"), self.report("m1"), self.report("m2")]
        self.assertEqual(got, [Reception.UNKNOWN, Reception.TAKEN, Reception.ALREADY, Reception.UNKNOWN])
        self.assertEqual(self.told, [("a.test", "192.0.2.7", Opinion.SPAM)])

    def test_memory_is_bounded(self) -> None:
        """The oldest references are forgotten first."""
        for number in range(5):
            self.references.note(f"m{number}", "192.0.2.7", "a.test")
        self.assertEqual(len(self.references), 3)
        self.assertIs(self.report("m1"), Reception.UNKNOWN)
        self.assertIs(self.report("m4"), Reception.TAKEN)

    def test_one_domain_does_not_decide_for_all(self) -> None:
        """Of one domain four reports about a source count: it throttles who sends well elsewhere, no more."""
        self.reputation.taken(SPAMMER, 100, NOW, WALL)
        got = [self.report(SPAMMER) for _ in range(6)]
        self.assertEqual(got, [Reception.TAKEN] * 4 + [Reception.ENOUGH] * 2)
        standing = self.reputation.standing(SPAMMER, Acquaintance.STRANGER, NOW)
        self.assertIs(standing.band, Band.THROTTLE)

    def test_ham_speaks_for_a_source(self) -> None:
        """A report of ham outweighs refusals."""
        self.reputation.refused(SPAMMER, 10, NOW)
        before = self.reputation.standing(SPAMMER, Acquaintance.STRANGER, NOW).score
        self.report(SPAMMER, Opinion.HAM)
        self.assertLess(self.reputation.standing(SPAMMER, Acquaintance.STRANGER, NOW).score, before)


class ExportTests(SynchronousTestCase):
    """What is given to others."""

    def exported(self, reputation: Reputation, good: frozenset[bytes] = frozenset()) -> list[Exported]:
        """Look through all of it."""
        found: list[Exported] = []
        slices = sum(1 for _ in survey(reputation, NOW, good.__contains__, found))
        self.assertLessEqual(slices, len(reputation.sources) // SLICE)
        return found

    def test_only_bad_names_are_exported(self) -> None:
        """Who is asked to come later or refused for what it did here is; good senders and little evidence are not."""
        reputation = Reputation(ReputationSettings())
        known = client_of("192.0.2.9")
        for client, refused in ((SPAMMER, 50), (client_of("192.0.2.8"), 3), (known, 50)):
            reputation.refused(client, refused, NOW)
            reputation.unknown(client, refused, NOW)
        reputation.taken(client_of("2001:db8::1"), 50, NOW, WALL)
        found = self.exported(reputation, frozenset((known.source,)))
        self.assertEqual([(each.source, each.band) for each in found], [(SPAMMER.source, Band.REJECT)])

    def test_the_file_is_a_feed(self) -> None:
        """What is written can be read as a feed, worst first, and says why."""
        six = client_of("2001:db8::1").source
        sources = (
            Exported(six, 60.0, Band.TEMPFAIL, ("violations",)),
            Exported(SPAMMER.source, 90.0, Band.REJECT, ("content", "violations")),
            Exported(client_of("192.0.2.8").source, 56.0, Band.TEMPFAIL, ("content",)),
        )
        lines = render(worst(sources, 2), "today").splitlines()
        self.assertEqual(lines[1:], [
            b"192.0.2.7 # score 90: content, violations", b"2001:db8::/64 # score 60: violations",
        ])  # fmt: skip
        held = Networks(filter(None, map(parse_line, lines)))
        self.assertTrue(held.has(six) and held.has(SPAMMER.source))
