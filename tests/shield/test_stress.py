"""One observed condition, with hysteresis, and descriptors that are kept free (D9)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.shield.stress import Facts, Stress, StressSettings


class StressTests(SynchronousTestCase):
    """`Stress.watch`."""

    def setUp(self) -> None:
        self.stress = Stress(StressSettings())

    def watch(self, sessions: int, now: float, lag: float = 0.0) -> bool:
        """Hand in the facts of 100 slots."""
        return self.stress.watch(Facts(sessions, 100, lag=lag), now)

    def test_calm(self) -> None:
        """Below the higher mark nothing ever changes."""
        self.assertFalse(any(self.watch(79, float(now)) for now in range(100)))
        self.assertEqual((self.stress.on, self.stress.since, self.stress.why), (False, None, ""))

    def test_begins_at_once(self) -> None:
        """At 80 % of the slots it begins, and says why with figures."""
        self.assertTrue(self.watch(80, 5.0))
        self.assertTrue(self.stress.on)
        self.assertEqual(self.stress.since, 5.0)
        self.assertEqual(self.stress.why, "80 of 100 slots in use, stress from 80%")

    def test_told_once(self) -> None:
        """While it lasts nothing changes."""
        self.watch(80, 0.0)
        self.assertFalse(any(self.watch(99, float(now)) for now in range(1, 50)))

    def test_between_the_marks(self) -> None:
        """Between the marks it stays as it is, for as long as that takes."""
        self.watch(80, 0.0)
        self.assertFalse(any(self.watch(60, float(now)) for now in range(1, 1000)))
        self.assertTrue(self.stress.on)

    def test_holds(self) -> None:
        """It lasts thirty seconds from the last high moment, and then ends below the lower mark."""
        self.watch(80, 0.0)
        self.watch(95, 10.0)
        self.assertFalse(self.watch(10, 39.0))
        self.assertTrue(self.watch(10, 40.0))
        self.assertEqual((self.stress.on, self.stress.since, self.stress.why), (False, 40.0, ""))

    def test_one_late_turn(self) -> None:
        """One late turn of the event loop is no stress, however late; two in a row are."""
        self.assertFalse(self.watch(0, 0.0, lag=60.0))
        self.assertFalse(self.watch(0, 1.0))
        self.stress = Stress(StressSettings())
        self.watch(0, 0.0, lag=1.6)
        self.assertTrue(self.watch(0, 1.0, lag=1.6))
        self.assertIn("the event loop is late by 1.600 s of 1 s", self.stress.why)

    def test_content_and_descriptors(self) -> None:
        """Content in memory and descriptors are conditions too."""
        for facts, why in (
            (Facts(0, 100, content_octets=90, content_cap=100), "90 of 100 octets of content in memory"),
            (Facts(0, 100, descriptors=850, descriptors_most=1000), "850 of 1000 descriptors in use"),
        ):
            stress = Stress(StressSettings())
            self.assertTrue(stress.watch(facts, 0.0))
            self.assertIn(why, stress.why)

    def test_others_have_it_too(self) -> None:
        """With a reason of others there is stress at once and until it is gone, and it is not taken for our own."""
        calm = Facts(0, 100)
        self.assertTrue(self.stress.watch(calm, 0.0, "3 of 5 members"))
        self.assertEqual((self.stress.on, self.stress.why, self.stress.own), (True, "3 of 5 members", ""))
        self.assertFalse(self.stress.watch(Facts(80, 100), 1.0, "3 of 5 members"))
        self.assertEqual(self.stress.own, "80 of 100 slots in use, stress from 80%")
        self.assertFalse(self.stress.watch(calm, 2.0))
        self.assertTrue(self.stress.on)
        self.assertTrue(self.stress.watch(calm, 31.0))
        self.assertTrue(self.stress.watch(calm, 32.0, "3 of 5 members"))
        self.assertTrue(self.stress.watch(calm, 33.0))
        self.assertFalse(self.stress.on)

    def test_ends_when_all_have_passed(self) -> None:
        """It ends when every condition is below the lower mark, not only the one that brought it about."""
        self.watch(80, 0.0)
        high_memory = Facts(0, 100, content_octets=70, content_cap=100)
        self.assertFalse(self.stress.watch(high_memory, 100.0))
        self.assertTrue(self.watch(0, 101.0))

    def test_settings_that_cannot_be(self) -> None:
        """The lower mark is below the higher, and that is at most all there is."""
        for wrong in ({"enter": 0.5, "leave": 0.5}, {"enter": 1.2}, {"leave": 0.0}, {"lag": 0.0}, {"descriptors": 0}):
            self.assertRaises(ValueError, StressSettings, **wrong)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.integers(0, 100), max_size=300))
    def test_never_flaps(self, loads: list[int]) -> None:
        """However the load jumps, one stress lasts thirty seconds at least, and begins and ends by turns."""
        stress, changes = Stress(StressSettings()), []
        for now, sessions in enumerate(loads):
            if stress.watch(Facts(sessions, 100), float(now)):
                changes.append((stress.on, now))
        self.assertEqual([on for on, _ in changes], [index % 2 == 0 for index in range(len(changes))])
        for (on, began), (_, ended) in pairwise(changes):
            self.assertTrue(not on or ended - began >= 30)


class ShortageTests(SynchronousTestCase):
    """`Stress.shortage`."""

    def stress(self, descriptors: int, transactions: int = 0, sessions: int = 100) -> Stress:
        """Make one that has seen the descriptors of a process that may have 1000."""
        stress = Stress(StressSettings())
        stress.watch(
            Facts(sessions, 10000, transactions=transactions, descriptors=descriptors, descriptors_most=1000), 0.0
        )
        return stress

    def test_nothing_known(self) -> None:
        """Before the first facts nobody is refused."""
        self.assertIsNone(Stress(StressSettings()).shortage(5000))

    def test_room(self) -> None:
        """While there are descriptors, connections come in: a third of the free ones, since each may need three."""
        stress = self.stress(descriptors=336)
        self.assertIsNone(stress.shortage(299))
        self.assertIsNotNone(stress.shortage(300))

    def test_under_way(self) -> None:
        """Two descriptors are kept for each session in a transaction, besides the fixed reserve, and said so."""
        stress = self.stress(descriptors=800, transactions=68)
        self.assertEqual(
            stress.shortage(100), "800 of 1000 descriptors in use, 200 are kept for mail under way"
        )
        self.assertIsNone(self.stress(descriptors=800, transactions=60).shortage(100))

    def test_sessions_that_ended(self) -> None:
        """Who ended since the last facts makes room at once."""
        stress = self.stress(descriptors=1000)
        self.assertIsNotNone(stress.shortage(100))
        self.assertIsNone(stress.shortage(99))

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300)), min_size=1, max_size=40))
    def test_never_runs_out(self, seconds: list[tuple[int, int]]) -> None:
        """Whoever knocks, and however many begin a transaction at once, there is a descriptor for each of its needs."""
        stress, sessions, transactions, others, most = Stress(StressSettings()), 0, 0, 30, 1000
        for now, (knocking, beginning) in enumerate(seconds):
            in_use = others + sessions + 2 * transactions
            facts = Facts(sessions, 10000, transactions, descriptors=in_use, descriptors_most=most)
            stress.watch(facts, float(now))
            for _ in range(knocking):
                if stress.shortage(sessions) is None:
                    sessions += 1
                    transactions += 1
            transactions = max(transactions - beginning, 0)
            self.assertLessEqual(others + sessions + 2 * transactions, most)
