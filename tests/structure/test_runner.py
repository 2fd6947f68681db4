"""Claims about the frame that runs the tests."""

from __future__ import annotations

import io
import os

from twisted.trial import reporter, unittest

from tests import capabilities, run


class _Sample(unittest.SynchronousTestCase):
    """Not collected by its name's underscore; run by hand below."""

    def passes(self) -> None:
        """Pass."""

    def fails(self) -> None:
        """Fail."""
        self.fail("on purpose")

    def skips(self) -> None:
        """Skip."""
        raise unittest.SkipTest("on purpose")





def _tally(*methods: str) -> run.Tally:
    """Run methods of the sample and count."""
    result = reporter.TestResult()
    for method in methods:
        _Sample(method).run(result)
    return run.tally(result)


class TallyTests(unittest.SynchronousTestCase):
    def test_skip_counts_as_failed(self) -> None:
        """A test that is skipped counts as failed, because what is present may not be skipped."""
        counted = _tally("passes", "skips")
        self.assertEqual(counted.line, "1 passed, 1 failed")
        self.assertFalse(counted.is_good)

    def test_failure_is_named(self) -> None:
        """A test that fails is counted once and named."""
        counted = _tally("fails")
        self.assertEqual([word for _, word in counted.failed], ["failed"])
        self.assertIn("fails", counted.failed[0][0])

    def test_nothing_found_is_no_success(self) -> None:
        """A run in which no test was found is not a good one."""
        self.assertFalse(run.tally(reporter.TestResult()).is_good)

    def test_all_passed_is_good(self) -> None:
        """A run in which every test passed is good."""
        self.assertTrue(_tally("passes", "passes").is_good)


class PossibleTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        """Forget, for the time of a test, what was found out about the machine."""
        self.patch(os, "environ", dict(os.environ, SHIELDRELAY_ABSENT="swaks", SHIELDRELAY_CAPABILITIES=""))
        self.patch(capabilities, "NOT_POSSIBLE", {})

    def test_absent_is_not_collected_and_counted(self) -> None:
        """What needs an absent capability is replaced by nothing, and each of its tests is counted with the reason."""

        class Wanting:
            def test_one(self) -> None: ...
            def test_two(self) -> None: ...

        self.assertIs(capabilities.possible("swaks")(Wanting), None)
        self.assertEqual(len(capabilities.NOT_POSSIBLE), 2)
        self.assertEqual(run.not_possible(capabilities.NOT_POSSIBLE.values()), "2 not possible here (swaks: 2)")

    def test_present_is_left_alone(self) -> None:
        """What needs only what is present is collected as it stands."""
        self.assertIs(capabilities.possible("loopback addresses")(_tally), _tally)
        self.assertEqual(capabilities.NOT_POSSIBLE, {})

    def test_unknown_capability_is_a_fault(self) -> None:
        """A misspelt capability raises at once instead of hiding its tests."""
        self.assertRaises(KeyError, capabilities.possible, "swax")

    def test_workers_inherit_what_was_found(self) -> None:
        """An answer is left in the environment, so that worker processes need not probe again."""
        capabilities.is_present("ipv6")
        self.assertIn("ipv6=", os.environ["SHIELDRELAY_CAPABILITIES"])

    def test_table_names_every_capability(self) -> None:
        """The table has a line for each capability, absent ones with their remedy."""
        shown = io.StringIO(capabilities.table()).read()
        for name in capabilities.CAPABILITIES:
            self.assertIn(name, shown)
        self.assertIn("apt install swaks", shown)
