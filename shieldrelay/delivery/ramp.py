"""How many connections a next hop is given while it recovers, and whenever it complains.

1, 2, 5, 20 and at last the declared cap: one step for each round in which every slot brought one success, on
whichever member of the cluster; halved when the server says that it is too much (421, or 4yz to connection, greeting,
EHLO or MAIL). Counts only; knows no connection and no clock. One per domain, owned by ``delivery.lane``, which also
holds the slots. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Sequence

STEPS = (1, 2, 5, 20)
"""Connections in parallel, step by step; those above the cap are left out, the cap itself is the last."""

HALVING_SECONDS = 1.0
"""One complaint counts in this time: the attempts under way when it came all say the same thing."""


def shares(limit: int) -> tuple[int, int]:
    """Divide the slots of a ramp between new mail and the backlog (R6): ``(inline, backlog)``, ``limit`` in all.

    Half belongs to the backlog, the odd one too: what waited longest goes first, and an inline message that finds no
    slot is spooled and so becomes backlog itself.
    """
    inline = limit // 2
    return inline, limit - inline


class Ramp:
    """The number of parallel connections that one next-hop group is given now.

    :param cap: the declared number that it bears, at least 1.
    """

    __slots__ = ("_calm_at", "_others", "_steps", "_successes", "cap", "limit")

    def __init__(self, cap: int, steps: Sequence[int] = STEPS) -> None:
        if cap < 1:
            raise ValueError("a next hop must bear at least one connection")
        self.cap = cap
        self._steps = (*(step for step in sorted(steps) if step < cap), cap)
        self.limit = cap
        self._successes = 0
        self._others = 0
        self._calm_at = float("-inf")

    @property
    def complete(self) -> bool:
        """Whether the declared number is reached."""
        return self.limit == self.cap

    def restart(self) -> None:
        """Begin at the lowest step: the server came back."""
        self.limit = self._steps[0]
        self._successes = self._others = 0

    def success(self, count: int = 1) -> bool:
        """Count attempts that the server answered well; true when they completed the ramp."""
        if self.limit == self.cap:
            return False
        self._successes += count
        while self._successes >= self.limit:
            self._successes -= self.limit
            self.limit = next(step for step in self._steps if step > self.limit)
            if self.limit == self.cap:
                return True
        return False

    def others_had(self, successes: int) -> bool:
        """Hear how many attempts of other members the server answered well in this ramp, so far; true as above.

        All ramp together: a round is a round whoever's attempts made it. A number that went back says nothing.
        """
        news = successes - self._others
        if news <= 0:
            return False
        self._others = successes
        return self.success(news)

    def complained(self, now: float) -> bool:
        """Halve the number, at least one remains; false when this complaint belongs to one that was heard already.

        :param now: monotonic seconds.
        """
        if now < self._calm_at:
            return False
        self._calm_at = now + HALVING_SECONDS
        self.limit = max(1, self.limit // 2)
        self._successes = 0
        return True
