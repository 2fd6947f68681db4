"""When a message is tried again (DESIGN of retry, R12's hint)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.schedule import RETRY_SECONDS, Schedule

NOW = 1_790_000_000.0


class ScheduleTests(SynchronousTestCase):
    def test_the_waits_follow_the_list_and_the_last_repeats(self) -> None:
        """With no jitter the waits are those declared, the last one again and again."""
        schedule = Schedule(jitter=0.0)
        waits = [schedule.next_due(attempts, NOW, lambda: 0.9) - NOW for attempts in range(1, 9)]
        self.assertEqual(waits, [*RETRY_SECONDS, 1800.0, 1800.0])

    def test_an_untried_message_is_due_at_once(self) -> None:
        """Without an attempt there is nothing to wait for."""
        self.assertEqual(Schedule().next_due(0, NOW, lambda: 0.5), NOW)

    def test_jitter_spreads_both_ways(self) -> None:
        """The lowest randomness gives four fifths of the wait, the middle the wait, the highest nearly six fifths."""
        waits = [Schedule().next_due(1, NOW, lambda luck=luck: luck) - NOW for luck in (0.0, 0.5, 1.0)]  # type: ignore[misc]
        for wait, wanted in zip(waits, (48.0, 60.0, 72.0), strict=True):
            self.assertAlmostEqual(wait, wanted, places=3)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
    def test_no_wait_exceeds_the_cap(self, attempts: int, luck: float) -> None:
        """Every wait is positive and at most the cap, and counts as not yet due until it is over."""
        schedule = Schedule()
        due = schedule.next_due(attempts, NOW, lambda: luck)
        self.assertTrue(0 < due - NOW <= schedule.cap)
        self.assertFalse(schedule.is_due(due, NOW))
        self.assertTrue(schedule.is_due(due, due))

    def test_a_time_too_far_ahead_means_due(self) -> None:
        """After the wall clock was set back by a day, mail does not sleep a day (R12)."""
        self.assertTrue(Schedule().is_due(NOW + 86400, NOW))

    def test_a_schedule_that_would_spin_cannot_be_built(self) -> None:
        """No delays, a delay of nothing, or a jitter of the whole delay are refused."""
        self.assertRaises(ValueError, Schedule, ())
        self.assertRaises(ValueError, Schedule, (60.0, 0.0))
        self.assertRaises(ValueError, Schedule, (60.0,), 1.0)
