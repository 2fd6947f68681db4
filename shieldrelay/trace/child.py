"""`ChildProcess`: one process of the trace from the node's side: what it says, and its end. Made by `keeper`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure

import shieldrelay
from shieldrelay.trace.settings import TraceSettings, encode

LINE_OCTETS = 32 << 20
"""The longest answer of a search."""
ERROR_OCTETS = 2000
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")


class ChildProcess(ProcessProtocol):
    """One life.

    :param role: ``index`` or ``search``.
    :param heard: given each thing that it says.
    :param ended: called with why, once, when it is gone.
    """

    transport: IProcessTransport

    def __init__(
        self, role: str, heard: Callable[[Mapping[str, Any]], object], ended: Callable[[str], object]
    ) -> None:
        self.role = role
        self.pid = 0
        self._heard = heard
        self._ended = ended
        self._line = bytearray()
        self._errors = b""

    def spawn(self, reactor: Any, settings: TraceSettings) -> None:
        """Start it.

        :raises OSError: it cannot be.
        """
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(shieldrelay.__file__).parents[1]), "LC_ALL": "C.UTF-8"}
        arguments = (sys.executable, "-P", "-m", "shieldrelay.trace", self.role)
        started = reactor.spawnProcess(self, sys.executable, arguments, env=environment, path="/")
        self.pid = int(started.pid)
        started.write(encode(settings))

    def ask(self, words: Mapping[str, Any]) -> None:
        """Say something to it."""
        self.transport.write(json.dumps(words).encode("ascii") + b"\n")

    def stop(self) -> None:
        """Have it end in good order: the end of its input says so."""
        self.transport.closeStdin()

    def kill(self) -> None:
        """End it now."""
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def outReceived(self, data: bytes) -> None:
        """Hear what it says; who says too much at once is ended."""
        self._line += data
        if b"\n" not in data:
            if len(self._line) > LINE_OCTETS:
                self.kill()
            return
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            self._heard(json.loads(line))

    def errReceived(self, data: bytes) -> None:
        """Keep its last words."""
        self._errors = (self._errors + data)[-ERROR_OCTETS:]

    def processEnded(self, reason: Failure = connectionDone) -> None:
        """Say that it is gone, and why."""
        errors = self._errors.strip().splitlines()
        ended = str(reason.value).rstrip(".")
        self._ended(errors[-1].decode("utf-8", "replace")[:300] if errors else ended)
