"""One delayed call that can be wanted earlier and earlier, and costs little when it is asked for often.

Whoever owns it says after each change how long it may sleep at most. A call that is due earlier than that is left as it
is: waking too early is harmless, waking too late is not, and moving a delayed call for each message costs. Owned by
`delivery.queue` and `delivery.old_age`. Knows nothing but the clock; cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Clock


class Alarm:
    """Wakes somebody.

    :param wake: called when the time has come; the alarm is then off.
    """

    __slots__ = ("_at", "_call", "_clock", "_wake")

    def __init__(self, clock: Clock, wake: Callable[[], object]) -> None:
        self._clock = clock
        self._wake = wake
        self._call: IDelayedCall | None = None
        self._at = 0.0

    def within(self, seconds: float) -> None:
        """Wake in so many seconds, or earlier when that was wanted before."""
        at = self._clock.seconds() + seconds
        if self._call is not None:
            if self._at <= at:
                return
            self._call.cancel()
        self._at = at
        self._call = self._clock.callLater(seconds, self._ring)

    def cancel(self) -> None:
        """Wake nobody."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _ring(self) -> None:
        self._call = None
        self._wake()
