"""Claims about what systemd hands over and hears."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.tap.systemd import Life, Notices, from_environment, handed_over, watchdog_seconds


class EnvironmentTests(SynchronousTestCase):
    """What stands in the environment."""

    def test_sockets_are_for_the_process_they_name(self) -> None:
        """Another process's, or garbage, are none; and nobody that we start sees the variables."""
        for count, whom, expected in (
            ("2", "7", [3, 4]), ("2", "8", []), ("", "", []), ("x", "7", []), ("-1", "7", []), ("²", "7", []),
        ):  # fmt: skip
            environment = {"LISTEN_FDS": count, "LISTEN_PID": whom, "LISTEN_FDNAMES": "smtp", "HOME": "/"}
            self.assertEqual(list(handed_over(environment, 7)), expected)
            self.assertEqual(environment, {"HOME": "/"})
        self.assertEqual(list(handed_over({}, 7)), [])

    def test_the_watchdog_is_for_the_process_it_names(self) -> None:
        """Without a process it is for whoever reads it."""
        for given, expected in (
            ({"WATCHDOG_USEC": "30000000"}, 30.0),
            ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "7"}, 1.5),
            ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "8"}, None),
            ({"WATCHDOG_USEC": "0"}, None),
            ({"WATCHDOG_USEC": "soon"}, None),
            ({}, None),
        ):
            self.assertEqual(watchdog_seconds(given, 7), expected)


class LifeTests(SynchronousTestCase):
    """What systemd hears."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ready: Deferred[None] = Deferred()
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(self.heard.close)

    def listen(self, address: str) -> str:
        """Listen as systemd does."""
        self.heard.bind("\0" + address[1:] if address.startswith("@") else address)
        return address

    def messages(self) -> list[str]:
        """Give what was heard since."""
        heard = []
        while True:
            try:
                heard.append(self.heard.recv(4096).decode())
            except BlockingIOError:
                return heard

    def test_ready_alive_and_stopping(self) -> None:
        """Readiness is told when the node accepts mail, life thrice a period, and until the very end."""
        life = Life(Notices(self.listen(f"@shieldrelay-test-{os.getpid()}")), self.ready, 30.0, self.clock)
        life.startService()
        self.assertEqual(self.messages(), ["WATCHDOG=1"])
        self.clock.pump([5.0] * 4)
        self.assertEqual(self.messages(), ["WATCHDOG=1"] * 2)
        self.ready.callback(None)
        self.assertEqual(self.messages(), ["READY=1\nSTATUS=accepting mail"])
        life.stopService()
        self.clock.advance(10.0)
        self.assertEqual(self.messages(), ["STOPPING=1\nSTATUS=finishing what is under way", "WATCHDOG=1"])

    def test_a_socket_with_a_path_without_a_watchdog(self) -> None:
        """The usual address; no sign of life where none is wanted."""
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            self.patch(os, "environ", {"NOTIFY_SOCKET": self.listen(str(Path(directory) / "notify"))})
            life = from_environment(self.ready, self.clock)
            assert life is not None
            self.assertEqual(os.environ, {})
            life.startService()
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.ready.callback(None)
            self.assertEqual(len(self.messages()), 1)

    def test_nobody_listens(self) -> None:
        """Nothing is made without an address, and nothing breaks when the one named is gone."""
        self.patch(os, "environ", {})
        self.assertIsNone(from_environment(self.ready, self.clock))
        Notices(f"@shieldrelay-nobody-{os.getpid()}").tell("READY=1")
        Notices("").tell("READY=1")
        self.assertEqual(self.messages(), [])

    def test_a_node_that_stops_before_it_is_ready_never_says_so(self) -> None:
        """Whoever ordered the start hears of the stop only."""
        life = Life(Notices(self.listen(f"@shieldrelay-stop-{os.getpid()}")), self.ready, None, self.clock)
        life.startService()
        life.stopService()
        self.ready.callback(None)
        self.assertEqual(len(self.messages()), 1)
