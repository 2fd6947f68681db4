"""`Counting`: what all processes of a node have counted, so that a process that is started anew loses nothing.

Fed with each answer to ``/api/v1/status``; what a process counted after it was asked last, and then ended, is lost.
Used by `workers.router`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Counts = Mapping[str, Any]
"""Numbers by name, or by name and label."""


class Counting:
    """The counts of a node."""

    def __init__(self) -> None:
        self._ended: Counts = {}
        self._now: dict[int, tuple[int, Counts]] = {}

    def heard(self, worker: int, life: int, counts: Counts) -> None:
        """Take what a process says.

        :param life: which of its lives it is in.
        """
        before = self._now.get(worker)
        if before is not None and before[0] != life:
            self._ended = added(self._ended, before[1])
        self._now[worker] = life, counts

    def whole(self) -> Counts:
        """Give the sum of all, those that have ended among them."""
        total = self._ended
        for _, counts in self._now.values():
            total = added(total, counts)
        return total


def added(one: Counts, other: Counts) -> Counts:
    """Add numbers by name; what only one of them has is taken as it is."""
    total = dict(one)
    for name, value in other.items():
        known = total.get(name)
        if known is None:
            total[name] = value
        else:
            total[name] = added(known, value) if isinstance(value, Mapping) else known + value
    return total
