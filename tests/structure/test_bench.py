"""Claims about the bench's own arithmetic and page. What it measures is never a test."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial import unittest

from bench import accounting, paired, report
from bench.wanted import WANTED, Wanted

_SAMPLES: report.Samples = {
    "4k": {
        "Postfix": [{"new rate": 400.0, "new cpu": 3.0}, {"new rate": 900.0, "new cpu": 3.6}],
        "shieldrelay": [{"new rate": 2600.0, "new cpu": 0.3}, {"new rate": 2600.0, "new cpu": 0.3}],
    },
    "idle": {"shieldrelay": [{"4000 rss mb": 81.0, "4000 greeted": 4000.0}]},
}


class JudgementTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.medians = report.medians(_SAMPLES)

    def test_rate_is_wanted_higher(self) -> None:
        """A rate of exactly as many times Postfix's as wanted is met, and a larger want is not."""
        self.assertIs(Wanted("4k", "new rate", times=4).is_met(self.medians), True)
        self.assertIs(Wanted("4k", "new rate", times=4.1).is_met(self.medians), False)

    def test_cpu_is_wanted_lower(self) -> None:
        """CPU is better when it is less: 0.3 against 3.3 is eleven times."""
        self.assertAlmostEqual(Wanted("4k", "new cpu", times=6).reached(self.medians) or 0, 11)

    def test_bounds_of_our_own(self) -> None:
        """A figure with a bound of its own needs no Postfix beside it."""
        self.assertIs(Wanted("idle", "4000 rss mb", most=80).is_met(self.medians), False)
        self.assertIs(Wanted("idle", "4000 greeted", least=4000).is_met(self.medians), True)

    def test_not_measured_is_neither(self) -> None:
        """What was not measured is neither met nor failed."""
        self.assertIs(Wanted("100k", "new cpu", times=4).is_met(self.medians), None)

    def test_page_shows_every_want(self) -> None:
        """The page has a line for each wanted figure, and those that are not met stand out."""
        shown = report.page(
            report.Run("x", "machine", ["v"], {"Postfix": "a = b"}, _SAMPLES, ["one fault"], 2, "control group", 1.0)
        )
        for each in WANTED:
            self.assertIn(f"| {each.row} | {each.figure} |", shown)
        self.assertIn("| 81 | **not met** |", shown)
        self.assertIn("- one fault", shown)


class PairTests(unittest.SynchronousTestCase):
    def test_pairs_are_compared_turn_by_turn(self) -> None:
        """The quotient is the median of the turns' own, so that a load which disturbed one turn weighs nothing."""
        first = {"new": [(1.0, 100.0, 0.3), (9.0, 10.0, 0.9), (1.0, 100.0, 0.3)]}
        second = {"new": [(1.2, 80.0, 0.3), (9.9, 9.0, 0.9), (1.2, 80.0, 0.3)]}
        found = paired.figures(second, first)
        self.assertAlmostEqual(found["new quotient cpu"], 1.2)
        self.assertAlmostEqual(found["new quotient rate"], 0.8)
        self.assertEqual((found["new least cpu"], found["new median cpu"]), (1.2, 1.2))


class AccountTests(unittest.SynchronousTestCase):
    def test_children_that_ended_are_counted(self) -> None:
        """CPU of a descendant counts, also after it has ended."""
        account = accounting.account("shieldrelay-account-test")
        self.addCleanup(account.close)
        burn = "import os,time\nif os.fork(): os.wait()\nwhile time.process_time() < 0.1: pass"
        subprocess.run(account.enter([sys.executable, "-c", burn]), check=True)
        if account.kind == "control group":
            self.assertTrue(0.15 < account.cpu_seconds() < 2)
        self.assertEqual(account.pids(), [])

    def test_memory_of_this_process(self) -> None:
        """The proportional set is never more than the resident set."""
        used = accounting.memory([os.getpid()])
        self.assertTrue(0 < used.pss <= used.rss)
