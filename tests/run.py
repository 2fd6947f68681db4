"""Run the tests under trial and say, in the last lines, how they went: ``python -m tests.run [-j N] [MODULE ...]``.

Trial loads, runs and reports; what is added here is the table of capabilities at the start, and at the end a line
``N not possible here`` and a line ``N passed, N failed``; before them, which tests took longest. A test that is skipped
or expected to fail counts as failed: what the machine cannot do is declared with `tests.capabilities.possible`, and
everything else must pass. So does a run that finds no test, and so does each process that outlives it. Ends with 0 only
when nothing failed.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.trial import reporter, runner
from twisted.trial._dist.distreporter import DistReporter
from twisted.trial._dist.disttrial import DistTrialRunner

from tests import capabilities
from tests.left_behind import mark, swept

_TEMPORARY = "var/trial"
OVERDUE_SECONDS = 180.0
"""No test takes so long, even where two runs share two cores."""


@frozen
class Tally:
    """How a run went.

    :ivar passed: tests that ended well.
    :ivar failed: the names of those that did not, why not in a word, sorted.
    """

    passed: int
    failed: tuple[tuple[str, str], ...]

    @property
    def line(self) -> str:
        """The line that others look for."""
        return f"{self.passed} passed, {len(self.failed)} failed"

    @property
    def is_good(self) -> bool:
        """Whether there were tests and none failed."""
        return self.passed > 0 and not self.failed


class Stopwatch:
    """Notes how long each test took, from without: its worker's waits for the processor are in it.

    :ivar seconds: by the test's name.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def start(self, name: str) -> None:
        """A test begins."""
        self._begun[name] = self._clock()

    def stop(self, name: str) -> None:
        """A test ended."""
        self.seconds[name] = self._clock() - self._begun.pop(name)

    def overdue(self, after_seconds: float) -> list[str]:
        """Name the tests that have run for longer than this and go on."""
        now = self._clock()
        return [name for name, begun in list(self._begun.items()) if now - begun > after_seconds]

    def slowest(self, most: int) -> list[str]:
        """Give a line for each of the tests that took longest, the longest first."""
        ranked = sorted(self.seconds.items(), key=lambda item: (-item[1], item[0]))
        return [f"{seconds:7.1f} s  {name}" for name, seconds in ranked[:most]]


STOPWATCH = Stopwatch()
"""Of this run: trial makes its reporters itself, and they know no other way to it."""
LEFT_BEHIND: list[str] = []
"""The processes that outlived this run's tests."""


class _Alone(reporter.VerboseTextReporter):
    """Times the tests of this process."""

    def startTest(self, method: Any) -> None:
        STOPWATCH.start(method.id())
        super().startTest(method)

    def stopTest(self, method: Any) -> None:
        super().stopTest(method)
        STOPWATCH.stop(method.id())


class _Apart(DistReporter):
    """Times the tests of several processes."""

    def startTest(self, test: Any) -> None:
        STOPWATCH.start(test.id())
        super().startTest(test)

    def stopTest(self, test: Any) -> None:
        super().stopTest(test)
        STOPWATCH.stop(test.id())


class _Spread(DistTrialRunner):
    """Runs the tests in several processes, and times them.

    :ivar word: marks the processes of this run.
    """

    _distReporterFactory = _Apart  # noqa: N815 - trial's name
    word: str

    def writeResults(self, result: Any) -> None:
        """All tests have run; the workers have not been told to end."""
        super().writeResults(result)
        LEFT_BEHIND.extend(swept(self.word))


def tell_of_overdue(watch: Stopwatch, say: Callable[[str], object], ended: threading.Event) -> None:
    """Name each test once that runs for so long that it may hang; a run that is killed for it has said which it was."""
    told: set[str] = set()
    while not ended.wait(OVERDUE_SECONDS / 10.0):
        for name in watch.overdue(OVERDUE_SECONDS):
            if name not in told:
                told.add(name)
                say(f"still running after {OVERDUE_SECONDS:g} s: {name}")


def tally(result: Any) -> Tally:
    """Count a trial reporter's results; a test with several errors is one failed test."""
    failed: dict[str, str] = {}
    for word, group in (
        ("was to fail", result.expectedFailures),
        ("was to fail and passed", result.unexpectedSuccesses),
        ("skipped", result.skips),
        ("failed", result.failures),
        ("error", result.errors),
    ):
        failed.update((_name(item[0]), word) for item in group)
    return Tally(result.successes, tuple(sorted(failed.items())))


def _name(test: Any) -> str:
    """Name a test, or what stands in for one that could not be loaded."""
    return str(test.id() if hasattr(test, "id") else test)


def not_possible(lacking: Iterable[Sequence[str]]) -> str:
    """Say how many tests were not collected and for lack of what."""
    counted = Counter(name for names in lacking for name in names)
    total = len(capabilities.NOT_POSSIBLE)
    reasons = ", ".join(f"{name}: {count}" for name, count in counted.most_common())
    return f"{total} not possible here" + (f" ({reasons})" if reasons else "")


def _suite(names: Sequence[str]) -> Any:
    """Load modules or packages by name, with everything beneath them."""
    loader = runner.TestLoader()
    return loader.loadByNames(list(names), recurse=True)


def _run(names: Sequence[str], jobs: int, word: str) -> Any:
    """Load and run the tests in this process, or in several that take turns."""
    suite = _suite(names)
    Path(_TEMPORARY).parent.mkdir(exist_ok=True)
    if jobs < 2:
        result = runner.TrialRunner(_Alone, workingDirectory=_TEMPORARY).run(suite)
        LEFT_BEHIND.extend(swept(word))
        return result
    spread = _Spread(
        reporter.VerboseTextReporter, maxWorkers=jobs, workerArguments=[], workingDirectory=_TEMPORARY
    )
    spread.word = word
    return spread.run(suite)


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Run the tests under trial.")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="processes to run in (default: 1)")
    parser.add_argument("--slowest", type=int, default=25, metavar="N", help="how many of the slowest to name")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the last line there instead of showing it")
    parser.add_argument("names", nargs="*", default=["tests"], metavar="MODULE", help="what to run (default: tests)")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run what the command line asks for; give the exit code."""
    arguments = _arguments(words)
    print(capabilities.table(), flush=True)
    word = mark()
    ended = threading.Event()
    watched = (STOPWATCH, partial(print, flush=True), ended)
    watching = threading.Thread(target=tell_of_overdue, args=watched, daemon=True)
    watching.start()
    outcome = tally(_run(arguments.names, arguments.jobs, word))
    ended.set()
    outcome = evolve(outcome, failed=(*outcome.failed, *((each, "left behind") for each in LEFT_BEHIND)))
    if slowest := STOPWATCH.slowest(arguments.slowest):
        print("\n".join(["The tests that took longest:", *slowest]))
    for name, reason in outcome.failed:
        print(f"{reason}: {name}")
    if not outcome.passed and not outcome.failed:
        print("No test was found.")
    print(not_possible(capabilities.NOT_POSSIBLE.values()))
    if arguments.summary is None:
        print(outcome.line)
    else:
        arguments.summary.write_text(outcome.line + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
