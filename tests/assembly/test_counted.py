"""What was counted in the last hour."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.counted import STEP_SECONDS, STEPS_MOST, Counted
from shieldrelay.journal import Journal
from tests.test_journal import Paper


class CountedTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock: Any = Clock()
        self.clock = clock
        self.journal = Journal(Paper(), node="x", wall=self.wall)
        self.counted = Counted(self.journal, clock, self.wall)
        self.counted.start()
        self.addCleanup(self.counted.stop)

    def wall(self) -> float:
        """Give seconds since the epoch."""
        return 1_000_003.0 + float(self.clock.seconds())

    def test_steps_end_at_the_same_moments_and_have_what_grew(self) -> None:
        """Whenever a process was started, its steps end with the tens of seconds, and have what came since the last."""
        self.journal.event("transaction", result="accepted")
        self.clock.advance(7.0)
        self.journal.event("refused", defence="harvest")
        self.journal.event("refused", defence="harvest")
        self.clock.advance(STEP_SECONDS)
        first, second = self.counted.steps()
        self.assertEqual((first.at, first.accepted, dict(first.refused)), (1_000_010, 1, {}))
        self.assertEqual((second.at, second.accepted, dict(second.refused)), (1_000_020, 0, {"harvest": 2}))

    def test_bounded(self) -> None:
        """An hour is kept, and no more."""
        for _ in range(STEPS_MOST + 20):
            self.clock.advance(STEP_SECONDS)
        self.assertEqual(len(self.counted.steps()), STEPS_MOST)
