"""New messages that wait, for a moment, for a slot to come free while their clients wait for a reply (R1).

Known-good mail first, and of each kind first come, first served; whoever waited long enough, or whose client gave up,
leaves untried. Owned by `delivery.lane`, which says when there is a slot. Knows no slot and no next hop. Cannot fail.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import AttemptResult, Fate, RecipientOutcome, ServerHealth
from shieldrelay.ports import Attempt, Clock


class Line:
    """The line before one lane.

    :param wait: seconds for which a message waits.
    """

    __slots__ = ("_clock", "_known_good", "_ordinary", "_wait")

    def __init__(self, clock: Clock, wait: float) -> None:
        self._clock = clock
        self._wait = wait
        self._known_good: deque[Waiter] = deque()
        self._ordinary: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._known_good) + len(self._ordinary)

    def waiting(self, precedence: Precedence) -> int:
        """How many there are who go first, or at the same time: for known-good mail others do not count."""
        return len(self) if precedence is Precedence.ORDINARY else len(self._known_good)

    def join(self, attempt: Attempt, longer: float = 0.0) -> Waiter:
        """Let a message wait, by so many seconds longer than others; its Deferred fires in any case."""
        waiter = Waiter(attempt, self)
        waiter.alarm = self._clock.callLater(self._wait + longer, self._too_long, waiter)
        self._row(attempt).append(waiter)
        return waiter

    def first(self) -> Attempt:
        """Give the message that is next; there is one."""
        return (self._known_good or self._ordinary)[0].attempt

    def next(self) -> Waiter:
        """Take out who is next; there is one. The caller owes it a `Waiter.run` or a `Waiter.give_up`."""
        waiter = (self._known_good or self._ordinary).popleft()
        waiter.alarm.cancel()
        return waiter

    def leave(self, waiter: Waiter, reason: str) -> None:
        """Give up waiting."""
        self._row(waiter.attempt).remove(waiter)
        if waiter.alarm.active():
            waiter.alarm.cancel()
        waiter.give_up(reason)

    def disperse(self, reason: str) -> None:
        """Send everybody away untried."""
        while len(self):
            self.next().give_up(reason)

    def _row(self, attempt: Attempt) -> deque[Waiter]:
        return self._ordinary if attempt.message.precedence is Precedence.ORDINARY else self._known_good

    def _too_long(self, waiter: Waiter) -> None:
        self.leave(waiter, "no connection was free in time")


class Waiter(Deferred[AttemptResult]):
    """A new message in line, as the result that its attempt will have.

    Cancelling gives up the place in line or, once the attempt runs, passes on to it: it then fires as the attempt
    does, which after the final dot is not before its end.
    """

    alarm: IDelayedCall

    def __init__(self, attempt: Attempt, line: Line) -> None:
        super().__init__()
        self.attempt = attempt
        self._line = line
        self._running: Deferred[AttemptResult] | None = None

    def run(self, running: Deferred[AttemptResult]) -> None:
        """Stand for this attempt from now on."""
        self._running = running
        running.addBoth(self._end)

    def give_up(self, reason: str) -> None:
        """Be untried."""
        self.callback(untried(self.attempt, reason))

    def cancel(self) -> None:
        """Give up."""
        if self.called:
            super().cancel()
        elif self._running is not None:
            self._running.cancel()
        else:
            self._line.leave(self, "the client waits no longer")

    def _end(self, result: AttemptResult | Failure) -> None:
        """Fire as the attempt did."""
        if isinstance(result, Failure):
            self.errback(result)
        else:
            self.callback(result)


def untried(attempt: Attempt, reason: str) -> AttemptResult:
    """Give the result of an attempt that never ran: everybody waits."""
    outcome = RecipientOutcome(Fate.TRANSIENT, reason=reason)
    return AttemptResult((outcome,) * len(attempt.recipients), ServerHealth.UNTRIED, reason=reason)
