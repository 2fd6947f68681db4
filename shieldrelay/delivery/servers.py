"""One domain's next hops as one: a message is offered to the first that has something to say about it (R1).

In the order that `delivery.route` gives: whoever faults before it can have the message is passed by for the next one.
Knows no slot, no breaker and no other message. Owned by `delivery.lane`. A bug of a next hop comes out as a failed
Deferred.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from shieldrelay.delivery.line import untried
from shieldrelay.delivery.route import Route
from shieldrelay.mail.outcome import AttemptResult, ServerHealth
from shieldrelay.ports import Attempt, Clock, NextHop


class Servers:
    """The next hops.

    :param hops: in the order in which the route numbers them.
    """

    __slots__ = ("_clock", "_hops", "_route")

    def __init__(self, hops: Sequence[NextHop], route: Route, clock: Clock) -> None:
        self._hops = hops
        self._route = route
        self._clock = clock

    def attempt(self, attempt: Attempt, now: float) -> Deferred[AttemptResult]:
        """Offer a message to the only host, or to one after the other."""
        if len(self._hops) > 1:
            return Deferred.fromCoroutine(self._in_turn(attempt, now))
        try:
            self._route.candidates(now)
            return self._hops[0].attempt(attempt).addCallback(self._reported)
        except Exception:  # noqa: BLE001 - a bug of ours, which must not cost the slot
            return fail(Failure())

    def _reported(self, result: AttemptResult) -> AttemptResult:
        self._route.report(0, result.health, self._clock.seconds())
        return result

    async def _in_turn(self, attempt: Attempt, now: float) -> AttemptResult:
        """Try one host after another, until one says something about the message or may have it."""
        result = untried(attempt, "there is no next hop")
        for index in self._route.candidates(now):
            result = await self._hops[index].attempt(attempt)
            self._route.report(index, result.health, self._clock.seconds())
            if result.health is not ServerHealth.FAULT or attempt.dotted:
                break
        return result
