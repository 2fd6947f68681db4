"""Group commit of a directory: one fsync makes the names of many files durable (R13).

A directory fsync covers only what was finished before it *started*. So whoever comes while one is under way waits for
the next. A pure machine but for the Deferreds it fires; it lives in the reactor's thread, one for each directory,
and is called by `shieldrelay.spool.part`. When a round fails, all its waiters fail with the same reason.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


class CommitRounds:
    """The rounds of one directory.

    :param sync: begins one fsync of the directory; fires when it is done.
    :ivar count: how many rounds there were.
    """

    __slots__ = ("_next", "_running", "_sync", "count")

    def __init__(self, sync: Callable[[], Deferred[None]]) -> None:
        self._sync = sync
        self._running = False
        self._next: list[Deferred[None]] = []
        self.count = 0

    def join(self) -> Deferred[None]:
        """Wait for a round that starts after this call; fails when that round does."""
        waiter: Deferred[None] = Deferred()
        self._next.append(waiter)
        if not self._running:
            self._start()
        return waiter

    def _start(self) -> None:
        self._running = True
        self.count += 1
        waiters, self._next = self._next, []
        self._sync().addBoth(self._finished, waiters)

    def _finished(self, result: Failure | None, waiters: list[Deferred[None]]) -> None:
        self._running = False
        if self._next:
            self._start()
        for waiter in waiters:
            if isinstance(result, Failure):
                waiter.errback(result)
            else:
                waiter.callback(None)
