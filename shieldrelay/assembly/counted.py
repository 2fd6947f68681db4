"""`Counted`: what was accepted and refused in the last hour, in steps of ten seconds, for who opens a chart now.

Looks at the journal's counts and at nothing else: some 20 us every ten seconds. Kept in memory, by each process; steps
end at the same moments everywhere, so that those of several processes can be added up.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IDelayedCall

from shieldrelay.admin.picture import CountsPicture
from shieldrelay.admin.picture_defences import StepPicture
from shieldrelay.assembly import pictures_counts
from shieldrelay.journal import Journal
from shieldrelay.ports import Clock, WallClock

STEP_SECONDS = 10
STEPS_MOST = 360


class Counted:
    """Keeps the steps.

    :param wall: seconds since the epoch.
    """

    def __init__(self, journal: Journal, clock: Clock, wall: WallClock) -> None:
        self._journal = journal
        self._clock = clock
        self._wall = wall
        self._before = CountsPicture()
        self._steps: deque[StepPicture] = deque(maxlen=STEPS_MOST)
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Look at the end of each step."""
        self._before = pictures_counts.counts(self._journal)
        self._look_later()

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def steps(self) -> tuple[StepPicture, ...]:
        """Give them, the oldest first."""
        return tuple(self._steps)

    def _look_later(self) -> None:
        left = STEP_SECONDS - self._wall() % STEP_SECONDS
        self._next = self._clock.callLater(left, self._look)

    def _look(self) -> None:
        now, before = pictures_counts.counts(self._journal), self._before
        self._before = now
        grown = {name: count - before.refused.get(name, 0) for name, count in now.refused.items()}
        at = round(self._wall() / STEP_SECONDS) * STEP_SECONDS
        if not self._steps or self._steps[-1].at < at:
            self._steps.append(
                StepPicture(
                    at,
                    STEP_SECONDS,
                    now.accepted - before.accepted,
                    now.turned_down - before.turned_down,
                    now.delivered - before.delivered,
                    now.deferred - before.deferred,
                    {name: count for name, count in grown.items() if count},
                )
            )
        self._look_later()
