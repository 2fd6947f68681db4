"""Deadlines of many connections by one timer."""

from __future__ import annotations

import math

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.deadlines import SWEEP_SECONDS, Deadlines


class _Told:
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def event(self, name: str, **fields: object) -> None:
        """Keep the name."""
        self.events.append(name)

    def count(self, name: str, label: str = "") -> None:
        """Nothing is only counted here."""
        self.events.append(name)


class _Connection:
    """Something timed that notes when its deadline passed."""

    def __init__(self, deadline: float, error: Exception | None = None) -> None:
        self.deadline = deadline
        self.passed: list[float] = []
        self.error = error

    def deadline_passed(self, now: float) -> None:
        """Note it, and set none."""
        self.passed.append(now)
        self.deadline = math.inf
        if self.error is not None:
            raise self.error


class DeadlinesTests(SynchronousTestCase):
    """`Deadlines` against a clock that is moved by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.journal = _Told()
        self.deadlines = Deadlines(self.clock, self.journal)
        self.deadlines.start()

    def test_told_within_one_sweep(self) -> None:
        """A deadline is acted on within one sweep of its passing, and once."""
        connection = _Connection(1.25)
        self.deadlines.add(connection)
        self.clock.pump([SWEEP_SECONDS / 4] * 40)
        self.assertEqual(len(connection.passed), 1)
        self.assertTrue(1.25 <= connection.passed[0] <= 1.25 + SWEEP_SECONDS)

    def test_discarded_is_left_alone(self) -> None:
        """What was discarded is told nothing any more."""
        connection = _Connection(1.0)
        self.deadlines.add(connection)
        self.deadlines.discard(connection)
        self.clock.pump([SWEEP_SECONDS] * 5)
        self.assertEqual(connection.passed, [])

    def test_a_bug_in_one_stops_no_other(self) -> None:
        """An exception out of one connection is journalled, and the others are still swept."""
        faulty = [_Connection(0.5, error=ValueError("x")) for _ in range(3)]
        sound = _Connection(0.5)
        for connection in [*faulty, sound]:
            self.deadlines.add(connection)
        self.clock.pump([SWEEP_SECONDS] * 3)
        self.assertEqual(len(sound.passed), 1)
        self.assertEqual(self.journal.events, ["bug"] * 3)

    def test_stopped_leaves_no_call(self) -> None:
        """After stop nothing is left on the clock."""
        self.deadlines.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
