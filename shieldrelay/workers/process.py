"""`WorkerProcess`: one life of one worker, as its parent sees it. Made by `workers.crew`, started by a `Spawn`."""
# ruff: noqa: N803 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure

import shieldrelay
from shieldrelay.workers.link import DESCRIPTOR_UP, FIRST_SOCKET, Lines, encode

MODULE = "shieldrelay.tap.worker"
"""What a worker runs."""


class Spawn(Protocol):
    """Starts a process for a worker of this number."""

    def __call__(self, process: WorkerProcess, number: int) -> IProcessTransport:
        """Start it. :raises OSError: it cannot be."""


class WorkerProcess(ProcessProtocol):
    """One life.

    :ivar pid: its process id; 0 before it is started.
    :ivar status: its exit status, once it has one.
    :param up: called when it listens.
    :param heard: called whenever it says something.
    :param ended: called with this and why, once, when the process is gone.
    """

    transport: IProcessTransport

    def __init__(
        self,
        up: Callable[[WorkerProcess], object],
        heard: Callable[[], object],
        ended: Callable[[WorkerProcess, str], object],
    ) -> None:
        self._up = up
        self._heard = heard
        self._ended = ended
        self._lines = Lines()
        self.pid = 0
        self.status: int | None = None

    def begin(self, spawn: Spawn, number: int) -> None:
        """Start it.

        :raises OSError: it cannot be.
        """
        self.transport = spawn(self, number)
        self.pid = int(self.transport.pid)

    def tell(self, words: Mapping[str, object]) -> None:
        """Say something to it; one that is ending does not hear it."""
        self.transport.writeToChild(0, encode(words))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; one that is gone already gets none."""
        try:
            self.transport.signalProcess(number.name.removeprefix("SIG"))
        except ProcessExitedAlready:
            return

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Hear what it says."""
        self._heard()
        for words in self._lines.feed(data):
            if words.get("up"):
                self._up(self)

    def processExited(self, reason: Failure = connectionDone) -> None:
        """Note that it is gone; what it had started may still hold its pipes."""
        value: Any = reason.value
        self.status = value.exitCode
        named = f"signal {value.signal}" if getattr(value, "signal", None) else f"status {value.exitCode}"
        self._ended(self, named)


def spawner(reactor: Any, file: str, workers: int, sockets: Callable[[], Sequence[int]]) -> Spawn:
    """Give what starts workers: the same interpreter, with the listening sockets as inherited descriptors.

    :param file: the configuration's, absolute.
    :param sockets: descriptors of the listening sockets.
    """

    def spawn(process: WorkerProcess, number: int) -> IProcessTransport:
        listening = dict(enumerate(sockets(), FIRST_SOCKET))
        arguments = [
            sys.executable, "-P", "-m", MODULE, "--config", file, "--worker", str(number), "--of", str(workers),
            "--sockets", str(len(listening)),
        ]  # fmt: skip
        root = str(Path(shieldrelay.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        descriptors = {0: "w", 1: 1, 2: 2, DESCRIPTOR_UP: "r", **listening}
        started: IProcessTransport = reactor.spawnProcess(
            process, sys.executable, arguments, env=environment, childFDs=descriptors
        )
        return started

    return spawn
