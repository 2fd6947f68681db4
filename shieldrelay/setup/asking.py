"""`Terminal`: questions to whoever sits there, asked again with the reason when an answer cannot be taken.

Without anybody there, answers are what the command line says, and a missing one is a fault that names its option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TextIO, TypeVar

from attrs import frozen

from shieldrelay.check.finding import Finding, Level
from shieldrelay.config.kinds import Unfit

T = TypeVar("T")

_MARKS = {Level.GOOD: "ok", Level.NOTE: "note", Level.UNSURE: "unsure", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


class GivenUp(Exception):
    """There is no answer; ``args[0]`` says what is missing or wrong. Nothing was written."""


@frozen
class Question:
    """One question.

    :ivar option: by which the command line answers it.
    :ivar words: as it is asked.
    :ivar default: what an empty answer means; ``""`` where the question may stay unanswered; ``None``: there is none.
    """

    option: str
    words: str
    default: str | None = None


class Terminal:
    """Asks and tells.

    :param answers: lines typed; ``None``: nobody is there.
    :param out: where everything is shown.
    :param anyway: go on without asking although a look found an error.
    """

    def __init__(self, answers: TextIO | None, out: TextIO, *, anyway: bool = False) -> None:
        self._answers = answers
        self._out = out
        self._anyway = anyway

    def say(self, words: str = "") -> None:
        """Show a line."""
        self._out.write(f"{words}\n")
        self._out.flush()

    def answer(
        self,
        question: Question,
        given: str | None,
        read: Callable[[str], T],
        look: Callable[[T], Iterable[Finding]] | None = None,
    ) -> T:
        """Give the answer to a question, read and looked at.

        :param given: on the command line.
        :param read: makes the value of the text; raises `Unfit`.
        :raises GivenUp: there is none.
        """
        while True:
            try:
                value = read(self._text(question, given))
            except Unfit as fault:
                self._again(question, str(fault))
            else:
                if look is None or self._looks_good(question, look(value)):
                    return value
            given = None

    def yes(self, question: str) -> bool:
        """Ask something that is not done without a yes; alone the answer is no."""
        return self._answers is not None and self._line(f"{question} [y/N] ").lower() in ("y", "yes")

    def _text(self, question: Question, given: str | None) -> str:
        if given is not None:
            return given.strip()
        if self._answers is None:
            if question.default is not None:
                return question.default
            raise GivenUp(f"{question.option} is missing")
        shown = f" [{question.default}]" if question.default else ""
        typed = self._line(f"{question.words}{shown}: ")
        return typed or (question.default if question.default is not None else typed)

    def _line(self, prompt: str) -> str:
        assert self._answers is not None
        self._out.write(prompt)
        self._out.flush()
        line = self._answers.readline()
        if not line:
            self._out.write("\n")
            raise GivenUp("no more answers")
        return line.strip()

    def _again(self, question: Question, why: str) -> None:
        if self._answers is None:
            raise GivenUp(f"{question.option}: {why}")
        self.say(f"  {why}")

    def _looks_good(self, question: Question, findings: Iterable[Finding]) -> bool:
        """Show what was found; an error needs a yes, or ``--anyway``."""
        worst = Level.GOOD
        for finding in findings:
            self.show(finding)
            worst = max(worst, finding.level)
        if worst < Level.ERROR or self._anyway:
            return True
        if self._answers is None:
            raise GivenUp(f"{question.option}: there is an error above; --anyway goes on all the same")
        return self.yes("  Go on with it all the same?")

    def show(self, finding: Finding) -> None:
        """Show one finding."""
        advice = f" ({finding.advice})" if finding.advice and finding.level is not Level.GOOD else ""
        self.say(f"  {_MARKS[finding.level]:8}{finding.subject}: {finding.words}{advice}")
