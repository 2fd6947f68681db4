"""`Memory`: what was found out, kept for a while, within bounds; one question for all who ask the same at one time.

Knows nothing of DNS. Every look-up of the gate's evidence has one: questions, senders' domains, clients' names, SPF.
What is found out fires those who wait; whoever goes away disturbs nobody. A full memory forgets what was added first,
never what somebody waits for; what is under way is bounded by `Memory.full`, which is asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from attrs import define
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from shieldrelay.ports import Clock

V = TypeVar("V")

Found = tuple[V, float]
"""A value and the seconds for which it holds."""


@define(eq=False)
class Kept(Generic[V]):
    """One value.

    :ivar until: the reactor's time until which it holds.
    """

    value: V
    until: float


class Memory(Generic[V]):
    """Keeps values by key.

    :param most: how much is kept: values, or what they weigh.
    :param under_way: how many may be found out at a time.
    :param trouble: what is said, and how long it holds, when finding out failed, or nobody may be asked.
    :param weight: what a value weighs; ``None``: 1.
    :param bug: told what a search failed with: it should not.
    """

    def __init__(
        self,
        clock: Clock,
        most: int,
        under_way: int,
        trouble: Found[V],
        bug: Callable[[Failure], None],
        weight: Callable[[V], int] | None = None,
    ) -> None:
        self._clock = clock
        self._bug = bug
        self._weight = weight or _one
        self._weighs = 0
        self._most = most
        self._most_under_way = under_way
        self._trouble = trouble
        self._kept: dict[Hashable, Kept[V]] = {}
        self._waiting: dict[Hashable, list[Deferred[Kept[V]]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def under_way(self) -> int:
        """How many are being found out."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no more may be asked now."""
        return len(self._waiting) >= self._most_under_way

    def known(self, key: Hashable, ahead: float = 0.0) -> Kept[V] | None:
        """Give what holds still, and will in so many seconds."""
        kept = self._kept.get(key)
        return kept if kept is not None and self._clock.seconds() + ahead < kept.until else None

    def ask(
        self, key: Hashable, find: Callable[[], Deferred[Found[V]]], ahead: float = 0.0
    ) -> Kept[V] | Deferred[Kept[V]]:
        """Give what is known, or find it out; the Deferred never fails.

        :param find: begins; what fails is a bug, and trouble. Not called when somebody asked already, nor when there
            is too much under way: then it is trouble at once, and not kept.
        :param ahead: seconds for which what is known must hold still not to be found out anew.
        """
        kept = self.known(key, ahead)
        if kept is not None:
            return kept
        waiting = self._waiting.get(key)
        if waiting is None:
            if self.full:
                return Kept(self._trouble[0], self._clock.seconds())
            waiting = self._waiting[key] = []
            maybeDeferred(find).addCallbacks(self._good, self._bad, callbackArgs=(key,), errbackArgs=(key,))
            if key not in self._waiting:
                return self._kept[key]
        waiter: Deferred[Kept[V]] = Deferred()
        waiting.append(waiter)
        return waiter

    def _good(self, found: Found[V], key: Hashable) -> None:
        self._tell(key, *found)

    def _bad(self, failure: Failure, key: Hashable) -> None:
        self._bug(failure)
        self._tell(key, *self._trouble)

    def _tell(self, key: Hashable, value: V, seconds: float) -> None:
        kept = Kept(value, self._clock.seconds() + seconds)
        self._drop(key)
        self._kept[key] = kept
        self._weighs += self._weight(value)
        while self._weighs > self._most and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))
        for waiter in self._waiting.pop(key):
            if not waiter.called:
                waiter.callback(kept)

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._weighs -= self._weight(kept.value)


def _one(_value: object) -> int:
    return 1
