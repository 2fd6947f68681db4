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
