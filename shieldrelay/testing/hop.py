"""A next hop that does what it is told, without a socket: the fake of ``ports.NextHop``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from shieldrelay.mail.outcome import AttemptResult, Fate, RecipientOutcome, ServerHealth
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt

TAKEN = RecipientOutcome(Fate.TAKEN, Reply(250, (2, 0, 0), ("taken",)))
TRANSIENT = RecipientOutcome(Fate.TRANSIENT, Reply(450, (4, 2, 0), ("later",)), "refused at RCPT")
REFUSED = RecipientOutcome(Fate.REFUSED, Reply(550, (5, 1, 1), ("nobody",)), "refused at RCPT")
CONTENT_REFUSED = RecipientOutcome(Fate.CONTENT_REFUSED, Reply(554, (5, 6, 0), ("spam",)), "refused after the content")
UNSURE = RecipientOutcome(Fate.TRANSIENT, None, "the connection was lost")


def answered(*outcomes: RecipientOutcome) -> AttemptResult:
    """Give the result of an attempt that the server answered."""
    return AttemptResult(outcomes, ServerHealth.ANSWERED, "hop:25")


def taken(attempt: Attempt) -> AttemptResult:
    """Take it for everybody."""
    return answered(*(TAKEN for _ in attempt.recipients))


def down(attempt: Attempt) -> AttemptResult:
    """Be down."""
    outcomes = tuple(RecipientOutcome(Fate.TRANSIENT, None, "connect refused") for _ in attempt.recipients)
    return AttemptResult(outcomes, ServerHealth.FAULT, "hop:25", "connect refused")


@define(eq=False)
class Held:
    """An attempt that waits for `FakeNextHop.answer`."""

    attempt: Attempt
    result: Deferred[AttemptResult]


@define(eq=False)
class FakeNextHop:
    """Answers each attempt by a function, or holds it until it is told what to answer.

    :ivar conduct: gives the result of an attempt at once; ``None`` holds it.
    :ivar attempts: every attempt, in order.
    :ivar held: those that wait.
    """

    conduct: Callable[[Attempt], AttemptResult] | None = taken
    name: str = "hop:25"
    attempts: list[Attempt] = field(factory=list)
    held: list[Held] = field(factory=list)
    most_at_once: int = 0

    def attempt(self, attempt: Attempt) -> Deferred[AttemptResult]:
        """Take note of it, and answer or hold."""
        self.attempts.append(attempt)
        if self.conduct is not None:
            return succeed(self.conduct(attempt))
        held = Held(attempt, Deferred(self._cancelled))
        self.held.append(held)
        self.most_at_once = max(self.most_at_once, len(self.held))
        return held.result

    def _cancelled(self, result: Deferred[AttemptResult]) -> None:
        held = next(held for held in self.held if held.result is result)
        if held.attempt.dotted:
            return
        self.held.remove(held)
        outcomes = tuple(RecipientOutcome(Fate.TRANSIENT, None, "given up") for _ in held.attempt.recipients)
        result.callback(AttemptResult(outcomes, ServerHealth.UNTRIED, "hop:25", "given up"))

    def answer(self, conduct: Callable[[Attempt], AttemptResult] = taken) -> None:
        """Answer the attempt that waits longest."""
        held = self.held.pop(0)
        held.result.callback(conduct(held.attempt))

    def close_idle(self) -> None:
        """Have nothing to close."""

    def stop(self) -> Deferred[Any]:
        """Be stopped at once."""
        return succeed(None)
