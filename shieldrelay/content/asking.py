"""One check with its bounds: so many messages at once, so much time for each, and every trouble an answer.

Owned by `content.stage`, which asks it. Whoever finds no place waits in line, on its own time. A check that does not
end when it is cancelled keeps its place until it does: what it may still be doing counts. Never fails: an exception, a
failed Deferred, what is no answer, and time that is over all come out as `Failed`.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.content.answers import Accept, Annotate, Answer, Refuse
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.terms import Installed
from shieldrelay.ports import Clock


@frozen
class Failed:
    """A check that gave no answer.

    :ivar reason: why, one clause.
    :ivar traceback: of an exception, else ``""``.
    """

    reason: str
    traceback: str = ""


class Asking:
    """Asks one check.

    :ivar installed: the check, its name and its terms.
    :ivar under_way: messages that it has in hand now.
    """

    __slots__ = ("_clock", "_line", "_serving", "installed", "under_way")

    def __init__(self, installed: Installed, clock: Clock) -> None:
        self.installed = installed
        self.under_way = 0
        self._clock = clock
        self._line: deque[_Question] = deque()
        self._serving = False

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn."""
        return len(self._line)

    def ask(self, inspected: Inspected) -> Answer | Failed | Deferred[Answer | Failed]:
        """Ask about a message. Cancelling the Deferred drops the question; it then fires with `Failed`."""
        if self.under_way >= self.installed.terms.at_once:
            question = self._question(inspected)
            self._line.append(question)
            return question
        answer = self._begin(inspected)
        if not isinstance(answer, Deferred):
            return _lawful(answer)
        settled: list[Answer | Failed] = []
        running = self._follow(answer, settled)
        if settled:
            return settled[0]
        question = self._question(inspected)
        question.follow(running)
        return question

    def _question(self, inspected: Inspected) -> _Question:
        question = _Question(self, inspected)
        question.alarm = self._clock.callLater(self.installed.terms.seconds, question.too_late)
        return question

    def _begin(self, inspected: Inspected) -> Any:
        """Let the check look, whatever it does."""
        try:
            return self.installed.check.check(inspected)
        except Exception:  # noqa: BLE001 - a plugin's bug is its own
            return _troubled(Failure())

    def _follow(self, answer: Deferred[Any], settled: list[Answer | Failed]) -> Deferred[Any]:
        """Count a check that takes its time; what it comes to is put into ``settled`` too."""
        self.under_way += 1
        lawful: Deferred[Any] = answer.addCallbacks(_lawful, _troubled)
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
                answer = self._begin(question.inspected)
                if isinstance(answer, Deferred):
                    question.follow(self._follow(answer, []))
                else:
                    question.tell(_lawful(answer))
        finally:
            self._serving = False

    def leave(self, question: _Question) -> None:
        """Take a question out of the line, if it is still in it."""
        if question in self._line:
            self._line.remove(question)


class _Question(Deferred["Answer | Failed"]):
    """One message that waits for its answer. Fires once, in time."""

    alarm: Any = None

    def __init__(self, asking: Asking, inspected: Inspected) -> None:
        super().__init__()
        self.inspected = inspected
        self._asking = asking
        self._running: Deferred[Any] | None = None

    def follow(self, running: Deferred[Any]) -> None:
        """Stand for what the check answers."""
        self._running = running
        running.addCallback(self.tell)

    def tell(self, answer: Answer | Failed) -> None:
        """Give the answer; one that comes too late is dropped."""
        if self.called:
            return
        if self.alarm.active():
            self.alarm.cancel()
        self.callback(answer)

    def too_late(self) -> None:
        """End the question, and the check if it obeys."""
        why = "no turn in time" if self._running is None else "no answer in time"
        self._end(Failed(f"{why}: {self._asking.installed.terms.seconds:g} s"))

    def cancel(self) -> None:
        """Drop the question."""
        if self.called:
            super().cancel()
        else:
            self._end(Failed("the message was given up"))

    def _end(self, failed: Failed) -> None:
        running, self._running = self._running, None
        self._asking.leave(self)
        self.tell(failed)
        if running is not None:
            running.cancel()


def _lawful(answer: object) -> Answer | Failed:
    if isinstance(answer, (Accept, Refuse, Annotate, Failed)):
        return answer
    return Failed(f"it answered {type(answer).__name__}, which is no answer")


def _troubled(failure: Failure) -> Failed:
    return Failed(f"{type(failure.value).__name__}: {failure.getErrorMessage()}"[:200], failure.getTraceback())
