"""`Dossier`: what is being found out about one sender, filled in as answers come, closed when the budget is over.

Shared by all who ask about the same sender at the same time. Made by `wire.lookups`; the intake reads `sender` whenever
it judges, and waits with `wait` where it may. Never fails.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.mail.evidence import Reach, Sender, SpfResult


class Dossier:
    """One sender.

    :ivar sender: what is known of it now; what is not known speaks against nobody.
    :ivar complete: whether no more will be known.
    :ivar spf_known: whether the result of SPF is there, whatever else is not.
    :ivar spf_until: the reactor's time until which that holds.
    :ivar until: the reactor's time until which a complete one holds.
    """

    __slots__ = ("_pending", "_timer", "_waiting", "complete", "sender", "spf_known", "spf_until", "until")

    def __init__(self, domain: str) -> None:
        self.sender = Sender(domain, Reach.UNKNOWN, "", SpfResult.TEMPERROR)
        self.complete = False
        self.spf_known = False
        self.spf_until = float("inf")
        self.until = float("inf")
        self._pending = 0
        self._timer: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] | None = None

    def wait(self) -> Deferred[None] | None:
        """Give what fires when it is complete, within the budget; ``None`` when it is. May be cancelled."""
        if self.complete:
            return None
        waiter: Deferred[None] = Deferred()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiter)
        return waiter

    def expect(self, answers: int, timer: IDelayedCall | None) -> None:
        """Note how many answers are to come; with none it is complete."""
        self._pending = answers
        self._timer = timer
        if not answers:
            self._close()

    def reached(self, reach: Reach, detail: str, until: float) -> None:
        """Take in how mail reaches the domain."""
        self.sender = Sender(self.sender.domain, reach, detail, self.sender.spf)
        self._one_more(until)

    def spf(self, result: SpfResult, until: float) -> None:
        """Take in the result of SPF."""
        self.sender = Sender(self.sender.domain, self.sender.reach, self.sender.detail, result)
        self.spf_known = True
        self.spf_until = until
        self._one_more(until)

    def late(self) -> None:
        """Close it as it is: the budget is over."""
        self._timer = None
        self.until = float("-inf")
        self._close()

    def _one_more(self, until: float) -> None:
        if self.complete:
            return
        self.until = min(self.until, until)
        self._pending -= 1
        if not self._pending:
            self._close()

    def _close(self) -> None:
        self.complete = True
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        waiting, self._waiting = self._waiting, None
        for waiter in waiting or ():
            if not waiter.called:
                waiter.callback(None)
