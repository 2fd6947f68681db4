"""`Decisions`: what is decided for the whole cluster, by realm and subject: of two the later holds (R30).

Fed by whoever decides here, by the log of changes of all members, and by the snapshot. In whatever order changes are
heard of, all members come to the same; that something ended (a release, a revocation, servers that answer again) is
remembered for a week, so that an older word is not believed again. Everything is in force here at once and goes out
with the next exchange. What a change means is its listeners' affair (`register` for sources and networks). Nothing here
waits, and nothing that others say raises: what cannot be is left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nsmallest
from itertools import islice

from attrs import evolve

from shieldrelay.cluster.change import REALMS, TOMBSTONE_SECONDS, Change, ChangeKind, Realm
from shieldrelay.cluster.change_sound import is_sound
from shieldrelay.cluster.hub import STATE_MOST, TEXT_OCTETS
from shieldrelay.ports import WallClock

LONGEST_BAN_SECONDS = 7 * 86400.0
"""No ban lasts longer, whoever says so and whatever the clocks do: for that there is the deny-list."""
_INSTANT = 0.001
_SWEPT_A_SECOND = 5000.0
_ROOM = 0.95
"""What is left when there were too many: of the bans those that end soonest go, many at once."""
_PASSING = (Realm.SOURCE, Realm.NEXT_HOP, Realm.MEMBER)
"""What goes when there is too much, in this order; never what an operator said."""
_NOT_KEPT = (Realm.MEMBER,)
"""What no restart needs to know."""

Listener = Callable[[Change], object]
"""Called with a change that has come into force, or is known no more."""


class Decisions:
    """The last change of everything that is decided, on one member.

    :param wall: seconds since the epoch; a `Timepiece`.
    :param new_id: makes ids that nobody else makes, as `mail.identity.MessageIds` does.
    :ivar nonsense: changes that were left out because they cannot be.
    """

    def __init__(self, wall: WallClock, new_id: Callable[[], str]) -> None:
        self.nonsense = 0
        self._wall = wall
        self._new_id = new_id
        self._latest: dict[tuple[Realm, bytes], Change] = {}
        self._outbox: dict[tuple[Realm, bytes], Change] | None = None
        self._took: dict[Realm, list[Listener]] = {realm: [] for realm in Realm}
        self._forgot: dict[Realm, list[Listener]] = {realm: [] for realm in Realm}
        self._swept = self._sweep_at = 0.0

    def on(self, realm: Realm, took: Listener, forgot: Listener | None = None) -> None:
        """Have somebody called with every change of a realm, decided here or elsewhere or before a restart.

        :param took: called with what has come into force, in the place of whatever was there for its subject. One
            subject's changes may come more than once, with a shorter end.
        :param forgot: called with what is over, or makes room: nothing is decided of its subject any more.
        """
        self._took[realm].append(took)
        if forgot is not None:
            self._forgot[realm].append(forgot)

    def decide(self, kind: ChangeKind, subject: bytes, until: float | None, reason: str, by: str) -> Change:
        """Make a change that is later than what was known of its subject, even by a faster clock, and take it in.

        :param until: seconds since the epoch; ``None``: until something else is decided.
        :raises ValueError: no change of this kind can be about this, or end then.
        """
        now = self._wall()
        latest = self._latest.get((REALMS[kind], subject))
        at = now if latest is None else max(now, latest.at + _INSTANT)
        change = Change(self._new_id(), kind, subject, at, until, reason[:TEXT_OCTETS], by[:TEXT_OCTETS])
        if not is_sound(change, at):
            raise ValueError(f"{kind.value} cannot be about {subject!r} until {until}")
        if self._take(change, now) and self._outbox is not None:
            self._outbox[change.scope] = change
        return change

    def latest(self, realm: Realm, subject: bytes) -> Change | None:
        """Give the last change of a subject; it may be over and not swept yet."""
        return self._latest.get((realm, subject))

    def of(self, realm: Realm) -> Iterator[Change]:
        """Give the last change of every subject of a realm; some may be over and not swept yet."""
        return (change for (of, _), change in self._latest.items() if of is realm)

    def sweep(self) -> None:
        """Forget what is over; may be called often: the more there is, the rarer it is looked through."""
        now = self._wall()
        if now < self._swept:
            self._shorten(now)
        elif now < self._sweep_at:
            return
        self._swept, self._sweep_at = now, now + len(self._latest) / _SWEPT_A_SECOND
        for change in [change for change in self._latest.values() if change.is_over(now)]:
            self._forget(change)

    # What the exchange and the snapshot use.

    @property
    def waiting(self) -> int:
        """How many changes others are still to be told of."""
        return len(self._outbox or ())

    def share(self) -> None:
        """From now on others are to be told of changes; of all that are known, to begin with."""
        if self._outbox is None:
            self._outbox = dict(self._latest)

    def outbox(self, most: int) -> tuple[Change, ...]:
        """Give changes that others have not been told yet."""
        return tuple(islice((self._outbox or {}).values(), most))

    def told(self, changes: Iterable[Change]) -> None:
        """Note that the hub has these changes."""
        for change in changes:
            if self._outbox is not None and self._outbox.get(change.scope) is change:
                del self._outbox[change.scope]

    def state(self) -> tuple[Change, ...]:
        """Give the last change of every subject, releases and revocations too."""
        return tuple(self._latest.values())

    def kept(self) -> tuple[Change, ...]:
        """Give of these what a restart needs to know."""
        return tuple(change for (realm, _), change in self._latest.items() if realm not in _NOT_KEPT)

    def apply(self, changes: Iterable[Change]) -> int:
        """Take in what others decided, or a snapshot had; gives how many changes were news."""
        now = self._wall()
        return sum(self._take(change, now) for change in changes)

    def compare(self, whole: Sequence[Change]) -> None:
        """Have everything told again that is missing from what the hub knows."""
        if self._outbox is None:
            return
        known = {change.scope: change.age for change in whole}
        for scope, change in self._latest.items():
            if scope not in known or known[scope] < change.age:
                self._outbox[scope] = change

    def _take(self, change: Change, now: float) -> bool:
        """Take in one change; false when it is nonsense or no news."""
        if not is_sound(change, now):
            self.nonsense += 1
            return False
        scope = change.scope
        latest = self._latest.get(scope)
        if (latest is not None and latest.age >= change.age) or (latest is None and change.is_over(now)):
            return False
        self._latest[scope] = change
        if self._outbox is not None:
            self._outbox.pop(scope, None)
        if len(self._latest) > STATE_MOST:
            self._make_room(change)
        for listener in self._took[scope[0]]:
            listener(change)
        return True

    def _forget(self, change: Change) -> None:
        scope = change.scope
        del self._latest[scope]
        if self._outbox is not None:
            self._outbox.pop(scope, None)
        for listener in self._forgot[scope[0]]:
            listener(change)

    def _shorten(self, now: float) -> None:
        """Cut bans to the longest again: the clock went back, and they would last for as long as it went."""
        end = now + LONGEST_BAN_SECONDS
        for scope, change in list(self._latest.items()):
            if change.kind is ChangeKind.BAN and (change.until is None or change.until > end):
                self._latest[scope] = shorter = evolve(change, until=end)
                for listener in self._took[Realm.SOURCE]:
                    listener(shorter)

    def _make_room(self, newest: Change) -> None:
        """Forget what is only remembered as ended and what ends soonest, many at once."""
        surplus = len(self._latest) - int(STATE_MOST * _ROOM)
        for realm in _PASSING:
            there = (change for change in self.of(realm) if change is not newest)
            gone = nsmallest(surplus, there, key=_end)
            for change in gone:
                self._forget(change)
            surplus -= len(gone)
            if surplus <= 0:
                return


def _end(change: Change) -> float:
    """Give when a change is over, for those that end by themselves; what is only remembered goes first."""
    if change.kind in (ChangeKind.RELEASE, ChangeKind.UP, ChangeKind.CONTRADICTED, ChangeKind.CALM):
        return change.at - TOMBSTONE_SECONDS * 100.0
    return math.inf if change.until is None else change.until
