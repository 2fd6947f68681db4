"""A claim about a fortnight of traffic: what the reputation costs the lawful, and what it keeps out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.reputation.__main__ import Run
from bench.reputation.wanted import LAWFUL, LOST, WANTED, Account, Bound


class FortnightTests(SynchronousTestCase):
    """A tenth of the crowd, for some seeds."""

    def test_it_ends_as_it_is_to(self) -> None:
        """No lawful message is lost and hardly one is late, spammers stay out, and each kind ends in its bands."""
        for seed in (1, 2, 3):
            run = Run(seed=seed, scale=0.1)
            run.go()
            self.assertGreater(sum(each.offered for each in run.accounts.values()), 20_000)
            for bound in WANTED:
                reached = f"seed {seed}: {bound} reached {bound.reached(run.accounts):.3f}"
                self.assertTrue(bound.is_met(run.accounts), reached)

    def test_bounds_can_be_missed(self) -> None:
        """One lost message of a thousand is more than none, and a kind nobody of whom came has no share."""
        lost = Account(offered=1000, lost=1)
        self.assertFalse(Bound("spammers", LOST, most=0.0).is_met({"spammers": lost}))
        self.assertEqual(Bound("spammers", LOST, most=0.0).reached({"spammers": Account()}), 0.0)
        self.assertIn(Bound(LAWFUL, LOST, most=0.0), WANTED)
