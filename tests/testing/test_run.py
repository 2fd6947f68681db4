"""The runner of the tests: what it times, and what it finds left behind."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.left_behind import left_behind
from tests.run import Stopwatch

_WORD = "the word of a run that is no other's"


class StopwatchTests(SynchronousTestCase):
    """Which tests took longest."""

    def test_the_slowest_come_first(self) -> None:
        """Tests that overlap are timed apart, and only as many are named as were asked for."""
        now = iter([0.0, 1.0, 4.0, 9.0, 10.0, 10.5])
        watch = Stopwatch(lambda: next(now))
        watch.start("one")
        watch.start("two")
        watch.stop("one")
        watch.stop("two")
        watch.start("three")
        watch.stop("three")
        self.assertEqual(watch.slowest(2), ["    8.0 s  two", "    4.0 s  one"])

    def test_what_goes_on_for_too_long_is_named(self) -> None:
        """A test is overdue from its limit on, and not any more when it has ended."""
        now = iter([0.0, 10.0, 11.0, 12.0, 13.0])
        watch = Stopwatch(lambda: next(now))
        watch.start("one")
        self.assertEqual((watch.overdue(10.0), watch.overdue(10.0)), ([], ["one"]))
        watch.stop("one")
        self.assertEqual(watch.overdue(0.0), [])


class StandardInputTests(SynchronousTestCase):
    """What a test reads from nobody."""

    def test_it_is_at_its_end(self) -> None:
        """A test that reads its standard input does not wait for somebody to type."""
        if not sys.stdin.isatty():
            self.assertEqual(sys.stdin.read(), "")


class LeftBehindTests(SynchronousTestCase):
    """Processes that outlive a run."""

    def test_an_orphan_is_found(self) -> None:
        """A process whose parent has ended is named as long as it is alive, and not afterwards."""
        program = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()  # orphan'])"
        environment = {"SHIELDRELAY_TEST_RUN": _WORD}
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, env=environment) as parent:
            assert parent.stdin is not None
            parent.wait(30)
            [found] = left_behind(_WORD, 0.0).values()
            self.assertIn("orphan", found)
            parent.stdin.write(b"end\n")
            parent.stdin.close()
            self.assertEqual(left_behind(_WORD, 30.0), {})
