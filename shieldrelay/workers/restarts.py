"""How long to wait before a worker that ended is started again: arithmetic, no clock. Asked by `workers.crew`."""

from __future__ import annotations

FIRST_SECONDS = 0.5
"""After the first end; doubled by each that follows soon."""
MOST_SECONDS = 60.0
SOUND_SECONDS = 60.0
"""A worker that ran for so long has not ended soon."""
LOOPING = 4
"""So many ends in a row that came soon are told as an alarm."""


class Restarts:
    """The ends of one worker.

    :ivar soon: how many of the last ones came soon.
    """

    def __init__(self) -> None:
        self.soon = 0

    @property
    def looping(self) -> bool:
        """Whether it ends again and again."""
        return self.soon >= LOOPING

    def ended(self, lived: float) -> float:
        """Note an end.

        :param lived: seconds.
        :return: seconds until it is to be started again.
        """
        self.soon = 1 if lived >= SOUND_SECONDS else self.soon + 1
        return min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.soon - 1, 10))

    def sound(self) -> None:
        """Note that it has run long enough."""
        self.soon = 0
