"""What DNS says of senders and clients: found out once, within a budget, bounded; silence speaks against nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.evidence import NO_REVERSE, Reach, Reverse, ReverseName, Sender, SpfResult
from shieldrelay.wire.lookup_dossier import Dossier
from shieldrelay.wire.lookup_questions import ALARM_AFTER, ALARM_SECONDS, TROUBLE_SECONDS
from shieldrelay.wire.lookups import UNDER_WAY, Lookups
from shieldrelay.wire.spf_memory import AHEAD_SECONDS, KEPT_SECONDS
from tests.wire.lookup_fixture import NO_ANSWER, Node

CLIENT = client_of("8.8.4.4")
CAROL = parse_mailbox(b"carol@a.example")
LAWFUL = {("MX", "a.example"): ["10 mx.a.example"], ("A", "mx.a.example"): ["9.9.9.9"]}


KEPT_SECONDS_WHOLE = int(KEPT_SECONDS)


class Fixture(SynchronousTestCase):
    """Look-ups with a table for name servers, at time 0."""

    def setUp(self) -> None:
        """Make them."""
        self.node = Node()

    def tearDown(self) -> None:
        """No search may have failed."""
        self.assertEqual(self.node.journal.named("bug"), [])

    def found(self, table: Mapping[tuple[str, str], Any], path: bytes = b"carol@a.example") -> Sender:
        """Say what is found of a sender at once."""
        self.node = Node()
        self.node.names.table.update(table)
        dossier = self.node.lookups.sender(CLIENT, parse_mailbox(path), "mail.a.example")
        self.assertTrue(dossier.complete)
        return dossier.sender

    def reach(self, table: Mapping[tuple[str, str], Any], path: bytes = b"carol@a.example") -> Reach:
        """Say how mail reaches a sender's domain."""
        return self.found(table, path).reach


class ReachTests(Fixture):
    """Whether mail can reach a domain."""

    def test_an_exchanger_with_an_address_will_do(self) -> None:
        """An MX whose host has an address in the internet, IPv4 or IPv6, can be written to."""
        self.assertIs(self.reach(LAWFUL), Reach.EXCHANGER)
        six = {("MX", "a.example"): ["10 mx.a.example"], ("AAAA", "mx.a.example"): ["2606:4700::1111"]}
        self.assertIs(self.reach(six), Reach.EXCHANGER)

    def test_the_implicit_exchanger_is_lawful(self) -> None:
        """A domain without MX but with an address can be written to (RFC 5321 §5.1)."""
        self.assertIs(self.reach({("A", "a.example"): ["9.9.9.9"]}), Reach.ADDRESS)

    def test_one_good_exchanger_is_enough(self) -> None:
        """Where one exchanger of several can be reached, nothing is wrong."""
        table = {
            ("MX", "a.example"): ["10 lost.a.example", "20 localhost", "30 mx.a.example"],
            ("A", "mx.a.example"): ["10.0.0.1", "9.9.9.9"],
        }
        self.assertIs(self.reach(table), Reach.EXCHANGER)

    def test_a_null_mx_takes_no_mail(self) -> None:
        """A single dot as exchanger means that there is none (RFC 7505)."""
        self.assertIs(self.reach({("MX", "a.example"): ["0 ."], ("A", "a.example"): ["9.9.9.9"]}), Reach.NULL_MX)

    def test_bogon_exchangers_take_no_mail(self) -> None:
        """Loopback, private and documentation addresses cannot be written to; the detail names them."""
        for address in ("127.0.0.1", "10.1.2.3", "192.0.2.1"):
            sender = self.found({("MX", "a.example"): ["10 mx.a.example"], ("A", "mx.a.example"): [address]})
            self.assertIs(sender.reach, Reach.BOGON)
            self.assertIn(f"mx.a.example is {address}", sender.detail)
        self.assertIs(self.reach({("MX", "a.example"): ["10 localhost"]}), Reach.BOGON)
        self.assertIs(self.reach({("A", "a.example"): ["127.0.0.1"]}), Reach.BOGON)

    def test_no_name_no_address_and_one_label(self) -> None:
        """A domain that does not exist, one with nothing to write to, and a bare word are told apart."""
        self.assertIs(self.reach({}), Reach.NO_NAME)
        self.assertIs(self.reach({("MX", "a.example"): []}), Reach.NO_ADDRESS)
        self.assertIs(self.reach({("MX", "a.example"): ["10 lost.a.example"]}), Reach.NO_ADDRESS)
        self.assertIs(self.reach({}, b"carol@localhost"), Reach.ONE_LABEL)

    def test_address_literals_are_judged_by_the_address(self) -> None:
        """An address literal of the internet can be written to, one of a bogon cannot; nothing is asked."""
        self.assertIs(self.reach({}, b"carol@[9.9.9.9]"), Reach.LITERAL)
        self.assertIs(self.reach({}, b"carol@[IPv6:2606:4700::1111]"), Reach.LITERAL)
        self.assertIs(self.reach({}, b"carol@[10.0.0.1]"), Reach.BOGON)
        self.assertIs(self.reach({}, b"carol@[x400:whatever]"), Reach.UNKNOWN)
        self.assertEqual(self.node.names.asked, [])

    def test_trouble_leaves_it_unknown(self) -> None:
        """Where one question has no answer and no other settles it, nothing is known."""
        self.assertIs(self.reach({("MX", "a.example"): NO_ANSWER}), Reach.UNKNOWN)
        table: dict[tuple[str, str], Any] = {
            ("MX", "a.example"): ["10 mx.a.example", "20 mx2.a.example"],
            ("A", "mx.a.example"): NO_ANSWER,
            ("A", "mx2.a.example"): ["10.0.0.1"],
        }
        self.assertIs(self.reach(table), Reach.UNKNOWN)
        table["A", "mx2.a.example"] = ["9.9.9.9"]
        self.assertIs(self.reach(table), Reach.EXCHANGER)

    def test_names_that_lie_are_asked_of_nobody(self) -> None:
        """Exchangers whose names are no names have no address and are not asked for; many cost few questions."""
        for lie in ("a b.example", "x" * 64 + ".example", "\\0.example", "-.example", "ü.example"):
            table = {("MX", "a.example"): [f"10 {lie}"]}
            self.assertIs(self.reach(table), Reach.NO_ADDRESS)
            self.assertEqual(self.node.names.asked, [("MX", "a.example")])
        self.reach({("MX", "a.example"): [f"10 mx{number}.a.example" for number in range(100)]})
        self.assertLessEqual(len(self.node.names.asked), 11)


