"""Holding an answer back: for some seconds, because its client is suspect, or until the next exchange (R21).

A tarpit costs us slots too, so only so many may sleep at once; whoever comes beyond is answered at once, like the
recipient exists or not (D8). What is held back for some seconds is held a little longer, by chance: else the
microseconds that one judgement takes more than another would show who exists. Called by
`delivery.intake`; a Deferred that is cancelled sleeps no more. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from shieldrelay.delivery.schedule import Randomness
from shieldrelay.ports import Clock

BLUR_SECONDS = 0.02
"""How much longer at most, by the sum of two chances: neither edge is sharp, so that to see 3 µs through it takes some
ten million asks, each from another network."""

Next = Callable[[], Deferred[None] | None]
"""Gives what fires after the next exchange with the hub; ``None`` when there is nothing to wait for."""


class Pauses:
    """The answers that one node holds back.

    :param next_exchange: see `Next`.
    :param most: gives how many may sleep at once now.
    :param rnd: gives numbers from 0 up to 1 that nobody can foretell.
    :ivar sleeping: how many do.
    """

    def __init__(self, clock: Clock, next_exchange: Next, most: Callable[[], int], rnd: Randomness) -> None:
        self._clock = clock
        self._rnd = rnd
        self._next_exchange = next_exchange
        self._most = most
        self.sleeping = 0

    def exchange(self) -> Deferred[None] | None:
        """Fire after the next exchange; ``None``: there is nothing to wait for."""
        return self._next_exchange()

    def rest(self, seconds: float) -> Deferred[None] | None:
        """Fire after some seconds, and a little by chance; ``None``: too many sleep already, and nobody has to wait."""
        if seconds <= 0.0 or self.sleeping >= self._most():
            return None
        self.sleeping += 1
        blur = BLUR_SECONDS * (self._rnd() + self._rnd()) / 2
        slept: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(seconds + blur, slept.callback, None)
        return slept.addBoth(self._woken)

    def _woken(self, result: Any) -> Any:
        self.sleeping -= 1
        return result
