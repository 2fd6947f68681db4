"""Claims about the time of what is shared and kept."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.cluster.timepiece import Timepiece

EPOCH = 1_800_000_000.0


class TimepieceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.leap = 0.0
        self.timepiece = Timepiece(self.clock, lambda: EPOCH + self.clock.seconds() + self.leap)

    def test_it_goes_with_the_clock(self) -> None:
        """While nobody sets the clock, it is the clock's time."""
        self.clock.advance(1000.0)
        self.assertEqual(self.timepiece(), EPOCH + 1000.0)

    def test_leaps_are_followed_slowly_and_in_the_end(self) -> None:
        """A leap of an hour, forward or back, shows as a tenth of the time that passes, until it is caught up."""
        for leap in (3600.0, -3600.0):
            self.setUp()
            self.leap = leap
            self.assertEqual(self.timepiece(), EPOCH)
            self.clock.advance(100.0)
            self.assertAlmostEqual(self.timepiece() - EPOCH, 100.0 + leap / 360.0, places=3)
            self.clock.advance(40000.0)
            self.assertAlmostEqual(self.timepiece() - EPOCH, 40100.0 + leap, places=3)

    def test_it_never_goes_back_for_less_than_a_day(self) -> None:
        """However the clock is set within a day, the time only grows."""
        last = self.timepiece()
        for number in range(200):
            self.leap = (number * 7919 % 80000) - 40000.0
            self.clock.advance(1.0)
            now = self.timepiece()
            self.assertGreater(now, last)
            last = now

    def test_a_clock_that_was_never_right_is_corrected_at_once(self) -> None:
        """A leap of years is the end of an error."""
        self.leap = -20 * 365 * 86400.0
        self.clock.advance(1.0)
        self.assertEqual(self.timepiece(), EPOCH + 1.0 + self.leap)