class ReverseTests(Fixture):
    """What a client is called."""

    def reverse(self, table: Mapping[tuple[str, str], Any], address: str = "8.8.4.4") -> Reverse:
        """Ask for a client's name."""
        self.node = Node()
        self.node.names.table.update(table)
        client = client_of(address)
        self.assertIs(self.node.lookups.reverse(client), NO_REVERSE)
        self.node.lookups.begin(client)
        return self.node.lookups.reverse(client)

    def test_a_name_is_confirmed_by_its_address(self) -> None:
        """A name counts when one of its addresses is the client's."""
        pointer = {("PTR", "4.4.8.8.in-addr.arpa"): ["Mail.A.example"]}
        confirmed = self.reverse({**pointer, ("A", "mail.a.example"): ["9.9.9.9", "8.8.4.4"]})
        self.assertEqual(confirmed, Reverse(ReverseName.CONFIRMED, "mail.a.example"))
        lie = self.reverse({**pointer, ("A", "mail.a.example"): ["9.9.9.9"]})
        self.assertEqual(lie, Reverse(ReverseName.UNCONFIRMED, "mail.a.example"))
        self.assertEqual(self.reverse({}), Reverse(ReverseName.NONE))
        self.assertIs(self.reverse({**pointer, ("A", "mail.a.example"): NO_ANSWER}), NO_REVERSE)
        self.assertIs(self.reverse({("PTR", "4.4.8.8.in-addr.arpa"): NO_ANSWER}), NO_REVERSE)

    def test_ipv6_clients_have_names_too(self) -> None:
        """An IPv6 address is asked for under ip6.arpa and confirmed by AAAA."""
        client = client_of("2606:4700::1111")
        pointer = ".".join(reversed("26064700000000000000000000001111")) + ".ip6.arpa"
        table = {("PTR", pointer): ["six.a.example"], ("AAAA", "six.a.example"): [client.address]}
        self.assertEqual(self.reverse(table, client.address), Reverse(ReverseName.CONFIRMED, "six.a.example"))

    def test_a_flood_of_clients_has_few_asked_for(self) -> None:
        """Of ten thousand new clients in a second half as many are asked for as senders may be."""
        self.node = Node(searches=100)
        for number in range(10_000):
            self.node.lookups.begin(client_of(f"8.9.{number // 250}.{number % 250}"))
        self.assertEqual(len(self.node.names.asked), 50)

    def test_clients_from_within_are_not_asked_for(self) -> None:
        """The addresses of our own networks are told to no name server."""
        self.reverse({}, "10.0.0.1")
        self.assertEqual(self.node.names.asked, [])


