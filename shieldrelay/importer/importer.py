"""`Importer`: runs imports, each in a child process, one for a domain and few at once; others wait.

Knows where sources are read, not what becomes of a list: `refresher` does. An import never fails, it has a result.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed

from shieldrelay.importer.answer import Failed, ImportResult, Progress, Stage, Unchanged
from shieldrelay.importer.fault import FaultKind, system_words
from shieldrelay.importer.process import ChildProcess
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.stamp import stamp, unseal

AT_ONCE = 2
"""Children at a time."""

_ASIDE = ".entries"


class _Import:
    """One import with those who wait for it."""

    def __init__(self, request: ImportRequest) -> None:
        self.request = request
        self.child: ChildProcess | None = None
        self.cancelled = False
        self.waiting: list[Deferred[ImportResult]] = []

    def wait(self) -> Deferred[ImportResult]:
        """Give a Deferred of the result; to cancel it says that one does not wait any more, nothing else."""
        deferred: Deferred[ImportResult] = Deferred(self._drop)
        self.waiting.append(deferred)
        return deferred

    def _drop(self, deferred: Deferred[ImportResult]) -> None:
        self.waiting = [each for each in self.waiting if each is not deferred]

    def end(self, result: ImportResult) -> None:
        """Tell all who wait."""
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            deferred.callback(result)


class Importer:
    """The imports of this process.

    :param executable: the Python to run, ``sys.executable``.
    :param directory: where entries are written aside; made when it is not there, emptied of what a crash left.
    :param at_once: children at a time.
    """

    def __init__(self, reactor: Any, executable: str, directory: Path, *, at_once: int = AT_ONCE) -> None:
        self._reactor = reactor
        self._executable = executable
        self._directory = directory
        self._at_once = at_once
        self._queued: deque[_Import] = deque()
        self._running: dict[str, _Import] = {}
        self._stopped = False

    def prepare(self) -> None:
        """Make the directory and remove leftovers. Blocking; before the first import.

        :raises OSError: it cannot be.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._directory.glob(f"*{_ASIDE}"):
            leftover.unlink()

    def start(self, request: ImportRequest) -> Deferred[ImportResult]:
        """Import a domain's list.

        Never fails. The same import that waits or runs already is joined, and its result is the answer; another one of
        the domain runs after it. A file of this machine whose stamp is known is `Unchanged` at once, without a child.
        """
        if self._stopped:
            return succeed(_STOPPED)
        for underway in (*self._running.values(), *self._queued):
            if underway.request == request and not underway.cancelled:
                return underway.wait()
        known = unseal(request.validator, request.marks())
        if known is not None and request.source.kind.is_local and known == stamp(request.source.location):
            return succeed(Unchanged(validator=request.validator))
        made = _Import(request)
        self._queued.append(made)
        result = made.wait()
        self._go_on()
        return result

    def progress(self, domain: str) -> Progress | None:
        """Tell how far a domain's import is; ``None`` when there is none."""
        running = self._running.get(domain)
        if running is not None and running.child is not None:
            return running.child.progress
        return Progress(Stage.QUEUED) if any(each.request.domain == domain for each in self._queued) else None

    def cancel(self, domain: str) -> None:
        """Stop a domain's imports, if there are any; their result is that they were stopped."""
        for queued in [each for each in self._queued if each.request.domain == domain]:
            self._queued.remove(queued)
            queued.end(_STOPPED)
        running = self._running.get(domain)
        if running is not None and running.child is not None:
            running.cancelled = True
            running.child.stop()

    def stop(self) -> Deferred[None]:
        """Stop all imports; fires when no child is left. None starts afterwards."""
        self._stopped = True
        ends = [each.wait() for each in self._running.values()]
        for domain in [*(each.request.domain for each in self._queued), *self._running]:
            self.cancel(domain)
        return DeferredList(ends).addCallback(lambda _: None)

    def _go_on(self) -> None:
        """Start what may be started: the first whose domain has no child."""
        while len(self._running) < self._at_once and not self._stopped:
            free = next((each for each in self._queued if each.request.domain not in self._running), None)
            if free is None:
                return
            self._queued.remove(free)
            self._run(free)

    def _run(self, begun: _Import) -> None:
        domain = begun.request.domain
        child = begun.child = ChildProcess(self._reactor, begun.request, self._directory / f"{domain}{_ASIDE}")
        self._running[domain] = begun
        child.over.addCallback(self._ended, begun)
        try:
            child.spawn(self._executable)
        except OSError as error:
            words = f"no process can be started: {system_words(error)}"
            child.over.callback(Failed(kind=FaultKind.BUG, words=words))

    def _ended(self, result: ImportResult, ended: _Import) -> None:
        del self._running[ended.request.domain]
        ended.end(result)
        self._go_on()


_STOPPED = Failed(kind=FaultKind.STOPPED, words="the import was stopped")
