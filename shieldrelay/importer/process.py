"""`ChildProcess`: one child from the parent's side: its answers read within bounds, its time limited.

Called by `importer`. Whatever the child does, there is exactly one result.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure

import shieldrelay
from shieldrelay.importer import answer, request
from shieldrelay.importer.answer import LINE_OCTETS, Failed, ImportResult, Progress, Stage
from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.request import ImportRequest

OUTPUT_OCTETS = 1 << 20
"""All that a child may say."""
GRACE_SECONDS = 10.0
"""Between the child's own time limit and its end by force."""

_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_ERROR_OCTETS = 2000


class ChildProcess(ProcessProtocol):
    """One import in a process of its own.

    :param path: where the child writes its entries.
    :ivar progress: what it said last.
    :ivar over: fires with the result once the process is gone; never fails.
    """

    def __init__(self, reactor: Any, asked: ImportRequest, path: Path) -> None:
        self.progress = Progress(Stage.FETCHING)
        self.over: Deferred[ImportResult] = Deferred()
        self._reactor = reactor
        self._request = asked
        self._path = path
        self._line = bytearray()
        self._said = 0
        self._errors = bytearray()
        self._result: ImportResult | None = None
        self._limit: IDelayedCall | None = None
        self._began = 0.0

    def spawn(self, executable: str) -> None:
        """Start the process.

        :raises OSError: it cannot be.
        """
        self._began = self._reactor.seconds()
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(shieldrelay.__file__).parents[1]), "LC_ALL": "C.UTF-8"}
        arguments = (executable, "-P", "-m", "shieldrelay.importer")
        self._reactor.spawnProcess(self, executable, arguments, env=environment, path="/")
        seconds = self._request.source.limits.total_seconds
        self._limit = self._reactor.callLater(seconds + GRACE_SECONDS, self._late, seconds)

    def stop(self) -> None:
        """End it now; the result is that it was stopped."""
        self._kill(Failed(kind=FaultKind.STOPPED, words="the import was stopped"))

    def connectionMade(self) -> None:
        """Ask. The pipe stays open: its end tells the child that we are gone, also when nobody could say so."""
        assert self.transport is not None
        self.transport.write(request.encode(self._request, str(self._path)))

    def outReceived(self, data: bytes) -> None:
        """Read answers."""
        self._said += len(data)
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = rest
        if self._said > OUTPUT_OCTETS or len(rest) > LINE_OCTETS:
            self._kill(Failed(kind=FaultKind.BUG, words="the import said too much"))
            return
        for line in lines:
            self._take(bytes(line))

    def errReceived(self, data: bytes) -> None:
        """Keep the last words of a traceback."""
        self._errors = (self._errors + data)[-_ERROR_OCTETS:]

    def processEnded(self, reason: Failure = connectionDone) -> None:
        """Say how it ended."""
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        result = self._result
        if result is None or (isinstance(result, answer.Fetched) and not reason.check(ProcessDone)):
            result = Failed(kind=FaultKind.BUG, words=self._last_words(reason))
        if isinstance(result, Failed):
            self._path.unlink(missing_ok=True)
            result = Failed(kind=result.kind, words=result.words, seconds=self._reactor.seconds() - self._began)
        self.over.callback(result)

    def _take(self, line: bytes) -> None:
        """Take one line; after a result nothing counts."""
        if self._result is not None:
            return
        try:
            told = answer.decode(line)
        except ImportFault as fault:
            self._kill(Failed(kind=fault.kind, words=fault.words))
            return
        if isinstance(told, Progress):
            self.progress = told
        else:
            self._result = told

    def _late(self, seconds: float) -> None:
        self._kill(Failed(kind=FaultKind.TOO_SLOW, words=f"it was not done within {seconds:g} s, and was killed"))

    def _kill(self, result: Failed) -> None:
        self._result = result
        try:
            assert self.transport is not None
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def _last_words(self, reason: Failure) -> str:
        errors = bytes(self._errors).strip().splitlines()
        ended = str(reason.value).rstrip(".")
        return f"the import ended without an answer: {shown(errors[-1], 200) if errors else ended}"
