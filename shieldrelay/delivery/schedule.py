"""When a message that could not be delivered is tried again.

Arithmetic on wall-clock seconds, because the next attempt is written down (a spool file's mtime) and must survive a
restart (D11). Knows no message, no spool and no clock; randomness is an argument. Called by ``delivery.queue`` and
``delivery.notices``. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

RETRY_SECONDS = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)
"""The default waits after the first, second, ... attempt."""

Randomness = Callable[[], float]
"""Gives numbers evenly spread over [0, 1): ``random.random`` in the product."""


@frozen
class Schedule:
    """The waits between attempts (RFC 5321 §4.5.4.1).

    :ivar delays: seconds after the first, second, ... attempt, each above 0; the last one again and again.
    :ivar jitter: the share by which a wait is varied both ways, 0 to below 1, so that what failed together does not
        return together.
    """

    delays: tuple[float, ...] = field(default=RETRY_SECONDS)
    jitter: float = field(default=0.2)

    @delays.validator
    def _some_delay(self, _attribute: object, delays: tuple[float, ...]) -> None:
        if not delays or min(delays) <= 0:
            raise ValueError("a schedule needs at least one delay, and each above 0")

    @jitter.validator
    def _proper_share(self, _attribute: object, jitter: float) -> None:
        if not 0 <= jitter < 1:
            raise ValueError("jitter is a share from 0 to below 1")

    @property
    def cap(self) -> float:
        """The longest wait that `next_due` can give, in seconds."""
        return max(self.delays) * (1 + self.jitter)

    def next_due(self, attempts: int, now_wall: float, rnd: Randomness) -> float:
        """Give the wall-clock time of the next attempt.

        :param attempts: how many were made; with none the message is due at once.
        :param now_wall: when the last one ended.
        """
        if attempts <= 0:
            return now_wall
        delay = self.delays[min(attempts, len(self.delays)) - 1]
        return now_wall + delay * (1 + self.jitter * (2 * rnd() - 1))

    def is_due(self, due_wall: float, now_wall: float) -> bool:
        """Whether a message is to be tried now.

        A time further ahead than any wait can be was not written by this schedule, or the wall clock was set back
        since: it means due (R12), so that no clock step puts mail to sleep.
        """
        return due_wall <= now_wall or due_wall > now_wall + self.cap
