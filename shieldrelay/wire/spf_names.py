"""`SharedNames`: what SPF asks of DNS, answered from the same memory as all other evidence (R26).

Evaluation runs in threads and blocks; what is known already is read at once, and what is not is asked by the reactor's
thread, once for all who want it. An exchanger that the sender's domain was judged by, or a provider's policy that a
thousand domains include, thus costs no question. Made by `wire.lookups`, called by `wire.spf_evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred

from shieldrelay.wire.lookup_memory import Kept
from shieldrelay.wire.lookup_questions import Answer, Questions, QuestionType, Silence
from shieldrelay.wire.threads import Waker


class SharedNames:
    """A `spf_evaluation.LookUp` over `Questions`."""

    def __init__(self, questions: Questions, reactor: Waker) -> None:
        self._questions = questions
        self._reactor = reactor

    def __call__(self, name: str, kind: str, seconds: float) -> Sequence[Any]:
        """Ask, in any thread but the reactor's."""
        wanted = QuestionType[kind]
        known = self._questions.known(wanted, name)
        answer = known.value if known is not None else self._awaited(wanted, name, seconds)
        if answer is Silence.NO_NAME:
            return ()
        if isinstance(answer, Silence):
            raise OSError(f"nobody answers for {name}")
        if wanted is QuestionType.MX:
            return tuple(enumerate(answer))
        return tuple((text.encode("latin-1"),) for text in answer) if wanted is QuestionType.TXT else answer

    def _awaited(self, kind: QuestionType, name: str, seconds: float) -> Answer:
        box: SimpleQueue[Answer] = SimpleQueue()
        self._reactor.callFromThread(self._ask, kind, name, box)
        try:
            return box.get(timeout=seconds)
        except Empty:
            raise TimeoutError(f"no answer for {name} in {seconds:g} s") from None

    def _ask(self, kind: QuestionType, name: str, box: SimpleQueue[Answer]) -> None:
        """Ask, in the reactor's thread."""
        asked = self._questions.ask(kind, name)
        if isinstance(asked, Deferred):
            asked.addCallback(_put, box)
        else:
            _put(asked, box)


def _put(kept: Kept[Answer], box: SimpleQueue[Answer]) -> None:
    box.put(kept.value)
