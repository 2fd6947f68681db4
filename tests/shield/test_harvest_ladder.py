"""Claims about the ladder of one source."""

from __future__ import annotations

from twisted.trial import unittest

from shieldrelay.mail.client import client_of
from shieldrelay.shield.harvest import Existence, Rung
from tests.shield.harvest_room import GOOD, HALF, LISTED, STRANGER, UNKNOWN, Caller, apart, harvest_of


class StrangerTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.harvest = harvest_of()
        self.stranger = Caller(self.harvest, apart(1))

    def _rungs(self, count: int) -> list[Rung]:
        return [self.stranger.rcpt(f"guess{number}").rung for number in range(count)]

    def test_two_truths_then_alike_then_close(self) -> None:
        """A stranger is told of two unknown recipients, then answered alike three times, then closed."""
        rungs = self._rungs(6)
        self.assertEqual(rungs, [Rung.TRUTH] * 2 + [Rung.UNIFORM] * 3 + [Rung.CLOSE])

    def test_refused_at_connect(self) -> None:
        """After ten RCPTs since the cut a source does not get in, with the reason."""
        self._rungs(11)
        self.assertIsNone(self.harvest.connect(self.stranger.client, 1000.0))
        self._rungs(1)
        self.assertIn("10 RCPTs", self.harvest.connect(self.stranger.client, 1000.0) or "")

    def test_first_crossing_is_told_once(self) -> None:
        """Only the RCPT that crosses the threshold says so, with counter, value and limit."""
        answers = [self.stranger.rcpt(f"guess{number}") for number in range(5)]
        self.assertEqual([answer.crossing for answer in answers], [False, False, True, False, False])
        self.assertEqual(answers[2].reason, "2.0 unknown recipients in 10 minutes, limit 2")

    def test_slow_rung(self) -> None:
        """After one unknown recipient the truth takes two seconds, for valid ones too."""
        self.assertEqual(self.stranger.rcpt("a").delay, 0.0)
        self.assertEqual(self.stranger.rcpt("b", LISTED).delay, 2.0)

    def test_same_name_is_charged_once(self) -> None:
        """Asking for one unknown recipient again and again is one unknown recipient."""
        self.assertEqual({self.stranger.rcpt("typo").rung for _ in range(20)}, {Rung.TRUTH})

    def test_box_ends(self) -> None:
        """After half an hour a source is told of two more, and then cut for an hour."""
        self._rungs(3)
        self.stranger.now += 1801.0
        self.stranger.again()
        rungs = [self.stranger.rcpt(f"more{number}").rung for number in range(3)]
        self.assertEqual(rungs, [Rung.TRUTH] * 2 + [Rung.UNIFORM])
        self.assertIn("cut for another 3600 s", self.harvest.explain(self.stranger.client, self.stranger.now)[0])

    def test_slow_box_ends_with_one_more(self) -> None:
        """After a box for slow guessing a source is told of one more."""
        for number in range(5):
            self.stranger.rcpt(f"guess{number}")
            self.stranger.again()
            self.stranger.now += 2400.0
        self.stranger.now += 6 * 3600.0
        rungs = [self.stranger.rcpt(f"more{number}").rung for number in range(2)]
        self.assertEqual(rungs, [Rung.TRUTH, Rung.UNIFORM])

    def test_box_is_capped(self) -> None:
        """However often a source offends, its box ends within a day."""
        for round_ in range(9):
            for number in range(4):
                self.stranger.rcpt(f"g{round_}-{number}")
            self.stranger.again()
            self.stranger.now += 86401.0
        self.assertIsNone(self.harvest.connect(self.stranger.client, self.stranger.now))
        self.assertIs(self.stranger.rcpt("x", LISTED).rung, Rung.TRUTH)

    def test_slow_guesser(self) -> None:
        """One guess in 40 minutes is cut at the fifth, for six hours."""
        rungs = []
        for number in range(5):
            rungs.append(self.stranger.rcpt(f"guess{number}").rung)
            self.stranger.again()
            self.stranger.now += 2400.0
        self.assertEqual(rungs, [Rung.TRUTH] * 4 + [Rung.UNIFORM])
        self.assertIn("for another 19200 s", self.harvest.explain(self.stranger.client, self.stranger.now)[0])

    def test_trap_cuts_at_once(self) -> None:
        """One address that nobody lawful has ever had is enough."""
        self.stranger.rcpt("trap", Existence.TRAP)
        self.assertIs(self.stranger.rcpt("a", LISTED).rung, Rung.UNIFORM)

    def test_former_users_weigh_little(self) -> None:
        """Six former users are forgiven, where two unknown ones are not."""
        self.assertEqual(
            {self.stranger.rcpt(f"left{number}", Existence.FORMER).rung for number in range(6)}, {Rung.TRUTH}
        )

    def test_release_forgets(self) -> None:
        """An operator's release leaves nothing of a source's past."""
        self._rungs(12)
        self.harvest.release(self.stranger.client.source, 1000.0)
        self.assertEqual(self.harvest.explain(self.stranger.client, 1000.0), [])
        self.stranger.again()
        self.assertIs(self.stranger.rcpt("fresh").rung, Rung.TRUTH)

    def test_addresses_of_a_slash64_are_one(self) -> None:
        """A new address of one /64 with each guess is one source."""
        rungs = []
        for number in range(1, 6):
            caller = Caller(self.harvest, client_of(f"2001:db8:1:1::{number}"))
            rungs.append(caller.rcpt(f"guess{number}").rung)
        self.assertEqual(rungs, [Rung.TRUTH] * 2 + [Rung.UNIFORM] * 3)

    def test_network_only_slows_down(self) -> None:
        """Fresh /64s of one /56 are answered alike after six unknown recipients, but never closed nor refused."""
        rungs = []
        for number in range(40):
            caller = Caller(self.harvest, client_of(f"2001:db8:1:{number:x}::1"))
            rungs.append(caller.rcpt(f"guess{number}").rung)
            self.assertIsNone(self.harvest.connect(caller.client, 1000.0))
        self.assertEqual(rungs, [Rung.TRUTH] * 6 + [Rung.UNIFORM] * 34)


class WasherTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.harvest = harvest_of()
        self.caller = Caller(self.harvest, apart(2))

    def test_first_message_to_fifteen(self) -> None:
        """A stranger's first message to fifteen listed recipients goes through, and so do the next ones."""
        for _ in range(5):
            rungs = {self.caller.rcpt(f"user{number}", LISTED).rung for number in range(15)}
            self.assertEqual(rungs, {Rung.TRUTH})
            self.caller.sends()

    def test_transaction_without_end(self) -> None:
        """Two hundred valid recipients in one transaction: fifteen are granted, the others answered alike."""
        granted = [self.caller.rcpt(f"user{number}", LISTED).rung is Rung.TRUTH for number in range(200)]
        self.assertEqual(granted, [True] * 15 + [False] * 185)

    def test_washer_is_cut(self) -> None:
        """Whoever checks a valid list and never sends is cut before twenty, however it is split over sessions."""
        for size in (1, 4, 15, 100):
            caller, learned = Caller(harvest_of(), apart(size)), 0
            for _ in range(200 // size + 1):
                learned += sum(caller.rcpt(f"u{caller.now}-{n}", LISTED).rung is Rung.TRUTH for n in range(size))
                caller.drops()
                caller.now += 2.0
            self.assertLess(learned, 20, f"{size} in a session")

    def test_unknown_one_beside(self) -> None:
        """After one unknown recipient only three may stand granted without a message."""
        self.caller.rcpt("nobody")
        rungs = [self.caller.rcpt(f"user{number}", LISTED).rung for number in range(5)]
        self.assertEqual(rungs, [Rung.TRUTH] * 3 + [Rung.UNIFORM] * 2)
        self.caller.sends()
        self.assertIs(self.caller.rcpt("user3", LISTED).rung, Rung.TRUTH)

    def test_granted_transaction_is_not_closed(self) -> None:
        """While recipients of a transaction stand granted, being cut does not close the session on their message."""
        self.caller.rcpt("friend", LISTED)
        rungs = [self.caller.rcpt(f"nobody{number}").rung for number in range(6)]
        self.assertEqual(rungs, [Rung.TRUTH] * 2 + [Rung.UNIFORM] * 4)

    def test_a_broken_connection_is_forgiven(self) -> None:
        """A message to ten that broke off can be sent again."""
        for number in range(10):
            self.caller.rcpt(f"user{number}", LISTED)
        self.caller.drops()
        self.caller.now += 300.0
        left = [f"user{number}" for number in range(10)]
        for _ in range(2):
            left = [name for name in left if self.caller.rcpt(name, LISTED).rung is not Rung.TRUTH]
            self.caller.sends()
        self.assertEqual(left, [])


class GoodTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.harvest = harvest_of()
        self.good = Caller(self.harvest, apart(3), GOOD)

    def _prove(self) -> None:
        for number in range(12):
            self.good.rcpt(f"user{number}", LISTED)
            self.good.sends()
        self.good.now += 3600.0

    def test_history_elsewhere(self) -> None:
        """History earned at one domain gives a stranger's budget at another (R19), and a cut there stays there."""
        self._prove()
        rungs = [self.good.rcpt(f"guess{n}", UNKNOWN, "other.example").rung for n in range(4)]
        self.assertEqual(rungs, [Rung.TRUTH] * 2 + [Rung.UNIFORM] * 2)
        self.assertIs(self.good.rcpt("friend", LISTED).rung, Rung.TRUTH)
        self.assertIsNone(self.harvest.connect(self.good.client, self.good.now))

    def test_pure_guessing(self) -> None:
        """A source with a good name that does nothing but guess is cut at four."""
        self._prove()
        rungs = [self.good.rcpt(f"guess{number}").rung for number in range(5)]
        self.assertEqual(rungs, [Rung.TRUTH] * 4 + [Rung.UNIFORM])

    def test_dead_names_of_a_list(self) -> None:
        """A list server with 3 % dead names of 400 is answered truthfully throughout."""
        self._prove()
        for number in range(400):
            dead = number % 33 == 7
            answer = self.good.rcpt(f"subscriber{number}", UNKNOWN if dead else LISTED)
            self.assertIs(answer.rung, Rung.TRUTH, answer.reason)

    def test_offender_loses_its_name(self) -> None:
        """After a cut, a source with a good name has a neighbour's allowance for a day."""
        self._prove()
        for number in range(5):
            self.good.rcpt(f"guess{number}")
        self.good.now += 8 * 3600.0
        self.good.again()
        rungs = [self.good.rcpt(f"more{number}").rung for number in range(4)]
        self.assertEqual(rungs, [Rung.TRUTH] * 3 + [Rung.UNIFORM])

    def test_neighbour(self) -> None:
        """A source whose network is well known is told of three."""
        half = Caller(self.harvest, apart(4), HALF)
        rungs = [half.rcpt(f"guess{number}").rung for number in range(4)]
        self.assertEqual(rungs, [Rung.TRUTH] * 3 + [Rung.UNIFORM])

    def test_refused_by_next_hop(self) -> None:
        """What the next hop refuses for good counts like unknown recipients, also where nothing is listed (R20)."""
        caller = Caller(self.harvest, apart(5), STRANGER)
        self.harvest.refused(caller.client, STRANGER, "any.example", [11, 12], 1000.0)
        self.assertIs(caller.rcpt("x", LISTED, "any.example").rung, Rung.UNIFORM)
