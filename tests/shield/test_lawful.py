"""Lawful senders and clients: what is refused, for good or not, what only weighs, and what nothing is held against."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.mail.evidence import NO_REVERSE, Reach, Reverse, ReverseName, Sender, SpfResult
from shieldrelay.shield.lawful import Lawful, Unlawful
from shieldrelay.shield.lawful_names import is_generic
from shieldrelay.shield.lawful_settings import LawfulSettings, Weights
from shieldrelay.shield.mode import Mode

CLIENT = client_of("8.8.4.4")
UNREACHABLE = (Reach.NULL_MX, Reach.BOGON, Reach.NO_NAME, Reach.NO_ADDRESS, Reach.ONE_LABEL)
DOMAIN = "client.example"


def sender(reach: Reach = Reach.EXCHANGER, spf: SpfResult = SpfResult.NONE, detail: str = "") -> Sender:
    """Give what is known of a sender."""
    return Sender(DOMAIN, reach, detail, spf)


class Fixture(SynchronousTestCase):
    """A judgement with default settings, at time 0."""

    def setUp(self) -> None:
        """Make it."""
        self.lawful = Lawful(LawfulSettings())

    def judge(self, known: Sender, *, ours: bool = False) -> Unlawful | None:
        """Judge a sender."""
        return self.lawful.sender(CLIENT, known, ours=ours, now=0.0)


class SenderTests(Fixture):
    """`Lawful.sender`."""

    def test_who_can_be_written_to_is_lawful(self) -> None:
        """Mail exchangers, the implicit one, address literals and the null reverse-path are lawful."""
        for reach in (Reach.EXCHANGER, Reach.ADDRESS, Reach.LITERAL, Reach.NULL_PATH):
            self.assertIsNone(self.judge(sender(reach)))

    def test_what_dns_does_not_say_speaks_against_nobody(self) -> None:
        """An outage of DNS refuses nobody, not even the senders of protected domains."""
        unknown = sender(Reach.UNKNOWN, SpfResult.TEMPERROR)
        self.assertIsNone(self.judge(unknown))
        self.assertIsNone(self.judge(unknown, ours=True))

    def test_who_cannot_be_written_to_is_refused(self) -> None:
        """A domain that cannot receive mail is no sender; the reason says why."""
        for reach in UNREACHABLE:
            unlawful = self.judge(sender(reach, detail="mx.client.example is 10.0.0.1: private use"))
            assert unlawful is not None
            self.assertEqual((unlawful.check, unlawful.mode), ("unreachable", Mode.ENFORCE))
            self.assertIn(reach.value, unlawful.reason)
            self.assertIn("private use", unlawful.reason)

    def test_only_the_domain_s_own_word_is_for_good(self) -> None:
        """A null MX is refused for good with 5.7.27 (RFC 7505); all else may be better tomorrow (R17)."""
        for reach in UNREACHABLE:
            unlawful = self.judge(sender(reach))
            assert unlawful is not None
            self.assertEqual(unlawful.reply.is_permanent, reach is Reach.NULL_MX, reach)

    def test_spf_alone_refuses_nobody(self) -> None:
        """No result of SPF refuses a sender whose domain is not ours."""
        for result in SpfResult:
            self.assertIsNone(self.judge(sender(spf=result)))

    def test_protected_domains_pass_spf_or_are_told_of(self) -> None:
        """A protected domain from outside is unlawful unless SPF passes, and by default that is only observed."""
        against = {result for result in SpfResult if self.judge(sender(spf=result), ours=True) is not None}
        self.assertEqual(against, set(SpfResult) - {SpfResult.PASS, SpfResult.TEMPERROR})
        unlawful = self.judge(sender(spf=SpfResult.NONE), ours=True)
        assert unlawful is not None
        self.assertEqual((unlawful.check, unlawful.mode, unlawful.points), ("impostor", Mode.OBSERVE, 0.0))
        self.assertTrue(unlawful.reply.is_transient)

    def test_a_check_is_no_stricter_than_the_whole(self) -> None:
        """The mode of the defence bounds that of each check."""
        for mode, expected in ((Mode.ENFORCE, Mode.ENFORCE), (Mode.OBSERVE, Mode.OBSERVE), (Mode.OFF, None)):
            self.lawful.reconfigure(LawfulSettings(mode=mode, impostor=Mode.ENFORCE))
            for unlawful in (self.judge(sender(Reach.NO_NAME)), self.judge(sender(), ours=True)):
                self.assertIs(unlawful and unlawful.mode, expected)
            self.assertEqual(self.lawful.asks, mode is not Mode.OFF)


class ClientTests(Fixture):
    """Judgement and evidence of a connection."""

    def test_bogons_are_not_refused_unless_set(self) -> None:
        """A client from a private network is let in by default and refused when that is set."""
        inside = client_of("10.1.2.3")
        self.assertIsNone(self.lawful.client(inside))
        self.lawful.reconfigure(LawfulSettings(bogon_client=Mode.ENFORCE))
        judged = self.lawful.client(inside)
        self.assertEqual(judged, ("10.1.2.3 is not in the internet: private use", Mode.ENFORCE))
        self.assertIsNone(self.lawful.client(CLIENT))

    def test_reverse_names_weigh_by_what_they_say(self) -> None:
        """No name, a name that is not confirmed, and a generic one are weak evidence; an unknown one is none."""
        states = {
            Reverse(ReverseName.CONFIRMED, "mail.client.example"): [],
            NO_REVERSE: [],
            Reverse(ReverseName.NONE): ["no reverse name"],
            Reverse(ReverseName.UNCONFIRMED, "mail.client.example"): ["unconfirmed name"],
            Reverse(ReverseName.CONFIRMED, "8-8-4-4.pool.isp.example"): ["generic name"],
        }
        for reverse, checks in states.items():
            self.assertEqual([weight.check for weight in self.lawful.weights(CLIENT, None, reverse)], checks)

    def test_spf_weighs(self) -> None:
        """A failure weighs more than a soft one; what weighs nothing by the settings is not told."""
        found = {
            result: [weight.points for weight in self.lawful.weights(CLIENT, sender(spf=result), None)]
            for result in SpfResult
        }
        self.assertEqual({result: points for result, points in found.items() if points},
                         {SpfResult.FAIL: [2.0], SpfResult.SOFTFAIL: [0.5]})  # fmt: skip
        self.lawful.reconfigure(LawfulSettings(weights=Weights(spf_softfail=0.0)))
        self.assertEqual(self.lawful.weights(CLIENT, sender(spf=SpfResult.SOFTFAIL), None), ())

    def test_it_explains_and_forgives(self) -> None:
        """What is counted of a source is said in clauses, until the source is released."""
        for _ in range(3):
            self.judge(sender(Reach.NO_NAME, SpfResult.FAIL))
        reverse = Reverse(ReverseName.NONE)
        said = self.lawful.explain(CLIENT, 0.0, reverse)
        self.assertEqual(
            said, ("8.8.4.4 has no name", "3 senders that no mail can reach", "3 senders whose SPF failed")
        )
        self.lawful.release(CLIENT.source, 0.0)
        self.assertEqual(self.lawful.explain(CLIENT, 0.0), ())

    def test_lawful_mail_costs_no_memory(self) -> None:
        """Only sources with something against them are remembered."""
        self.judge(sender())
        self.assertEqual(len(self.lawful.tables[0]), 0)


class GenericNameTests(SynchronousTestCase):
    """`is_generic`."""

    def test_names_made_from_the_address_are_generic(self) -> None:
        """Octets of the address in either order, in hexadecimal, or a word for customers' lines."""
        for name in (
            "ip-192-0-2-17.isp.example", "17.2.0.192.isp.example", "host17-2.isp.example", "c0000211.isp.example",
            "dynamic.isp.example", "abc.dsl.isp.example", "pool-7.isp.example", "cust-0815.isp.example",
        ):  # fmt: skip
            self.assertTrue(is_generic(name, "192.0.2.17"), name)

    def test_names_of_servers_are_not(self) -> None:
        """Ordinary names of mail servers are not generic, numbers in them or not."""
        for name in (
            "mail.client.example", "mx01.client.example", "mail-ed1-f41.google.example", "o93.p7.sender.example",
            "smtp-out-2.hostmail.example", "a10-55.smtp-out.example", "poolside.example", "dynamics.example",
        ):  # fmt: skip
            self.assertFalse(is_generic(name, "192.0.2.17"), name)

    def test_ipv6_names_are_found_by_their_last_groups(self) -> None:
        """The end of an IPv6 address in a name makes it generic, `::1` does not."""
        self.assertTrue(is_generic("2001-db8--beef-017a.isp.example", "2001:db8::beef:17a"))
        self.assertFalse(is_generic("mail1.client.example", "2001:db8::1"))
