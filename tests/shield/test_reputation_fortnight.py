"""A claim about a fortnight of traffic: what the reputation costs the lawful, and what it keeps out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.reputation.__main__ import Run
from bench.reputation.crowd import CROWD
from bench.reputation.front import End


class FortnightTests(SynchronousTestCase):
    def test_lawful_mail_arrives_and_spammers_stay_out(self) -> None:
        """No lawful message is lost and hardly one is late; two thirds of what nobody wants is not let in."""
        run = Run(seed=1, scale=0.1)
        run.go()
        lawful = [run.accounts[each.name] for each in CROWD if each.lawful]
        others = [run.accounts[each.name] for each in CROWD if not each.lawful]
        offered = sum(each.offered for each in lawful)
        self.assertGreater(offered, 15_000)
        self.assertEqual(sum(each.lost for each in lawful), 0)
        self.assertLess(sum(len(each.delayed) for each in lawful), 0.005 * offered)
        sessions = sum(each.sessions.total() for each in others)
        kept_out = sum(each.sessions[end] for each in others for end in (End.LATER, End.NOT_LET_IN))
        self.assertGreater(kept_out, 0.66 * sessions)
        spammers = run.accounts["spammers"].sessions
        self.assertGreater(spammers[End.NOT_LET_IN], 0.9 * spammers.total())
