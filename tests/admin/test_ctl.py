"""The command ``shieldrelayctl``: what it prints, and the real command against a live socket."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase

import shieldrelay
from shieldrelay.admin.ctl_text import age, duration, harmless, size, table, until
from shieldrelay.admin.ctl_views import message_view, queue_view, status_view
from shieldrelay.admin.picture import as_json
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.test_control import ControlCase

Steps = Generator[Deferred[Any], Any, None]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(shieldrelay.__file__)))


class TextTests(SynchronousTestCase):
    """Words for people."""

    def test_sizes(self) -> None:
        """Sizes have the unit that keeps them under 1024."""
        rows = {
            0: "0 B",
            512: "512 B",
            1023: "1023 B",
            1024: "1.0 KiB",
            4300: "4.2 KiB",
            1048575: "1.0 MiB",
            5 << 40: "5.0 TiB",
        }
        for octets, text in rows.items():
            self.assertEqual(size(octets), text)
        self.assertEqual(size(5000 << 40), "5000.0 TiB")

    def test_durations(self) -> None:
        """Durations have their two largest units; a clock that stepped back shows as nothing."""
        rows = {0: "0s", 42: "42s", 60: "1m", 192: "3m 12s", 3600: "1h", 3725: "1h 2m", 187200: "2d 4h", -5: "0s"}
        for seconds, text in rows.items():
            self.assertEqual(duration(seconds), text)
        self.assertEqual((age(None, 1), until(None, 1), until(5, 10), until(70, 10)), ("-", "-", "now", "1m"))

    def test_harmless(self) -> None:
        """Nothing that a terminal would obey is shown."""
        shown = harmless("a\x1b[2J\r\n\x07\x9b\u202e\u2028é漢")
        self.assertTrue(shown.isprintable())
        self.assertTrue(shown.endswith("é漢"))
        self.assertEqual(harmless("abcdef", 4), "abc…")

    def test_table(self) -> None:
        """Columns are aligned, numbers to the right."""
        self.assertEqual(
            table(("A", "N"), [("xyz", "1"), ("x", "100")], frozenset({1})), "A      N\nxyz    1\nx    100"
        )


class ViewTests(SynchronousTestCase):
    """What is shown of an answer."""

    def lines(self, text: str) -> list[str]:
        """Give the lines, after making sure that nothing else is in them."""
        for line in text.split("\n"):
            self.assertTrue(line.isprintable(), line)
        return text.split("\n")

    def test_status(self) -> None:
        """The status shows the node, every domain and whatever is wrong."""
        appliance = MemoryAppliance()
        appliance.drills["example.test"] = NOW + 600
        text = status_view(as_json(self.successResultOf(Deferred.fromCoroutine(appliance.status()))))
        lines = self.lines(text)
        self.assertIn("mx1.shield.example  shieldrelay 0.1  up 1d 3h", lines[0])
        self.assertIn("tls       expires in 20d", text)
        row = next(line for line in lines if line.startswith("example.test"))
        self.assertEqual(" ".join(row.split()), "example.test DOWN 3m 12s 2 0 4.2 KiB 16m 40s when up 0/1")
        self.assertIn("! example.test: drill, the next hop is treated as down for 10m", lines)
        self.assertEqual([line for line in lines if line.endswith("drill")], [])  # it is said once
        self.assertIn("! example.test: 192.0.2.25:25 is down: no answer", lines)
        self.assertIn("! the disk is nearly full", lines)

    def test_how_long_a_queue_will_take(self) -> None:
        """The estimate stands in the table; without a queue there is none, and without a rate nobody knows."""
        picture = self.successResultOf(Deferred.fromCoroutine(MemoryAppliance().status()))
        for drain, queued, shown in ((125.0, 2, "~2m 5s"), (None, 2, "?"), (0.0, 0, "-")):
            domain = evolve(picture.domains[0], breaker="ramping", drain=drain, queued=queued, oldest=NOW - 1)
            lines = self.lines(status_view(as_json(evolve(picture, domains=(domain,)))))
            row = next(line for line in lines if line.startswith("example.test"))
            self.assertIn(f" 1s  {shown:>10}  ", row)

    def test_queue(self) -> None:
        """The queue is a table whose rows no sender can break."""
        page = self.successResultOf(Deferred.fromCoroutine(MemoryAppliance().queue(None, 2, None)))
        lines = self.lines(queue_view(as_json(page), NOW))
        self.assertEqual(len(lines), 4)
        self.assertIn("bob@example.test +1", lines[1])
        self.assertEqual(lines[3], "2 of 3 messages; more: --after M1")
        self.assertEqual(queue_view({"messages": [], "total": 0, "after": None}, NOW), "the queue is empty")

    def test_message(self) -> None:
        """A message shows envelope, attempts, next try and header, every line harmless."""
        message = self.successResultOf(Deferred.fromCoroutine(MemoryAppliance().message("M0")))
        assert message is not None
        lines = self.lines(message_view(as_json(message), NOW))
        self.assertIn("sender       carol@elsewhere.example", lines)
        self.assertIn("recipient    alice@example.test  taken", lines)
        self.assertIn("attempts     2, the last 30s ago", lines)
        self.assertTrue(any(line.startswith("next try") and "(1m 40s)" in line for line in lines))
        self.assertTrue(lines[-1].startswith("From: c"))


class CommandCase(ControlCase):
    """Runs the real command, in a process of its own."""

    def run_command(self, *arguments: str) -> Deferred[tuple[str, str, int]]:
        """Run it and give output, complaints and exit status."""
        environment = {"PYTHONPATH": ROOT, "SHIELDRELAY_CONTROL": self.path, "PATH": os.environ["PATH"]}
        done = getProcessOutputAndValue(
            sys.executable, ["-m", "shieldrelay.admin.ctl", *arguments], env=environment, path=ROOT
        )
        return done.addCallback(lambda result: (result[0].decode(), result[1].decode(), result[2]))


class CommandTests(CommandCase):
    """The real command."""

    @inlineCallbacks
    def test_reading(self) -> Steps:
        """Status, queue and show print and exit with 0."""
        for arguments, words in (
            (["status"], "mx1.shield.example"),
            (["status", "--json"], '"breaker": "open"'),
            (["queue", "example.test"], "2 messages"),
            (["queue", "--limit", "1"], "more: --after M0"),
            (["queue", "--json", "--after", "M1"], '"id": "M2"'),
            (["show", "M0"], "bob@example.test"),
        ):
            out, err, status = yield self.run_command(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertIn(words, out)

    @inlineCallbacks
    def test_changing(self) -> Steps:
        """Flush, drill, hold, release, delete and reload do what they say."""
        for arguments, words in (
            (["flush", "example.test"], "example.test: 2 messages are due now"),
            (["drill", "example.test", "--minutes", "10"], "treated as down"),
            (["hold", "M0", "M1"], "M0: held\nM1: held"),
            (["release", "M1"], "M1: released"),
            (["delete", "--yes", "M2"], "M2: deleted"),
            (["reload"], "delivery.probe: 60s -> 30s"),
        ):
            out, err, status = yield self.run_command(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertIn(words, out)
        states = {id: one.state for id, one in self.appliance.messages.items()}
        self.assertEqual(states, {"M0": "held", "M1": "waiting"})
        self.assertEqual((self.appliance.flushed, set(self.appliance.drills)), (["example.test"], {"example.test"}))

    @inlineCallbacks
    def test_refused(self) -> Steps:
        """What is refused exits with 1, says why on standard error, and suggests."""
        out, err, status = yield self.run_command("flush", "exampel.test")
        self.assertEqual((out, status), ("", 1))
        self.assertIn("Did you mean example.test?", err)
        out, err, status = yield self.run_command("hold", "M9", "M0")
        self.assertEqual((out, status), ("M0: held\n", 1))
        self.assertIn("no message 'M9'", err)

    @inlineCallbacks
    def test_delete_asks(self) -> Steps:
        """Without a terminal and without --yes nothing is deleted."""
        _, err, status = yield self.run_command("delete", "M0")
        self.assertEqual(status, 1)
        self.assertIn("nothing was deleted", err)
        self.assertIn("M0", self.appliance.messages)

    @inlineCallbacks
    def test_usage(self) -> Steps:
        """Wrong usage exits with 2 and says what is right; help exits with 0 and has an example."""
        for arguments in (
            ["drill", "example.test"],
            ["drill", "x", "--minutes", "-1"],
            ["queue", "--limit", "0"],
            ["fly"],
            [],
        ):
            _, err, status = yield self.run_command(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn("usage:", err)
        out, _, status = yield self.run_command("drill", "--help")
        self.assertEqual(status, 0)
        self.assertIn("Example: shieldrelayctl drill example.com --minutes 10", out)

    @inlineCallbacks
    def test_unreachable(self) -> Steps:
        """Without a node it exits with 3 and says where it looked."""
        self.service.stopService()
        _, err, status = yield self.run_command("status")
        self.assertEqual(status, 3)
        self.assertIn(self.path, err)
