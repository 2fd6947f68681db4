"""How a recovering server gets its connections back (R6)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.ramp import HALVING_SECONDS, Ramp, shares


def climb(ramp: Ramp) -> list[tuple[int, int]]:
    """Give each limit with the successes it took to leave it."""
    steps = []
    while not ramp.complete:
        limit, successes = ramp.limit, 0
        while ramp.limit == limit:
            ramp.success()
            successes += 1
        steps.append((limit, successes))
    return steps


class RampTests(SynchronousTestCase):
    def test_each_round_of_successes_is_one_step(self) -> None:
        """1, 2, 5 and then 20: each after as many successes as it has slots."""
        ramp = Ramp(20)
        ramp.restart()
        self.assertEqual(climb(ramp), [(1, 1), (2, 2), (5, 5)])
        self.assertEqual(ramp.limit, 20)

    def test_the_last_step_is_the_declared_number(self) -> None:
        """A small server is never given more than it declared, a large one all of it."""
        for cap, path in ((1, []), (2, [1]), (4, [1, 2]), (5, [1, 2]), (60, [1, 2, 5, 20])):
            ramp = Ramp(cap)
            ramp.restart()
            self.assertEqual([limit for limit, _ in climb(ramp)], path)
            self.assertEqual(ramp.limit, cap)

    def test_the_completing_success_says_so_once(self) -> None:
        """Only the success that reaches the declared number returns true."""
        ramp = Ramp(3)
        ramp.restart()
        self.assertEqual([ramp.success() for _ in range(5)], [False, False, True, False, False])

    def test_a_complaint_halves(self) -> None:
        """421 halves the number, and the round begins anew; the next step is the next larger one."""
        ramp = Ramp(20)
        self.assertTrue(ramp.complained(100.0))
        self.assertEqual(ramp.limit, 10)
        self.assertFalse(ramp.complete)
        self.assertEqual(climb(ramp), [(10, 10)])

    def test_a_complaint_or_a_restart_begins_the_round_anew(self) -> None:
        """Successes from before it do not count toward the next step."""
        ramp = Ramp(20)
        ramp.complained(0.0)
        for _ in range(9):
            ramp.success()
        ramp.complained(10.0)
        self.assertEqual([ramp.limit, *climb(ramp)[:1]], [5, (5, 5)])
        ramp.complained(20.0)
        for _ in range(9):
            ramp.success()
        ramp.restart()
        self.assertEqual(climb(ramp)[:2], [(1, 1), (2, 2)])

    def test_complaints_lead_down_to_one(self) -> None:
        """A server that complains on and on is left with one connection, never with none."""
        ramp = Ramp(20)
        limits = []
        for second in range(0, 60, 10):
            ramp.complained(float(second))
            limits.append(ramp.limit)
        self.assertEqual(limits, [10, 5, 2, 1, 1, 1])

    def test_one_burst_of_complaints_counts_once(self) -> None:
        """Twenty attempts that are all turned away at once halve once, not down to one."""
        ramp = Ramp(20)
        self.assertEqual([ramp.complained(100.0 + n / 100) for n in range(20)].count(True), 1)
        self.assertEqual(ramp.limit, 10)
        self.assertTrue(ramp.complained(100.0 + HALVING_SECONDS))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.integers(1, 100), st.lists(st.sampled_from(["restart", "success", "complained"]), max_size=80))
    def test_the_number_stays_within_bounds(self, cap: int, inputs: list[str]) -> None:
        """In whatever order things happen, there is at least one connection and never more than declared."""
        ramp = Ramp(cap)
        for now, name in enumerate(inputs):
            if name == "complained":
                ramp.complained(float(now))
            else:
                getattr(ramp, name)()
            self.assertTrue(1 <= ramp.limit <= cap)

    def test_half_of_the_slots_belong_to_the_backlog(self) -> None:
        """The backlog has the larger half, so a single slot is its own; together they are the limit."""
        self.assertEqual([shares(limit) for limit in (1, 2, 5, 20)], [(0, 1), (1, 1), (2, 3), (10, 10)])

    def test_no_connections_at_all_cannot_be_declared(self) -> None:
        """A cap of nothing is refused."""
        self.assertRaises(ValueError, Ramp, 0)
