"""``shieldrelayctl top``: its frames, and the real command on a real terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.ctl_top_view import frame, rates
from shieldrelay.admin.picture import CountsPicture, as_json
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.fakes_sources import BANNED, MemoryDefences
from tests.admin.test_ctl import ROOT, CommandCase, Steps

SECONDS = 20.0


class FrameTests(SynchronousTestCase):
    """One frame."""

    def setUp(self) -> None:
        """Take a status, one from two seconds before, and the worst sources."""
        picture = self.successResultOf(Deferred.fromCoroutine(MemoryAppliance().status()))
        counts = CountsPicture(accepted=250, refused={"harvest": 40, "connections": 7}, deferred=3)
        self.status: Any = as_json(evolve(picture, counts=counts, connections=500))
        earlier = CountsPicture(accepted=50, refused={"harvest": 10, "connections": 7}, deferred=3)
        self.before: Any = as_json(evolve(picture, counts=earlier, connections=400, now=NOW - 2))
        worst = self.successResultOf(Deferred.fromCoroutine(MemoryDefences().worst(9)))
        self.worst = {"now": NOW, "sources": [as_json(one) for one in worst]}

    def test_rates(self) -> None:
        """Rates are differences a second; a node that was restarted in between has none."""
        found = rates(self.status, self.before)
        assert found is not None
        self.assertEqual((found["accepted"], found["refused"], found["connections"]), (100.0, 15.0, 50.0))
        self.assertEqual((found["refused by harvest"], found["refused by connections"]), (15.0, 0.0))
        self.assertIsNone(rates(self.status, {**self.before, "started": 1.0}))
        self.assertIsNone(rates(self.status, self.status))
        self.assertIsNone(rates(self.status, None))

    def test_a_frame(self) -> None:
        """It has rates by defence, alarms, domains, and the worst sources with the reason."""
        text = "\n".join(frame(self.status, self.before, self.worst, 120, 40))
        for words in ("a second: 50.0 connections  100 accepted  15.0 refused", "refused by: harvest 15.0",
                      "! the disk is nearly full", "example.test", "DOWN", BANNED, "q quits"):  # fmt: skip
            self.assertIn(words, text)

    def test_what_is_not_granted_is_left_out(self) -> None:
        """Who may not see sources sees the rest."""
        text = "\n".join(frame(self.status, None, None, 120, 40))
        self.assertNotIn("SOURCE", text)
        self.assertIn("a second: -", text)

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 40), st.integers(0, 30))
    def test_it_always_fits(self, width: int, height: int, domains: int, alarms: int) -> None:
        """Whatever the window's size and however much there is, a frame fits and every line is printable."""
        status = {
            **self.status,
            "domains": [{**self.status["domains"][0], "domain": f"d{each}.test"} for each in range(domains)],
            "alarms": [f"alarm {each}" for each in range(alarms)],
        }
        lines = frame(status, self.before, self.worst, width, height)
        self.assertLessEqual(len(lines), height)
        for line in lines:
            self.assertLessEqual(len(line), width)
            self.assertTrue(line.isprintable())


class TopCommand(CommandCase):
    """The real command."""

    def on_a_terminal(self) -> tuple[str, int, bool]:
        """Run it on a terminal, make that smaller, quit; give output, exit status and whether modes were restored."""
        ours, theirs = pty.openpty()
        _resize(theirs, 40, 120)
        modes = termios.tcgetattr(theirs)
        environment = {"PYTHONPATH": ROOT, "SHIELDRELAY_CONTROL": self.path, "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "shieldrelay.admin.ctl", "top", "--every", "1"]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT, start_new_session=True
        )
        try:
            seen = _until(ours, "q quits")
            _resize(theirs, 12, 50)
            process.send_signal(signal.SIGWINCH)
            seen += "<resized>" + _until(ours, "q quits")
            os.write(ours, b"q")
            status = process.wait(SECONDS)
            seen += _until(ours, "\x1b[?1049l")
            restored = termios.tcgetattr(theirs) == modes
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(ours)
            os.close(theirs)
        return seen, status, restored

    @inlineCallbacks
    def test_live(self) -> Steps:
        """It draws, goes by a new size of the window, quits with q, and leaves the terminal as it was."""
        seen, status, restored = yield deferToThread(self.on_a_terminal)
        self.assertEqual((status, restored), (0, True), seen)
        small = seen.partition("<resized>")[2].partition("\x1b[J")[0]
        lines = small.rpartition("\x1b[H")[2].replace("\x1b[K", "").split("\r\n")
        self.assertLessEqual(max(map(len, lines)), 50, repr(small))
        self.assertLessEqual(len(lines), 12)
        self.assertIn("\x1b[?1049h", seen)

    @inlineCallbacks
    def test_without_a_terminal(self) -> Steps:
        """Into a pipe it gives as many frames as were asked for, without control sequences."""
        out, err, status = yield self.run_command("top", "--times", "1")
        self.assertEqual((err, status), ("", 0))
        self.assertIn("example.test", out)
        self.assertNotIn("\x1b", out)
        _, err, status = yield self.run_command("top")
        self.assertEqual(status, 2)
        self.assertIn("needs a terminal", err)

    @inlineCallbacks
    def test_nobody_there(self) -> Steps:
        """Without a node it says so, and exits with 3 when the looks are over."""
        self.service.stopService()
        _, err, status = yield self.run_command("top", "--times", "1")
        self.assertEqual(status, 3)
        self.assertIn(self.path, err)


def _resize(terminal: int, lines: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _until(terminal: int, words: str) -> str:
    """Read until something is shown."""
    seen, end = b"", time.monotonic() + SECONDS
    while words.encode() not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
    return seen.decode("utf-8", "replace")
