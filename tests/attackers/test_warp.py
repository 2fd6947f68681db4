"""Claims about a reactor ahead of its time."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.attackers.warp import WarpedReactor


class WarpTests(SynchronousTestCase):
    """`WarpedReactor` over a clock."""

    def test_what_was_to_come_comes_at_once(self) -> None:
        """Time passes for what asks for it, and for what waits; what is due later still waits for the rest."""
        clock, called = Clock(), list[str]()
        warped = WarpedReactor(clock)
        warped.callLater(10.0, called.append, "soon")
        warped.callLater(100.0, called.append, "late")
        warped.advance(60.0)
        clock.advance(0.0)
        self.assertEqual((warped.seconds(), called), (60.0, ["soon"]))
        clock.advance(39.0)
        self.assertEqual(called, ["soon"])
        clock.advance(2.0)
        self.assertEqual((called, warped.wall(lambda: 1000.0)()), (["soon", "late"], 1060.0))
