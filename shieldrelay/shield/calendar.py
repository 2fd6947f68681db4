"""What day it is: the defences count in the reactor's time, and the past in days of the world.

Written once a second by whoever has the clocks (`assembly`); read by `shield.gate`. Values only.
"""

from __future__ import annotations

from attrs import define

DAY_SECONDS = 86400.0


@define(eq=False)
class Calendar:
    """The reactor's time in the world.

    :ivar epoch: what to add to the reactor's time for seconds since the epoch; it moves when somebody sets the clock.
    """

    epoch: float = 0.0

    def wall(self, now: float) -> float:
        """Give seconds since the epoch."""
        return now + self.epoch

    def day(self, now: float) -> int:
        """Give the day, counted from the epoch."""
        return int((now + self.epoch) // DAY_SECONDS)
