"""The cluster demo as somebody meets it who types ``make cluster-demo``: a process, and what it prints."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.demo.cluster_nodes import ADDRESSES
from tests.capabilities import possible
from tests.integration.node import free_port, wait_until

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 20.0
STOP_SECONDS = 15.0
_LINE = re.compile(r"^  mx[123]  hub shared  members 3 .* attacker ([^,]*), score ([0-9.]+)  list (\S+)", re.MULTILINE)


def free_smtp_port() -> int:
    """Give a port that is free on all addresses of the nodes."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    for address in ADDRESSES:
        with socket.socket() as one:
            one.bind((address, port))
    return port


@possible("redis-server", "loopback addresses")
class ClusterDemoTests(SynchronousTestCase):
    """One demo a test, in a directory of its own."""

    def setUp(self) -> None:
        turn = open("/tmp/shieldrelay-cluster-demo.lock", "a")  # noqa: PTH123, SIM115 - held until the test ends
        self.addCleanup(turn.close)
        fcntl.flock(turn, fcntl.LOCK_EX)  # the ports of peers and dashboards are the demo's own: one at a time
        self.directory = Path(f"/tmp/shieldrelay-cluster-demo-{os.getpid()}-{id(self):x}")
        self.directory.mkdir()
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.directory)], check=True)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it; it is ended with the test."""
        self.output = self.directory / "output"
        ports = ("--relay-port", free_smtp_port(), "--customer-port", free_port(), "--names-port", 0)
        with self.output.open("w") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "shieldrelay.demo.cluster", *map(str, ports), *words],
                cwd=self.directory, env=dict(os.environ, PYTHONPATH=str(ROOT)), text=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.addCleanup(self.end, demo)
        return demo

    def end(self, demo: subprocess.Popen[str]) -> None:
        """End it in order, for it has children."""
        if demo.poll() is None:
            demo.terminate()
        demo.wait(STOP_SECONDS)

    def said(self) -> str:
        """Give what it has printed."""
        return self.output.read_text()

    def test_three_nodes_see_one_attacker(self) -> None:
        """Ready in time; every node shows the same score, list and sentence; mail arrives; Ctrl-C ends it well."""
        demo = self.start()
        took = wait_until(lambda: "Ctrl-C stops." in self.said() or demo.poll() is not None, "the welcome", 60)
        self.assertLess(took, READY_SECONDS)
        wait_until(lambda: self._agreed() or demo.poll() is not None, "the sentence on all nodes", 60)
        last = self._last()
        self.assertEqual([fate.startswith("answered alike for") for fate, _score, _list in last], [True] * 3, last)
        self.assertEqual(len({(score, version) for _fate, score, version in last}), 1, last)
        customer = self.directory / "var/cluster-demo/customer"
        wait_until(lambda: len(list(customer.glob("*.eml"))) >= 3, "mail at the customer")
        traces = b"".join(file.read_bytes() for file in customer.glob("*.eml"))
        self.assertEqual(set(re.findall(rb"by (mx\d)\.example\.test", traces)), {b"mx1", b"mx2", b"mx3"})
        (place,) = re.findall(r"http://\S+/", self.said())
        with urllib.request.urlopen(place, timeout=10) as page:
            self.assertIn(b"<html", page.read())
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(STOP_SECONDS), 0, self.said())
        self.assertTrue(self.said().endswith("stopped\n"), self.said()[-300:])
        self.assertNotIn("Traceback", self.said())

    def test_it_ends_by_itself_when_asked_to(self) -> None:
        """``--seconds`` ends it in order, leaving no process: a second run in the same place begins as the first."""
        for _ in range(2):
            self.assertEqual(self.start("--seconds", "2").wait(READY_SECONDS + STOP_SECONDS), 0, self.said())
            self.assertRegex(self.said(), _LINE)

    def _last(self) -> list[tuple[str, str, str]]:
        """Give what the nodes showed last, of each the attacker's fate and score, and the list."""
        return _LINE.findall(self.said())[-3:]

    def _agreed(self) -> bool:
        last = self._last()
        return len(last) == 3 and all("alike" in fate for fate, _score, _list in last) and "none" not in str(last)
