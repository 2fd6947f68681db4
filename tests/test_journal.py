"""Claims about the journal: flat lines that nobody can forge, counted, never in the way of mail."""

from __future__ import annotations

import ast
import errno
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.trial import unittest

from shieldrelay.journal import EVENTS, Journal, JournalObserver, open_output
from shieldrelay.journal.events import RESERVED
from shieldrelay.journal.output import StreamOutput
from shieldrelay.journal.render import PAGE, journal_page
from shieldrelay.testing.journal import ListJournal

ROOT = Path(__file__).parents[1]


class Paper:
    """An output in memory that can be full.

    :ivar room: how many octets it takes yet; ``None`` for any number.
    :ivar error: raised instead of taking any.
    """

    def __init__(self) -> None:
        self.written = b""
        self.room: int | None = None
        self.error: OSError | None = None
        self.writes = 0

    def write(self, octets: bytes) -> int:
        self.writes += 1
        if self.error is not None:
            raise self.error
        taken = octets if self.room is None else octets[: self.room]
        self.written += taken
        if self.room is not None:
            self.room -= len(taken)
        return len(taken)

    def reopen(self) -> None:
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        pass

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.decode("ascii").splitlines()]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("not today")


FIELD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(Hostile()),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=50,
)


class JournalTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.paper = Paper()
        self.now = 1700000000.25
        self.journal = Journal(self.paper, node="mx1.test", wall=lambda: self.now)

    def told(self, name: str, **fields: object) -> dict[str, Any]:
        """Tell one event and give its line."""
        self.journal.event(name, **fields)
        self.journal.flush()
        return self.paper.lines()[-1]

    def test_a_line_is_a_flat_object(self) -> None:
        """Time, level, event and node come first, then the fields in order."""
        line = self.told("session", peer="192.0.2.1", port=25, tls=None, seconds=1.5, ok=True)
        self.assertEqual(
            list(line.items()),
            [
                ("ts", "2023-11-14T22:13:20.250000Z"),
                ("level", "info"),
                ("event", "session"),
                ("node", "mx1.test"),
                ("peer", "192.0.2.1"),
                ("port", 25),
                ("tls", None),
                ("seconds", 1.5),
                ("ok", True),
            ],
        )

    def test_time_goes_on(self) -> None:
        """Each line has its own time, over the turn of a second too."""
        first = self.told("session")["ts"]
        self.now += 0.75
        self.assertEqual((first, self.told("session")["ts"][-11:]), ("2023-11-14T22:13:20.250000Z", ":21.000000Z"))

    def test_hostile_octets_are_escaped_and_clipped(self) -> None:
        """What a peer said comes out printable, so that it can be read back, and is at most 256 characters long."""
        line = self.told("violation", evidence=b'EHLO \\"\r\n{"event":"x"}\xff\0', helo=b"a" * 1000, text="ä\n" * 300)
        self.assertEqual(line["evidence"], 'EHLO \\x5c"\\x0d\\x0a{"event":"x"}\\xff\\x00')
        self.assertEqual(line["helo"], "a" * 256 + "...")
        self.assertEqual(line["text"], "ä\n" * 128 + "...")

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.dictionaries(st.sampled_from(["a", "b", "traceback", "reason"]), FIELD))
    def test_nothing_injects_a_line(self, fields: dict[str, Any]) -> None:
        """Whatever the fields hold, an event is exactly one line of printable ASCII JSON of bounded length."""
        paper = Paper()
        Journal(paper, node="n", wall=lambda: 0.0).event("session", **fields)
        journal = Journal(paper, node="n", wall=lambda: 0.0)
        journal.event("session", **fields)
        journal.flush()
        self.assertEqual(paper.written.count(b"\n"), 1)
        self.assertTrue(paper.written[:-1].decode("ascii").isprintable())
        self.assertEqual(set(json.loads(paper.written)), {*RESERVED, *fields})
        self.assertLess(len(paper.written), 300000)

    def test_numbers_stay_json(self) -> None:
        """Infinity and not-a-number, which JSON has not, are null; a foreign object is described."""
        line = self.told("session", a=float("inf"), b=float("nan"), c=Hostile(), d={"x": 1}, e=[b"\xff", [1], None])
        self.assertEqual((line["a"], line["b"], line["c"]), (None, None, "<Hostile>"))
        self.assertEqual((line["d"], line["e"]), ("{'x': 1}", ["\\xff", "[1]", None]))

    def test_the_end_of_a_traceback_is_kept(self) -> None:
        """A long traceback keeps its last 4096 characters, where the error stands."""
        line = self.told("bug", traceback="x" * 10000 + "ZeroDivisionError")
        self.assertEqual((len(line["traceback"]), line["traceback"][-17:]), (4096, "ZeroDivisionError"))

    def test_events_are_counted_by_label(self) -> None:
        """Every event is counted by its name and its label."""
        for fate in ("taken", "taken", "refused"):
            self.journal.event("attempt", result=fate)
        self.journal.event("session")
        self.assertEqual(self.journal.counts[("attempt", "taken")], 2)
        self.assertEqual(self.journal.counted("attempt"), 3)
        self.assertEqual(self.journal.counted("session"), 1)

    def test_what_is_not_told_can_be_counted(self) -> None:
        """Of a flood one is told and the others are counted, under the same name and label."""
        self.journal.event("connection_refused", defence="connections")
        for _ in range(9):
            self.journal.count("connection_refused", "connections")
        self.assertEqual(self.journal.counts[("connection_refused", "connections")], 10)

    def test_counters_are_bounded(self) -> None:
        """A label with endless values does not grow the counters without end."""
        for number in range(3000):
            self.journal.event("refused", reason=str(number))
        self.assertLessEqual(len(self.journal.counts), 1001)
        self.assertEqual(self.journal.counted("refused"), 3000)

    def test_lines_wait_for_the_flush(self) -> None:
        """Few lines are written by the owner's tick in one write; many do not wait for it."""
        for _ in range(10):
            self.journal.event("session")
        self.assertEqual(self.paper.writes, 0)
        self.journal.flush()
        self.journal.flush()
        self.assertEqual(self.paper.writes, 1)
        for _ in range(1000):
            self.journal.event("session")
        self.assertGreater(self.paper.writes, 1)

    def test_a_full_disk_loses_lines_and_says_so(self) -> None:
        """While writing fails nothing is raised, memory is bounded, and the lost lines are told once it works again."""
        self.paper.error = OSError(errno.ENOSPC, "No space left on device")
        for _ in range(20000):
            self.journal.event("session", helo="x" * 200)
        self.journal.flush()
        self.assertEqual(self.journal.trouble, "No space left on device")
        lost = self.journal.lost
        self.assertGreater(lost, 10000)
        self.paper.error = None
        self.journal.flush()
        self.journal.flush()
        lines = self.paper.lines()
        self.assertEqual(len(lines) - 1 + lost, 20000)
        self.assertEqual(
            (lines[-1]["event"], lines[-1]["lines"], lines[-1]["reason"]),
            ("journal_lost", lost, "No space left on device"),
        )
        self.assertEqual((self.journal.trouble, self.journal.lost), ("", 0))

    def test_a_short_write_cuts_no_line(self) -> None:
        """What an output does not take at once follows later, so that every line is whole."""
        self.paper.room = 30
        self.journal.event("session")
        self.journal.event("session")
        self.journal.flush()
        self.assertEqual(self.journal.trouble, "it is not read fast enough")
        self.paper.room = None
        self.journal.flush()
        self.assertEqual([line["event"] for line in self.paper.lines()], ["session", "session"])
        self.assertEqual(self.journal.trouble, "")

    def test_undeclared_events_are_told_too(self) -> None:
        """An event that nobody declared is written as a warning, not lost."""
        self.assertEqual(self.told('new"thing', a=1)["level"], "warn")

    def test_a_reopen_that_fails_is_told(self) -> None:
        """Without a fresh file the journal goes on in the old one and says why."""
        self.paper.error = OSError(errno.EACCES, "Permission denied")
        self.journal.reopen()
        self.paper.error = None
        self.journal.flush()
        self.assertIn("Permission denied", self.paper.lines()[-1]["text"])


