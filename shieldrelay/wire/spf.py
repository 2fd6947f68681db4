"""`Spf`: SPF checks in a small pool of threads (R26), because the library that evaluates policies blocks.

Few at once, few waiting, a time box around each: full or late is a temperror, and nobody waits longer. The threads
start and the libraries are imported with the first check: a node that never writes a notice has neither. Used by
``delivery.standing``. The threads end with the process: what a check would still find, nobody needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from shieldrelay.delivery.standing import Evidence
from shieldrelay.mail.evidence import SpfResult
from shieldrelay.wire.threads import Threads

if TYPE_CHECKING:
    from shieldrelay.wire.spf_evaluation import LookUp

CHECK_SECONDS = 20.0
"""The time box of one check, its wait for a thread included (RFC 7208 §4.6.4)."""
THREADS = 4
WAITING = 64
"""Checks that may wait for a thread."""


class Spf:
    """Evaluates SPF.

    :param reactor: with monotonic time under it; its ``seconds`` is called in threads too.
    :param servers: address and port of name servers; ``None``: those of resolv.conf, read anew for each check.
    :param look_up: for tests: asked instead of name servers, in a thread.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        threads: int = THREADS,
        waiting: int = WAITING,
        look_up: LookUp | None = None,
    ) -> None:
        self._reactor = reactor
        self._servers = servers
        self._look_up = look_up
        self._threads = Threads(reactor, "spf", threads)
        self._most = threads + waiting
        self._under_way = 0

    def check(self, evidence: Evidence) -> Deferred[SpfResult]:
        """Evaluate the MAIL FROM identity; fires within `CHECK_SECONDS`."""
        if self._under_way >= self._most:
            return succeed(SpfResult.TEMPERROR)
        self._under_way += 1
        deadline = self._reactor.seconds() + CHECK_SECONDS
        running = self._threads.run(self._evaluate, evidence, lambda: deadline - self._reactor.seconds())
        answer: Deferred[SpfResult] = Deferred()
        running.addBoth(self._ended).addCallbacks(answer.callback, answer.errback)
        return answer.addTimeout(CHECK_SECONDS, self._reactor, onTimeoutCancel=_too_late)

    def stop(self) -> Deferred[None]:
        """Take no more; fires when the threads have ended."""
        return self._threads.stop()

    def _evaluate(self, evidence: Evidence, seconds_left: Callable[[], float]) -> SpfResult:
        """Be one check, in a thread."""
        from shieldrelay.wire.spf_evaluation import NameServers, evaluate

        if seconds_left() <= 0:
            return SpfResult.TEMPERROR
        try:
            look_up = self._look_up or NameServers(self._servers)
        except OSError:
            return SpfResult.TEMPERROR
        return evaluate(evidence, look_up, seconds_left)

    def _ended(self, result: SpfResult | Failure) -> SpfResult | Failure:
        self._under_way -= 1
        return result


def _too_late(_cancelled: object, _seconds: float) -> SpfResult:
    return SpfResult.TEMPERROR
