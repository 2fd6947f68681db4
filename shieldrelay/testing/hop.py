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


class HeldResult(Deferred[AttemptResult]):
    """The result of a held attempt: like a real next hop's it declines to be cancelled after the final dot (R1)."""

    def __init__(self, hop: FakeNextHop, attempt: Attempt) -> None:
        super().__init__()
        self._hop = hop
        self._attempt = attempt

    def cancel(self) -> None:
        """Give the attempt up before the final dot; do nothing after it."""
        if self.called:
            super().cancel()
        elif not self._attempt.dotted:
            self._hop.give_up(self)


@define(eq=False)
class Held:
    """An attempt that waits for `FakeNextHop.answer`."""

    attempt: Attempt
    result: HeldResult


@define(eq=False)
class FakeNextHop:
    """Answers each attempt by a function, or holds it until it is told what to answer.

    :ivar conduct: gives the result of an attempt at once; ``None`` holds it.
    :ivar attempts: every attempt, in order.
    :ivar held: those that wait.
    :ivar given_up: those that were cancelled in time.
    :ivar idle: connections that it keeps open besides those of held attempts.
    :ivar shows: what being given up says about it: SILENT for one that had said nothing.
    """

    conduct: Callable[[Attempt], AttemptResult] | None = taken
    name: str = "hop:25"
    attempts: list[Attempt] = field(factory=list)
    held: list[Held] = field(factory=list)
    given_up: list[Attempt] = field(factory=list)
    most_at_once: int = 0
    idle: int = 0
    shows: ServerHealth = ServerHealth.UNTRIED

    def attempt(self, attempt: Attempt) -> Deferred[AttemptResult]:
        """Take note of it, and answer or hold."""
        self.attempts.append(attempt)
        if self.conduct is not None:
            return succeed(self.conduct(attempt))
        held = Held(attempt, HeldResult(self, attempt))
        self.held.append(held)
        self.most_at_once = max(self.most_at_once, len(self.held))
        return held.result

    def give_up(self, result: HeldResult) -> None:
        """Let go of an attempt that is cancelled."""
        held = next(held for held in self.held if held.result is result)
        self.held.remove(held)
        self.given_up.append(held.attempt)
        outcomes = tuple(RecipientOutcome(Fate.TRANSIENT, None, "given up") for _ in held.attempt.recipients)
        result.callback(AttemptResult(outcomes, self.shows, "hop:25", "given up"))

    def reach_dot(self) -> None:
        """Let the attempt that waits longest write its final dot."""
        next(held for held in self.held if not held.attempt.dotted).attempt.final_dot()

    def answer(self, conduct: Callable[[Attempt], AttemptResult] = taken, index: int = 0) -> None:
        """Answer the attempt that waits longest, or another one."""
        held = self.held.pop(index)
        held.result.callback(conduct(held.attempt))

    def crash(self, error: Exception, index: int = 0) -> None:
        """End an attempt with a bug, which no next hop should have."""
        self.held.pop(index).result.errback(error)

    @property
    def connections(self) -> int:
        """How many connections it would have."""
        return len(self.held) + self.idle

    def close_idle(self) -> None:
        """Close what is idle."""
        self.idle = 0

    def shed(self, most: int) -> int:
        """Close some of what is idle."""
        closed = min(most, self.idle)
        self.idle -= closed
        return closed

    def stop(self) -> Deferred[Any]:
        """Be stopped at once."""
        return succeed(None)
