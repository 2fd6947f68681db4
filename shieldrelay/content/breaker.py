"""When a check that keeps failing is left alone: each message is not to cost its whole time again.

Arithmetic; the time is an argument. `content.asking` owns one for each check. Three failures in a row open it: for a
while the check counts as failed without being asked. Then one message tries it; an answer closes it, whatever it says.
"""

from __future__ import annotations

FAILURES_IN_A_ROW = 3
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 120.0


class Breaker:
    """Counts failures in a row.

    :ivar failures: in a row.
    :ivar since: when it opened, ``None`` while it is closed; seconds of the caller's clock.
    """

    __slots__ = ("_pause", "_trying", "_until", "failures", "since")

    def __init__(self) -> None:
        self.failures = 0
        self.since: float | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._until = 0.0
        self._trying = False

    def lets(self, now: float) -> bool:
        """Whether the check may be asked now; when the pause is over, by one message at a time."""
        if self.since is None:
            return True
        if now < self._until or self._trying:
            return False
        self._trying = True
        return True

    def left(self, now: float) -> float:
        """Seconds until it is tried again."""
        return max(self._until - now, 0.0)

    def undecided(self) -> None:
        """Note that a message was given up before the check had answered."""
        self._trying = False

    def failed(self, now: float) -> bool:
        """Note a failure; whether it opened the breaker, which was closed."""
        self.failures += 1
        self._trying = False
        if self.since is not None:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        elif self.failures >= FAILURES_IN_A_ROW:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            return False
        opened = self.since is None
        self.since = now if opened else self.since
        self._until = now + self._pause
        return opened

    def answered(self, now: float) -> float | None:
        """Note an answer; for how many seconds it was open, if this closed it."""
        since, self.since = self.since, None
        self.failures = 0
        self._trying = False
        return None if since is None else now - since
