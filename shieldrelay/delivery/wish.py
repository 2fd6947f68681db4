"""How much of what all members share a member had best ask for: its need of late, and a little beyond (R4).

A wish grows at once and shrinks after some seconds, so that the next message finds what the last one had; and for some
minutes after the last message a little stays wished for, so that the first message of a quiet domain waits for no
exchange. Where there are more members than units nobody wishes beyond its need, and who has had its turn for a while
gives way once. Pure; time is an argument, monotonic. Owned by `delivery.allotment`. Cannot fail.
"""

from __future__ import annotations

STANDING_SECONDS = 300.0
"""How long after the last need something stays wished for."""
PEAK_SECONDS = 10.0
"""How long a need is remembered."""
TURN_SECONDS = 5.0
"""How long a member keeps units that others lack."""


class Wish:
    """The wish of one member.

    :param standing: units that stay wished for.
    :param beyond: units wished for beyond the need.
    """

    __slots__ = ("_beyond", "_busy_until", "_had_since", "_peak", "_peak_until", "_standing")

    def __init__(self, standing: int, beyond: int) -> None:
        self._standing = standing
        self._beyond = beyond
        self._peak = 0
        self._peak_until = self._busy_until = float("-inf")
        self._had_since: float | None = None

    def need(self, units: int, now: float) -> None:
        """Note a need."""
        if units <= 0:
            return
        self._busy_until = now + STANDING_SECONDS
        if units >= self._peak or now >= self._peak_until:
            self._peak = units
            self._peak_until = now + PEAK_SECONDS

    def units(self, most: int, claimants: int, now: float) -> int:
        """Give what to ask for.

        :param most: what all may hold together.
        :param claimants: how many members want some.
        """
        peak = self._peak if now < self._peak_until else 0
        if claimants > most:
            return min(most, peak)
        if now >= self._busy_until:
            return 0
        return min(most, max(self._standing, peak + self._beyond if peak else 0))

    def gives_way(self, granted: int, most: int, claimants: int, now: float) -> bool:
        """Whether to let go of everything once, for the sake of those who have nothing.

        :param granted: what we were granted.
        """
        if claimants <= most or not granted:
            self._had_since = None
            return False
        if self._had_since is None:
            self._had_since = now
        if now - self._had_since < TURN_SECONDS:
            return False
        self._had_since = None
        return True
