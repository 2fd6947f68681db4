"""`RememberedSpf`: SPF results by client address and sender domain, kept for ten minutes (R26).

A policy that speaks of single local-parts is thereby taken to speak of the domain. Full or late is a temperror, which
is kept for half a minute only. By address, not by source: a policy may name single addresses of a /64. Used by
`wire.lookups`; never fails.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.standing import Evidence, SpfCheck
from shieldrelay.mail.evidence import SpfResult
from shieldrelay.ports import Clock
from shieldrelay.wire.lookup_memory import Found, Kept, Memory

KEPT_SECONDS = 600.0
TROUBLE_SECONDS = 30.0
AHEAD_SECONDS = 120.0
"""So long before its end a result is found anew, when it is asked for."""
KEPT = 40_000
UNDER_WAY = 68
"""As many as `wire.spf.Spf` takes: those that run and those that wait for a thread."""


class RememberedSpf:
    """Keeps what a check found.

    :param spf: evaluates.
    :param bug: told what went wrong that must not.
    :ivar evaluated: how many evaluations were begun.
    :ivar turned_away: how many were not, because too many were under way.
    """

    def __init__(self, spf: SpfCheck, clock: Clock, bug: Callable[[Failure], None]) -> None:
        self._spf = spf
        self._memory: Memory[SpfResult] = Memory(clock, KEPT, UNDER_WAY, (SpfResult.TEMPERROR, TROUBLE_SECONDS), bug)
        self.evaluated = 0
        self.turned_away = 0

    @property
    def under_way(self) -> int:
        """How many evaluations are under way."""
        return self._memory.under_way

    def check(self, evidence: Evidence) -> Kept[SpfResult] | Deferred[Kept[SpfResult]]:
        """Give what is known, or evaluate; never fails."""
        key = (evidence.address, evidence.sender.domain_key)
        if self._memory.full and self._memory.known(key) is None:
            self.turned_away += 1
        return self._memory.ask(key, lambda: self._evaluated(evidence))

    def refresh(self, evidence: Evidence) -> None:
        """Evaluate anew what will not hold for long, so that a sender who comes again and again never waits."""
        if not self._memory.full:
            key = (evidence.address, evidence.sender.domain_key)
            self._memory.ask(key, lambda: self._evaluated(evidence), AHEAD_SECONDS)

    def _evaluated(self, evidence: Evidence) -> Deferred[Found[SpfResult]]:
        self.evaluated += 1
        return self._spf.check(evidence).addCallback(_lasting)


def _lasting(result: SpfResult) -> Found[SpfResult]:
    return result, TROUBLE_SECONDS if result is SpfResult.TEMPERROR else KEPT_SECONDS
