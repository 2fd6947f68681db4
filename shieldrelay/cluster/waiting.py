"""Those who hold an answer back until the next exchange, or for a fixed time by the clock (R21).

Whoever waits is told when an exchange that began after it came has ended, well or not, and at the latest after its
time: a hub that hangs costs that and nothing else. One timer for all. Used by `cluster.exchange`; cannot fail.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Clock


class Waiting:
    """The waiting ones, in the order in which they came.

    :param seconds: how long one waits at most.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._queue: deque[tuple[float, Deferred[None]]] = deque()
        self._aboard = 0
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def join(self) -> Deferred[None]:
        """Wait from now on. May be cancelled."""
        waiter: Deferred[None] = Deferred()
        self._queue.append((self._clock.seconds() + self._seconds, waiter))
        self._set_timer()
        return waiter

    def board(self) -> None:
        """An exchange begins: it is the one that those who are here wait for."""
        self._aboard = len(self._queue)

    def arrive(self) -> None:
        """The exchange has ended."""
        self._let_go(self._aboard)

    def everyone(self) -> None:
        """Nothing is worth waiting for any more."""
        self._let_go(len(self._queue))

    def _let_go(self, count: int) -> None:
        """Fire so many; those who come while this happens wait."""
        for _ in range(min(count, len(self._queue))):
            self._fire()
        self._set_timer()

    def _fire(self) -> None:
        _, waiter = self._queue.popleft()
        self._aboard = max(0, self._aboard - 1)
        waiter.callback(None)

    def _set_timer(self) -> None:
        if not self._queue and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif self._queue and self._timer is None:
            delay = max(0.0, self._queue[0][0] - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        count = sum(1 for deadline, _ in self._queue if deadline <= now)
        self._let_go(count)
