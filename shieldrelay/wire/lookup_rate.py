"""`Rate`: how many searches a second may begin, a second's worth at once. Arithmetic; the time is an argument."""

from __future__ import annotations


class Rate:
    """A bucket that fills steadily.

    :param per_second: what it fills by, and how much it holds.
    :ivar refused: how many were not let.
    """

    __slots__ = ("_at", "_held", "_per_second", "refused")

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._held = max(1.0, per_second)
        self._at = now
        self.refused = 0

    def take(self, now: float) -> bool:
        """Whether one more may begin."""
        self._held = min(max(1.0, self._per_second), self._held + (now - self._at) * self._per_second)
        self._at = now
        if self._held < 1.0:
            self.refused += 1
            return False
        self._held -= 1.0
        return True