class SenderTests(Fixture):
    """`Lookups.sender`."""

    def setUp(self) -> None:
        """Make one domain lawful."""
        super().setUp()
        self.node.names.table.update(LAWFUL)

    @property
    def lookups(self) -> Lookups:
        """Give the look-ups."""
        return self.node.lookups

    def ask(self, path: bytes = b"carol@a.example", helo: str = "mail.a.example") -> Dossier:
        """Ask for a sender."""
        return self.lookups.sender(CLIENT, parse_mailbox(path), helo)

    def test_what_is_known_is_there_at_once(self) -> None:
        """A second message of a sender asks nothing and waits for nothing."""
        self.node.policies.results["a.example"] = SpfResult.PASS
        self.ask()
        asked = len(self.node.names.asked)
        again = self.ask(b"dave@a.example")
        self.assertEqual(again.sender, Sender("a.example", Reach.EXCHANGER, "", SpfResult.PASS))
        self.assertIsNone(again.wait())
        self.assertEqual((len(self.node.names.asked), len(self.node.policies.asked)), (asked, 1))

    def test_many_who_ask_at_once_share_one_question(self) -> None:
        """A hundred messages of one sender cost one question, and all of them hear its answer."""
        self.node.names.slow = True
        waits = [self.ask().wait() for _ in range(100)]
        others = [self.lookups.sender(client_of(f"8.8.5.{last}"), CAROL, "h").wait() for last in range(100)]
        self.assertEqual(self.node.names.asked, [("MX", "a.example")])
        self.node.names.release()
        for wait in waits + others:
            assert wait is not None
            self.successResultOf(wait)
        self.assertIs(self.ask().sender.reach, Reach.EXCHANGER)

    def test_nobody_waits_longer_than_the_budget(self) -> None:
        """A server that hangs costs three seconds, and what is not known by then is not known."""
        self.node.names.table["MX", "a.example"] = None
        self.node.policies.results["a.example"] = None
        wait = self.ask().wait()
        assert wait is not None
        self.node.clock.advance(2.9)
        self.assertNoResult(wait)
        self.node.clock.advance(0.1)
        self.successResultOf(wait)
        sender = self.ask().sender
        self.assertEqual((sender.reach, sender.spf), (Reach.UNKNOWN, SpfResult.TEMPERROR))

    def test_what_comes_late_serves_the_next(self) -> None:
        """An SPF result that comes after the budget is known to the next message."""
        self.node.policies.results["a.example"] = None
        first = self.ask()
        self.node.clock.advance(3)
        self.assertEqual((first.complete, first.sender.spf), (True, SpfResult.TEMPERROR))
        self.node.policies.pending[0].callback(SpfResult.PASS)
        self.assertEqual(self.ask().sender.spf, SpfResult.PASS)
        self.assertEqual(first.sender.reach, Reach.EXCHANGER)

    def test_results_hold_for_ten_minutes_at_most(self) -> None:
        """SPF is asked anew after ten minutes, whatever DNS said about how long it holds (R26)."""
        self.ask()
        self.node.clock.advance(KEPT_SECONDS - AHEAD_SECONDS - 1)
        self.ask()
        self.assertEqual(len(self.node.policies.asked), 1)
        self.node.clock.advance(AHEAD_SECONDS + 2)
        self.ask()
        self.assertEqual(len(self.node.policies.asked), 2)

    def test_who_comes_again_and_again_never_waits(self) -> None:
        """A result of SPF that is asked for near its end is found anew beside, once, and is there when it is over."""
        self.ask()
        self.node.policies.results["a.example"] = None
        for second in range(KEPT_SECONDS_WHOLE - 1):
            self.node.clock.advance(1)
            dossier = self.ask()
            self.assertTrue(dossier.spf_known, second)
            self.assertIs(dossier.sender.spf, SpfResult.NONE)
        self.assertEqual(len(self.node.policies.asked), 2)
        self.node.policies.pending[0].callback(SpfResult.PASS)
        self.node.clock.advance(2)
        self.assertEqual((self.ask().spf_known, self.ask().sender.spf), (True, SpfResult.PASS))
        self.assertEqual(len(self.node.policies.asked), 2)

    def test_reach_holds_for_the_time_to_live(self) -> None:
        """How mail reaches a domain is asked anew when the first of the answers that said so is over."""
        self.ask()
        asked = len(self.node.names.asked)
        self.node.clock.advance(299)
        self.ask()
        self.assertEqual(len(self.node.names.asked), asked)
        self.node.clock.advance(2)
        self.ask()
        self.assertGreater(len(self.node.names.asked), asked)

    def test_trouble_is_asked_again_soon(self) -> None:
        """After trouble a domain is judged again within half a minute, and not asked for meanwhile."""
        self.node.names.table["MX", "a.example"] = NO_ANSWER
        self.ask()
        asked = len(self.node.names.asked)
        self.ask()
        self.assertEqual(len(self.node.names.asked), asked)
        self.node.names.table.update(LAWFUL)
        self.node.clock.advance(31)
        self.assertIs(self.ask().sender.reach, Reach.EXCHANGER)

    def test_too_many_at_once_are_not_known(self) -> None:
        """A flood of new domains has so many looked up at a time; the others are let be at once."""
        self.node.names.slow = True
        flood = [self.ask(b"x@d%d.example" % number) for number in range(UNDER_WAY + 50)]
        self.assertEqual(len([each for each in flood if not each.complete]), UNDER_WAY)
        self.assertIs(flood[-1].sender.reach, Reach.UNKNOWN)
        self.assertEqual(len(self.node.names.asked), UNDER_WAY)
        self.node.names.release()
        self.assertIs(self.ask(b"x@d%d.example" % (UNDER_WAY + 49)).sender.reach, Reach.NO_NAME)

    def test_so_many_are_looked_up_in_a_second(self) -> None:
        """A flood of names cannot have more looked up than declared; who is known already is not concerned."""
        self.node = Node(searches=10)
        self.node.names.table.update(LAWFUL)
        self.ask()
        flood = [self.ask(b"x@d%d.example" % number).sender.reach for number in range(50)]
        self.assertEqual((flood.count(Reach.NO_NAME), flood.count(Reach.UNKNOWN)), (9, 41))
        self.assertIs(self.ask().sender.reach, Reach.EXCHANGER)
        self.node.clock.advance(0.5)
        again = [self.ask(b"x@d%d.example" % number).sender.reach for number in range(30, 50)]
        self.assertEqual(again.count(Reach.NO_NAME), 5)
        self.assertEqual(self.lookups.load().skipped, 41 + 15)

    def test_notices_are_judged_by_the_client_s_name(self) -> None:
        """The null reverse-path needs no domain; SPF is asked of postmaster at the argument of EHLO."""
        self.node.policies.results["mail.a.example"] = SpfResult.PASS
        dossier = self.lookups.sender(CLIENT, NULL, "mail.a.example")
        self.assertEqual(dossier.sender, Sender("", Reach.NULL_PATH, "", SpfResult.PASS))
        self.assertEqual(str(self.node.policies.asked[0].sender), "postmaster@mail.a.example")
        for helo in ("localhost", "[192.0.2.1]", "not a name", "\xff.example"):
            self.assertIs(self.lookups.sender(CLIENT, NULL, helo).sender.spf, SpfResult.NONE)

    def test_a_client_that_leaves_disturbs_nobody(self) -> None:
        """Cancelling one who waits changes nothing for the others."""
        self.node.names.slow = True
        gone, stays = self.ask().wait(), self.ask().wait()
        assert gone is not None and stays is not None
        gone.addErrback(lambda failure: None).cancel()
        self.node.names.release()
        self.successResultOf(stays)

    def test_memory_is_bounded(self) -> None:
        """However many senders come, so many are kept."""
        self.node = Node(kept=100)
        for number in range(300):
            self.ask(b"x@d%d.example" % number)
        self.assertLessEqual(self.lookups.load().kept, 100)


class AlarmTests(Fixture):
    """Name servers that do not answer."""

    def test_silence_raises_one_alarm_and_an_answer_ends_it(self) -> None:
        """When for half a minute nothing was answered, the operator is told once, and once that it is over."""
        lookups, names, clock = self.node.lookups, self.node.names, self.node.clock
        for number in range(3 * ALARM_AFTER):
            names.table["MX", f"d{number}.example"] = NO_ANSWER
            lookups.sender(CLIENT, parse_mailbox(b"x@d%d.example" % number), "h")
            clock.advance(ALARM_SECONDS / ALARM_AFTER)
        self.assertEqual([name for name, _ in self.alarms()], ["alarm"])
        clock.advance(TROUBLE_SECONDS)
        lookups.sender(CLIENT, CAROL, "h")
        self.assertEqual([name for name, _ in self.alarms()], ["alarm", "alarm_over"])

    def alarms(self) -> Sequence[tuple[str, Any]]:
        """Give the alarms told."""
        return [(event[0], event[1]) for event in self.node.journal.events if event[0].startswith("alarm")]
