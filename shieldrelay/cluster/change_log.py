"""The log of changes in a hub's memory: versions, the last change of every subject, and the last changes in order.

Who has a version that the log still knows gets what came since; everybody else gets everything that holds. Pure: the
time is an argument. Used by `cluster.memory_hub`. Changes that cannot be are left out.
"""

from __future__ import annotations

import math
from collections import deque
from heapq import nsmallest

from shieldrelay.cluster.change import Realm
from shieldrelay.cluster.hub import KEY_OCTETS, STATE_MOST, TEXT_OCTETS, Change, ChangeKind

LOG_MOST = 10_000
_ROOM = 0.95


class ChangeLog:
    """The changes of one hub.

    :param first: the version of the empty log: later than any that a former hub gave, so that no member takes this
        hub's versions for that one's.
    """

    def __init__(self, first: int) -> None:
        self.version = first
        self._log: deque[Change] = deque(maxlen=LOG_MOST)
        self._latest: dict[tuple[Realm, bytes], Change] = {}

    def append(self, change: Change, now_wall: float) -> bool:
        """Take in a change; false when it is nonsense, over, known, or older than what is known of its subject."""
        latest = self._latest.get(change.scope)
        if not is_sound(change) or change.is_over(now_wall) or (latest is not None and latest.age >= change.age):
            return False
        self._latest[change.scope] = change
        self._log.append(change)
        self.version += 1
        if len(self._latest) > STATE_MOST:
            self._make_room()
        return True

    def since(self, version: int) -> tuple[Change, ...] | None:
        """Give what came after a version, oldest first; ``None`` when that is not known any more."""
        missing = self.version - version
        if not 0 <= missing <= len(self._log):
            return None
        return tuple(self._log[index] for index in range(len(self._log) - missing, len(self._log)))

    def whole(self) -> tuple[Change, ...]:
        """Give the last change of every subject, oldest first."""
        return tuple(sorted(self._latest.values(), key=lambda change: change.age))

    def sweep(self, now_wall: float) -> None:
        """Forget what is over."""
        for change in [change for change in self._latest.values() if change.is_over(now_wall)]:
            del self._latest[change.scope]

    def _make_room(self) -> None:
        surplus = len(self._latest) - int(STATE_MOST * _ROOM)
        candidates = (change for (realm, _), change in self._latest.items() if realm is Realm.SOURCE)
        for change in nsmallest(surplus, candidates, key=lambda each: each.until or 0.0):
            del self._latest[change.scope]


def is_sound(change: Change) -> bool:
    """Whether a change can be, as far as any hub asks: times, lengths, and a source's octets."""
    if not 0.0 <= change.at < math.inf or (change.until is not None and not 0.0 <= change.until < math.inf):
        return False
    if change.kind in (ChangeKind.BAN, ChangeKind.RELEASE) and len(change.subject) not in (4, 8):
        return False
    return len(change.subject) <= KEY_OCTETS and max(len(change.id), len(change.reason), len(change.by)) <= TEXT_OCTETS
