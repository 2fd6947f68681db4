"""The world's time for what is shared and kept, without the leaps of the system's clock (D11).

Bans end and counts decay by times of the world, since other members and the next start must understand them. The
system's clock may leap; this one follows by at most a tenth of the time that passes, so that nothing expires or lives
for ever because somebody set a clock. Only a leap of more than a day is followed at once: the clock was never right.
A `ports.WallClock` for `register`, `exchange` and `snapshot`. Cannot fail.
"""

from __future__ import annotations

from shieldrelay.ports import Clock, WallClock

FOLLOWED = 0.1
"""Seconds followed in a second."""
NEVER_RIGHT_SECONDS = 86400.0


class Timepiece:
    """Seconds since the epoch, going steadily."""

    def __init__(self, clock: Clock, wall: WallClock) -> None:
        self._clock = clock
        self._wall = wall
        self._looked = clock.seconds()
        self._offset = wall() - self._looked

    def __call__(self) -> float:
        """Give the time."""
        now = self._clock.seconds()
        behind = self._wall() - now - self._offset
        if abs(behind) < NEVER_RIGHT_SECONDS:
            most = (now - self._looked) * FOLLOWED
            behind = max(-most, min(most, behind))
        self._offset += behind
        self._looked = now
        return now + self._offset
