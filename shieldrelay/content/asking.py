"""One check with its bounds: so many messages at once, so much time for each, and every trouble an answer.

Owned by `content.stage`, which asks it at every step that the check sees. Whoever finds no place waits in line, on its
own time. A check that does not end when it is cancelled keeps its place until it does: what it may still be doing
counts. Never fails: an exception, a failed Deferred, what is no answer, and time that is over all come out as `Failed`.
A check that keeps failing is left alone for a while (`content.breaker`): it counts as failed at once then, and whoever
waits in line too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.content.answers import Accept, Annotate, Answer, Refuse
from shieldrelay.content.breaker import Breaker
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.steps import Seen, Step
from shieldrelay.content.tally import Tally
from shieldrelay.content.terms import Installed
from shieldrelay.ports import Clock, Journal


@frozen
class Failed:
    """A check that gave no answer.

    :ivar reason: why, one clause.
    :ivar traceback: of an exception, else ``""``.
    :ivar left_alone: it was not asked, because it keeps failing.
    """

    reason: str
    traceback: str = ""
    left_alone: bool = False


class Asking:
    """Asks one check.

    :param journal: hears when the check is left alone and when it answers again, and its counts.
    :ivar installed: the check, its name and its terms.
    :ivar under_way: messages that it has in hand now.
    """

    __slots__ = (
        "_breaker", "_clock", "_journal", "_line", "_methods", "_serving", "_tally", "installed", "under_way",
    )  # fmt: skip

    def __init__(self, installed: Installed, clock: Clock, journal: Journal) -> None:
        self.installed = installed
        self.under_way = 0
        self._clock = clock
        self._journal = journal
        self._line: deque[_Question] = deque()
        self._serving = False
        self._methods: dict[Step, Callable[[Any], Any]] = {
            step: getattr(installed.check, step.value) for step in installed.steps
        }
        self._breaker = Breaker()
        self._tally = Tally(clock.seconds())

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn."""
        return len(self._line)

    def ask(self, shown: Inspected | Seen, step: Step = Step.CONTENT) -> Answer | Failed | Deferred[Answer | Failed]:
        """Ask about a message, or about a session.

        :param step: one that the check sees.
        :returns: cancelling the Deferred drops the question; it then fires with `Failed`.
        """
        began = self._clock.seconds()
        if not self._breaker.lets(began):
            return self._noted(self._left_alone(began), began, counts=False)
        if self.under_way >= self.installed.terms.at_once:
            question = self._question(shown, step, began)
            self._line.append(question)
            return question
        answer = self._begin(shown, step)
        if not isinstance(answer, Deferred):
            return self._noted(_lawful(answer, step), began)
        settled: list[Answer | Failed] = []
        running = self._follow(answer, step, settled)
        if settled:
            return self._noted(settled[0], began)
        question = self._question(shown, step, began)
        question.follow(running)
        return question

    def noted(self, answer: Answer | Failed, began: float, *, counts: bool) -> None:
        """Count what a question came to.

        :param counts: whether it says something about the check: not when the message was given up.
        """
        self._noted(answer, began, counts=counts)

    def _noted(self, answer: Answer | Failed, began: float, *, counts: bool = True) -> Answer | Failed:
        now = self._clock.seconds()
        self._tally.note(answer, now - began)
        if not counts:
            pass
        elif isinstance(answer, Failed):
            if self._breaker.failed(now):
                self._opened(answer, now)
        else:
            away = self._breaker.answered(now)
            if away is not None:
                self._journal.event("plugin_back", check=self.installed.name, seconds=round(away, 1))
        told = self._tally.due(now)
        if told is not None:
            self._journal.event("plugin_counts", check=self.installed.name, **told)
        return answer

    def _left_alone(self, now: float) -> Failed:
        return Failed(f"it keeps failing and is asked again in {self._breaker.left(now):.0f} s", left_alone=True)

    def _opened(self, failed: Failed, now: float) -> None:
        """Leave the check alone: nobody in the line waits for it."""
        self._journal.event(
            "plugin_left_alone",
            check=self.installed.name,
            failures=self._breaker.failures,
            seconds=self._breaker.left(now),
            reason=failed.reason,
        )
        while self._line:
            self._line.popleft().left_alone(self._left_alone(now))

    def _question(self, shown: Inspected | Seen, step: Step, began: float) -> _Question:
        question = _Question(self, shown, step, began)
        question.alarm = self._clock.callLater(self.installed.terms.seconds, question.too_late)
        return question

    def given_up(self) -> None:
        """Note that a question was dropped before the check had answered."""
        self._breaker.undecided()

    def _begin(self, shown: Inspected | Seen, step: Step) -> Any:
        """Let the check look, whatever it does."""
        try:
            return self._methods[step](shown)
        except Exception:  # noqa: BLE001 - a plugin's bug is its own
            return _troubled(Failure())

    def _follow(self, answer: Deferred[Any], step: Step, settled: list[Answer | Failed]) -> Deferred[Any]:
        """Count a check that takes its time; what it comes to is put into ``settled`` too."""
        self.under_way += 1
        lawful: Deferred[Any] = answer.addCallbacks(_lawful, _troubled, callbackArgs=(step,))
        return lawful.addCallback(self._ended, settled)

    def _ended(self, answer: Answer | Failed, settled: list[Answer | Failed]) -> Answer | Failed:
        settled.append(answer)
        self.under_way -= 1
        self._serve()
        return answer

    def _serve(self) -> None:
        """Give free places to who waits: a loop, for a check may answer at once."""
        if self._serving:
            return
        self._serving = True
        try:
            while self._line and self.under_way < self.installed.terms.at_once:
                question = self._line.popleft()
                answer = self._begin(question.shown, question.step)
                if isinstance(answer, Deferred):
                    question.follow(self._follow(answer, question.step, []))
                else:
                    question.tell(_lawful(answer, question.step))
        finally:
            self._serving = False

    def leave(self, question: _Question) -> None:
        """Take a question out of the line, if it is still in it."""
        if question in self._line:
            self._line.remove(question)


