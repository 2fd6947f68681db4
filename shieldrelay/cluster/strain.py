"""`Strain`: stress that many members have is everybody's (D9): when half of them are under stress, all are.

Each member says of itself alone when it is under stress, and says it again as long as it lasts; what it says ends by
itself soon after its last word. Whether others are is never told as one's own, so that it ends when theirs does. Used
by `assembly`; without a clock of its own; cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.cluster.change import Change, ChangeKind, Realm
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.ports import WallClock

LASTS_SECONDS = 60.0
"""A member's word of its stress counts for so long."""
_SAID_AGAIN = LASTS_SECONDS / 2.0
_SHARE = 0.5


class Strain:
    """The members' stress.

    :param member: ourselves.
    :param wall: a `Timepiece`.
    :param members: gives the number of live members, this one among them.
    """

    def __init__(self, decisions: Decisions, member: str, wall: WallClock, members: Callable[[], int]) -> None:
        self._decisions = decisions
        self._member = member.encode("ascii")
        self._wall = wall
        self._members = members
        self._said_at: float | None = None
        self._words: dict[bytes, Change] = {}
        decisions.on(Realm.MEMBER, self._took, lambda change: self._words.pop(change.subject, None))

    def say(self, why: str) -> None:
        """Say whether this member itself is under stress; often.

        :param why: the reason; ``""``: it is not.
        """
        now = self._wall()
        if why and (self._said_at is None or not 0.0 <= now - self._said_at < _SAID_AGAIN):
            self._said_at = now
            self._decisions.decide(ChangeKind.STRESS, self._member, now + LASTS_SECONDS, why, "stress")
        elif not why and self._said_at is not None:
            self._said_at = None
            self._decisions.decide(ChangeKind.CALM, self._member, None, "", "stress")

    @property
    def stressed(self) -> int:
        """How many members say that they are under stress, this one among them if it does."""
        now = self._wall()
        return sum(not change.is_over(now) for change in self._words.values())

    def common(self) -> str:
        """Say why everybody is under stress; ``""`` when it is not so. One member alone is no everybody."""
        members = self._members()
        if members < 2:
            return ""
        stressed = min(self.stressed, members)
        return f"{stressed} of {members} members are under stress" if stressed >= members * _SHARE else ""

    def _took(self, change: Change) -> None:
        if change.kind is ChangeKind.STRESS:
            self._words[change.subject] = change
        else:
            self._words.pop(change.subject, None)
