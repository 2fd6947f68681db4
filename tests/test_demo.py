"""The demo as somebody who just cloned the project meets it: a process, and the commands that it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.node import free_port, wait_until

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 10.0  # 2 on a quiet machine
STOP_SECONDS = 5.0


class DemoTests(SynchronousTestCase):
    """One demo a test, in a directory of its own."""

    def setUp(self) -> None:
        self.directory = Path(f"/tmp/shieldrelay-demo-{os.getpid()}-{id(self):x}")  # short, for the control socket
        self.directory.mkdir()
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.directory)], check=True)
        self.ports = (free_port(), free_port(), free_port())

    def start(self) -> subprocess.Popen[str]:
        """Start it; it is ended with the test."""
        self.output = self.directory / "output"
        with self.output.open("w") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "shieldrelay.demo", "--relay-port", str(self.ports[0]), "--customer-port",
                 str(self.ports[1]), "--admin-port", str(self.ports[2])],
                cwd=self.directory, env=dict(os.environ, PYTHONPATH=str(ROOT)), text=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.addCleanup(self.end, demo)
        return demo

    def end(self, demo: subprocess.Popen[str]) -> None:
        """End it, whatever it does."""
        if demo.poll() is None:
            demo.kill()
        demo.wait()

    def said(self) -> str:
        """Give what it has printed."""
        return self.output.read_text()

    def ready(self) -> float:
        """Start and wait until it says what to try; give the seconds."""
        self.demo = self.start()
        return wait_until(lambda: "Ctrl-C stops." in self.said() or self.demo.poll() is not None, "the welcome")

    def commands(self) -> list[str]:
        """Give the commands that it prints, verbatim."""
        return re.findall(r"^    (\S.*)$", self.said(), re.MULTILINE)

    def run_command(self, start: str) -> str:
        """Run the first of its commands that begins so, from where the demo was started; give what it says."""
        command = next(one for one in self.commands() if start in one)
        done = subprocess.run(
            command, shell=True, cwd=self.directory, capture_output=True, text=True, timeout=30, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout

    def arrived(self) -> int:
        """Count what the customer's server has stored."""
        return len(list(self.directory.glob("var/demo/customer/*.eml")))

    def interrupt(self) -> None:
        """Press Ctrl-C, and see that it ends well and soon."""
        began = time.monotonic()
        self.demo.send_signal(signal.SIGINT)
        self.assertEqual(self.demo.wait(STOP_SECONDS), 0, self.said())
        self.assertLess(time.monotonic() - began, STOP_SECONDS)
        self.assertTrue(self.said().endswith("stopped\n"), self.said()[-200:])
        self.assertNotIn("Traceback", self.said())

    def test_everything_it_says_works(self) -> None:
        """It is ready soon, and its commands work as printed: mail arrives, or waits while the server is down."""
        self.assertLess(self.ready(), READY_SECONDS)
        self.assertEqual(self.run_command("alice@example.test"), "{}\n")
        wait_until(lambda: self.arrived() == 1, "the first message")
        self.assertIn(b"Hello!", next(self.directory.glob("var/demo/customer/*.eml")).read_bytes())
        self.assertIn("(550, b'5.1.1", self.run_command("nobody@example.test"))
        self.run_command("touch ")
        wait_until(lambda: "is DOWN" in self.said(), "the customer's server to go down")
        for _ in range(2):
            self.run_command("alice@example.test")
        self.assertIn("example.test", self.run_command(" status"))
        self.assertEqual(self.run_command(" queue").count("sender.test"), 2)
        self.run_command("rm ")
        wait_until(lambda: self.arrived() == 3, "the spool to drain", 10)
        wait_until(lambda: "alice@example.test" in self.run_command(" trace "), "the index", 20)
        self.interrupt()
        self.assertEqual(list(self.directory.glob("var/demo/control.sock")), [])

    def test_its_dashboard_opens_to_the_password_it_prints(self) -> None:
        """A browser gets the page at the address that it prints, and is let in with that start's password alone."""
        self.ready()
        place = re.findall(r"http://\S+/", self.said())[0]
        (password,) = re.findall(r"password of this start: (\S+)", self.said())
        with urllib.request.urlopen(place, timeout=10) as page:
            self.assertIn(b"<html", page.read())
        self.assertEqual([self.log_in(place, word) for word in (password, password[::-1])], [200, 401])
        self.interrupt()

    def log_in(self, place: str, password: str) -> int:
        """Give the status of a log-in."""
        words = json.dumps({"user": "demo", "password": password}).encode("ascii")
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{place}api/v1/session", words, headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code

    def test_a_second_run(self) -> None:
        """What the first run left is no hindrance, and mail that it held is delivered."""
        self.ready()
        self.run_command("touch ")
        wait_until(lambda: "is DOWN" in self.said(), "the customer's server to go down")
        self.run_command("alice@example.test")
        self.interrupt()
        self.ready()
        wait_until(lambda: self.arrived() == 1, "the message of the first run", 15)
        self.interrupt()

    def test_a_port_in_use(self) -> None:
        """Any port that somebody else has is a clear line and status 1, and nothing runs on."""
        for index in range(3):
            with socket.socket() as other:
                other.bind(("127.0.0.1", self.ports[index]))
                other.listen(1)
                demo = self.start()
                self.assertEqual(demo.wait(20), 1, self.said())
            (line,) = self.said().splitlines()
            self.assertTrue(line.startswith("the demo cannot start: "), line)
            self.assertIn(str(self.ports[index]), line)

    def test_two_at_once(self) -> None:
        """A second demo in the same directory is refused by the spool, in one line, and the first goes on."""
        self.ready()
        self.ports = (free_port(), free_port(), free_port())
        second = self.start()
        self.assertEqual(second.wait(20), 1)
        (line,) = self.said().splitlines()
        self.assertIn("in use", line)
        self.assertIsNone(self.demo.poll())