class OutputTests(unittest.SynchronousTestCase):
    def test_a_rotated_file_is_let_go(self) -> None:
        """After a rename and a reopen new lines are in a new file, old ones in the old."""
        path = self.mktemp()
        journal = Journal(open_output(path), node="n", wall=lambda: 0.0)
        journal.event("started")
        journal.flush()
        os.rename(path, path + ".1")
        journal.event("stopping")
        journal.reopen()
        journal.event("stopped")
        journal.close()
        self.assertEqual(Path(path + ".1").read_text().count("\n"), 2)
        self.assertIn('"stopped"', Path(path).read_text())
        self.assertEqual(os.stat(path).st_mode & 0o007, 0)

    def test_a_full_pipe_does_not_hold_up(self) -> None:
        """A pipe that nobody reads takes what it has room for, and the call returns."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        output = StreamOutput(writer)
        taken = output.write(b"x" * 1000000)
        self.assertTrue(0 < taken < 1000000)
        self.assertEqual(output.write(b"y"), 0)
        os.read(reader, 100000)
        self.assertEqual(output.write(b"z"), 1)

    def test_a_closed_pipe_is_trouble_not_an_error(self) -> None:
        """When the reader of standard output is gone the journal only notes it."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        os.close(reader)
        journal = Journal(StreamOutput(writer), node="n", wall=lambda: 0.0)
        journal.event("started")
        journal.flush()
        self.assertEqual(journal.trouble, "Broken pipe")

    def test_standard_output_may_be_a_file(self) -> None:
        """Standard output that was redirected to a file is written like one."""
        path = Path(self.mktemp())
        with path.open("wb") as opened:
            self.assertEqual(StreamOutput(opened.fileno()).write(b"x" * 20000), 20000)
        self.assertEqual(path.stat().st_size, 20000)


class ObserverTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = ListJournal()
        self.publisher = LogPublisher(JournalObserver(self.journal))
        self.logger = Logger("there", observer=self.publisher)

    def test_chatter_is_dropped(self) -> None:
        """What is less than a warning is not told."""
        self.logger.info("Log opened.")
        self.logger.debug("nothing")
        self.assertEqual(self.journal.events, [])

    def test_warnings_and_failures_are_told(self) -> None:
        """A warning has its words, a failure its traceback."""
        self.logger.emit(LogLevel.warn, "look {at}", at="here")
        try:
            raise ValueError("broken")
        except ValueError:
            self.logger.failure("while doing it")
        warning, failure = self.journal.named("log")
        self.assertEqual((warning["severity"], warning["text"], warning["namespace"]), ("warn", "look here", "there"))
        self.assertEqual(failure["severity"], "critical")
        self.assertIn("ValueError: broken", str(failure["traceback"]))


def _told_in(file: Path) -> set[str]:
    """Give the literal event names that a file tells."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "event"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


class DeclarationTests(unittest.SynchronousTestCase):
    def test_every_event_told_is_declared(self) -> None:
        """No room tells an event that the table does not have."""
        told = {name: file for file in (ROOT / "shieldrelay").rglob("*.py") for name in _told_in(file)}
        self.assertEqual({name: str(file) for name, file in told.items() if name not in EVENTS}, {})
        self.assertIn("journal_lost", told)

    def test_declarations_are_sound(self) -> None:
        """Names are snake_case, no field hides one that every line has, and a label is a field."""
        for name, event in EVENTS.items():
            for word in (name, *event.fields):
                self.assertRegex(word, r"\A[a-z][a-z0-9_]*\Z")
            self.assertFalse(set(event.fields) & set(RESERVED), name)
            self.assertEqual(len(set(event.fields)), len(event.fields), name)
            self.assertTrue(not event.label or event.label in event.fields, name)
            self.assertTrue(event.help.endswith("."), name)

    def test_committed_page_is_the_rendering(self) -> None:
        """The page in the project is what the table says."""
        self.assertEqual((ROOT / PAGE).read_text(encoding="utf-8"), journal_page())
