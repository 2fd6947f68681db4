"""In which order a domain's next hops are tried.

``[[a, b], c]``: a and b share the mail, c gets it when neither answers. A host that faulted sits out for a minute;
then one attempt tests it while the others still pass it by, so a dead host costs one message a minute its connect
timeout. Positions only: knows no address, no connection. Time is an argument, monotonic. One per domain, owned by
``delivery.lane``. Cannot fail: there is always a candidate, because whether to try at all is the breaker's question.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from shieldrelay.mail.outcome import ServerHealth

SIT_OUT_SECONDS = 60.0
"""How long a host that faulted is tried last."""

_WELL = float("-inf")


class Route:
    """The next hops of one domain.

    :param group_sizes: how many hosts share each group, groups in order of preference; ``[[a, b], c]`` is ``(2, 1)``.
        Hosts are numbered from 0 in the order of the configuration.
    :param sit_out: seconds, above 0.
    """

    __slots__ = ("_faulted", "_groups", "_only", "_ready_at", "_sit_out", "_turn")

    def __init__(self, group_sizes: Sequence[int], sit_out: float = SIT_OUT_SECONDS) -> None:
        if not group_sizes or min(group_sizes) < 1:
            raise ValueError("a route needs at least one next hop in each group")
        bounds = [sum(group_sizes[:end]) for end in range(len(group_sizes) + 1)]
        self._groups = tuple(tuple(range(first, last)) for first, last in pairwise(bounds))
        self._only = (0,) if bounds[-1] == 1 else None
        self._ready_at = [_WELL] * bounds[-1]
        self._faulted = 0
        self._sit_out = sit_out
        self._turn = 0

    def candidates(self, now: float) -> tuple[int, ...]:
        """Give all hosts in the order in which this attempt tries them.

        Groups in order, each beginning with another of its hosts than last time; those that sit out come last, the
        one first whose minute is over soonest. Asking for an order whose host comes back from sitting out makes
        this attempt the test of it.
        """
        if self._only is not None:
            return self._only
        turn = self._turn
        self._turn = turn + 1
        ordered: list[int] = []
        for group in self._groups:
            start = turn % len(group)
            ordered += group[start:]
            ordered += group[:start]
        return tuple(ordered) if not self._faulted else self._faulted_last(ordered, now)

    def _faulted_last(self, ordered: Sequence[int], now: float) -> tuple[int, ...]:
        """Move those that sit out to the end, and let at most the first of the others be a test."""
        ready = [index for index in ordered if self._ready_at[index] <= now]
        resting = sorted((index for index in ordered if self._ready_at[index] > now), key=self._ready_at.__getitem__)
        if ready and self._ready_at[ready[0]] != _WELL:
            self._ready_at[ready[0]] = now + self._sit_out
        return (*ready, *resting)

    def report(self, index: int, health: ServerHealth, now: float) -> None:
        """Tell what an attempt said about a host; STALE and UNTRIED say nothing."""
        if health is ServerHealth.ANSWERED:
            if self._faulted and self._ready_at[index] != _WELL:
                self._ready_at[index] = _WELL
                self._faulted -= 1
        elif health.is_fault:
            if self._ready_at[index] == _WELL:
                self._faulted += 1
            self._ready_at[index] = now + self._sit_out

    def sitting_out(self) -> tuple[int, ...]:
        """Give the hosts that faulted and have not answered since, for the status."""
        return tuple(index for index, ready_at in enumerate(self._ready_at) if ready_at != _WELL)
