"""`Threads`: blocking work, above all fsync, in threads of our own (``ports.ThreadRunner``).

Twisted's pool wakes the reactor for every result. Here results gather in a queue and one wake-up hands over all that
are there, which matters when sixteen fsyncs end together. Used by the spool and by whoever reads files; knows none of
them. What a call raises fails its Deferred; nothing else can go wrong. The number of calls that wait is bounded by
those who call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure


class Waker(Protocol):
    """The part of the reactor that threads may call."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Call in the reactor's thread, soon."""


_Call = tuple[Callable[..., Any], tuple[Any, ...], Deferred[Any]]


class ThreadsStopped(Exception):
    """Work was given to threads that have ended."""


class Threads:
    """A fixed number of threads.

    :param name: what the threads are called, for whoever looks at the process.
    :param size: how many; they start with the first call.
    """

    def __init__(self, reactor: Waker, name: str, size: int) -> None:
        self.size = size
        self._reactor = reactor
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._results: deque[tuple[Deferred[Any], Any]] = deque()
        self._woken = False
        self._threads: list[Thread] = []
        self._running = 0
        self._stopped: Deferred[None] | None = None

    @property
    def waiting(self) -> int:
        """How many calls no thread has begun, about."""
        return self._calls.qsize()

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run ``call(*args)`` in a thread; fires with what it returns or raises, in the reactor's thread.

        Cancelling the Deferred only drops the result: a call that began cannot be taken back.
        """
        if self._stopped is not None:
            return fail(ThreadsStopped(self._name))
        if not self._threads:
            self._start()
        result: Deferred[Any] = Deferred()
        self._calls.put((call, args, result))
        return result

    def stop(self) -> Deferred[None]:
        """Take no more calls; fires when those that were given are done and the threads have ended."""
        if self._stopped is None:
            self._stopped = Deferred()
            for _ in self._threads:
                self._calls.put(None)
            self._tell_the_end()
        return self._stopped

    def _start(self) -> None:
        self._running = self.size
        self._threads = [
            Thread(target=self._work, name=f"{self._name}-{number}", daemon=True) for number in range(self.size)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        """Be one thread."""
        while (item := self._calls.get()) is not None:
            call, args, result = item
            try:
                outcome = call(*args)
            except BaseException:  # noqa: BLE001 whatever it is belongs to the caller
                outcome = Failure()
            self._hand_over((result, outcome))
        self._reactor.callFromThread(self._ended)

    def _hand_over(self, result: tuple[Deferred[Any], Any]) -> None:
        """Put a result down, and wake the reactor unless it is already on its way to fetch."""
        self._results.append(result)
        if not self._woken:
            self._woken = True
            self._reactor.callFromThread(self._fetch)

    def _fetch(self) -> None:
        """Fire what is there; the mark is taken down first, so that a result put down meanwhile wakes us again."""
        self._woken = False
        results = self._results
        for _ in range(len(results)):
            result, outcome = results.popleft()
            result.callback(outcome)

    def _ended(self) -> None:
        self._running -= 1
        self._tell_the_end()

    def _tell_the_end(self) -> None:
        if self._running == 0 and self._stopped is not None and not self._stopped.called:
            for thread in self._threads:
                thread.join()
            self._threads = []
            self._stopped.callback(None)
