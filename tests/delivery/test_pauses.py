"""Claims about answers that are held back."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.pauses import BLUR_SECONDS, Pauses


class PausesTests(SynchronousTestCase):
    """`Pauses` by itself."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.coming: Deferred[None] | None = None
        self.chance = 0.0
        self.pauses = Pauses(self.clock, lambda: self.coming, lambda: 2, lambda: self.chance)

    def test_a_sleeper_wakes_after_its_seconds(self) -> None:
        """A pause lasts as long as it was told to, and then counts no more."""
        slept = self.pauses.rest(2.0)
        assert slept is not None
        self.clock.advance(1.9)
        self.assertNoResult(slept)
        self.assertEqual(self.pauses.sleeping, 1)
        self.clock.advance(0.2)
        self.assertIsNone(self.successResultOf(slept))
        self.assertEqual(self.pauses.sleeping, 0)

    def test_a_pause_is_blurred(self) -> None:
        """A pause lasts up to a fiftieth of a second longer, by chance: who times answers sees that first."""
        self.chance = 0.5
        slept = self.pauses.rest(2.0)
        assert slept is not None
        self.clock.advance(2.0 + BLUR_SECONDS * 0.49)
        self.assertNoResult(slept)
        self.clock.advance(BLUR_SECONDS * 0.02)
        self.assertIsNone(self.successResultOf(slept))

    def test_nobody_sleeps_beyond_the_bound(self) -> None:
        """With as many asleep as may be, the next one need not wait; when one wakes, another may."""
        first, second = self.pauses.rest(1.0), self.pauses.rest(5.0)
        assert first is not None
        assert second is not None
        self.assertIsNone(self.pauses.rest(1.0))
        self.clock.advance(1.0)
        third = self.pauses.rest(1.0)
        assert third is not None
        self.clock.advance(5.0)
        self.assertEqual((second.called, third.called, self.pauses.sleeping), (True, True, 0))

    def test_who_leaves_sleeps_no_more(self) -> None:
        """A cancelled pause leaves no timer and gives its place back."""
        slept = self.pauses.rest(9.0)
        assert slept is not None
        slept.cancel()
        self.failureResultOf(slept, CancelledError)
        self.assertEqual((self.pauses.sleeping, self.clock.getDelayedCalls()), (0, []))

    def test_no_delay_is_no_pause(self) -> None:
        """Nothing to wait for is not waited for."""
        self.assertIsNone(self.pauses.rest(0.0))
        self.assertIsNone(self.pauses.exchange())

    def test_an_exchange_is_waited_for(self) -> None:
        """What fires after the next exchange is what a held answer waits for."""
        self.coming = Deferred()
        held = self.pauses.exchange()
        assert held is not None
        self.assertNoResult(held)
        self.coming.callback(None)
        self.assertIsNone(self.successResultOf(held))