class _Question(Deferred["Answer | Failed"]):
    """One message that waits for its answer. Fires once, in time."""

    alarm: Any = None

    def __init__(self, asking: Asking, shown: Inspected | Seen, step: Step, began: float) -> None:
        super().__init__()
        self.shown = shown
        self.step = step
        self._began = began
        self._asking = asking
        self._running: Deferred[Any] | None = None

    def follow(self, running: Deferred[Any]) -> None:
        """Stand for what the check answers."""
        self._running = running
        running.addCallback(self.tell)

    def tell(self, answer: Answer | Failed) -> None:
        """Give the answer; one that comes too late is dropped."""
        if not self.called:
            self._asking.noted(answer, self._began, counts=True)
            self._fire(answer)

    def left_alone(self, failed: Failed) -> None:
        """End the wait for a check that keeps failing; the caller has taken it out of the line."""
        if not self.called:
            self._asking.noted(failed, self._began, counts=False)
            self._fire(failed)

    def _fire(self, answer: Answer | Failed) -> None:
        if self.alarm.active():
            self.alarm.cancel()
        self.callback(answer)

    def too_late(self) -> None:
        """End the question, and the check if it obeys."""
        why = "no turn in time" if self._running is None else "no answer in time"
        failed = Failed(f"{why}: {self._asking.installed.terms.seconds:g} s")
        running = self._out()
        self.tell(failed)
        if running is not None:
            running.cancel()

    def cancel(self) -> None:
        """Drop the question."""
        if self.called:
            super().cancel()
            return
        running = self._out()
        self._asking.given_up()
        self._fire(Failed("the message was given up"))
        if running is not None:
            running.cancel()

    def _out(self) -> Deferred[Any] | None:
        running, self._running = self._running, None
        self._asking.leave(self)
        return running


def _lawful(answer: object, step: Step) -> Answer | Failed:
    if isinstance(answer, Annotate) and step is not Step.CONTENT:
        return Failed(f"it adds header fields at {step.value}, where there is no message yet")
    if isinstance(answer, (Accept, Refuse, Annotate, Failed)):
        return answer
    return Failed(f"it answered {type(answer).__name__}, which is no answer")


def _troubled(failure: Failure) -> Failed:
    return Failed(f"{type(failure.value).__name__}: {failure.getErrorMessage()}"[:200], failure.getTraceback())
