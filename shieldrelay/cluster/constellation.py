"""What the cards of one meeting say compared with those before: who came, who went, whose configuration differs.

Told to the journal once. Used by `cluster.roster`; without time, it counts meetings; cannot fail.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.departed import has_left, met_at
from shieldrelay.cluster.hub import Card
from shieldrelay.ports import Journal

_MEETINGS = 2
"""A difference that may pass by itself has to be seen in so many meetings, one after the other."""
_MISSED = 3
"""Likewise that somebody is not there: these meetings follow soon."""


class Constellation:
    """The members of the last meetings.

    :ivar drift: names of what differs between configurations, as it was last told.
    """

    def __init__(self, journal: Journal) -> None:
        self.drift: tuple[str, ...] = ()
        self._journal = journal
        self._present: dict[str, Card] = {}
        self._missed: dict[str, int] = {}
        self._left: set[str] = set()
        self._prints: frozenset[tuple[str, str]] = frozenset()
        self._seen = 0
        self._told: frozenset[tuple[str, str]] = frozenset()

    @property
    def incomplete(self) -> bool:
        """Whether somebody was missed of whom nothing is told yet."""
        return bool(self._missed)

    def see(self, cards: Sequence[Card], own: str) -> None:
        """Compare a meeting's cards with the former ones.

        :param own: our member; of ourselves nothing is told.
        """
        now = {card.member: card for card in cards}
        for member, card in now.items():
            if member not in self._present and member != own:
                self._tell("member_joined", card)
        self._miss(now, met_at(cards, own))
        self._present.update(now)
        self._compare(cards)

    def _miss(self, now: dict[str, Card], at: float) -> None:
        for member in [member for member in self._present if member not in now]:
            missed = self._missed[member] = self._missed.get(member, 0) + 1
            if missed == 1 and has_left(self._present[member], at):
                self._left.add(member)
            if missed >= _MISSED:
                state = "left" if member in self._left else "lost"
                self._forget(member)
                self._tell("member_left", self._present.pop(member), state=state)
        for member in now:
            self._forget(member)

    def _forget(self, member: str) -> None:
        self._missed.pop(member, None)
        self._left.discard(member)

    def _compare(self, cards: Sequence[Card]) -> None:
        prints = frozenset((card.node, card.fingerprint) for card in cards)
        self._seen = self._seen + 1 if prints == self._prints else 1
        self._prints = prints
        if self._seen < _MEETINGS or prints == self._told:
            return
        before, self.drift = self.drift, unlike([each for _, each in prints])
        self._told = prints
        if self.drift or before:
            nodes = sorted({node for node, _ in prints})
            state = "unlike" if self.drift else "alike"
            self._journal.event("configuration_drift", state=state, sections=self.drift, nodes=nodes)

    def _tell(self, event: str, card: Card, **more: str) -> None:
        self._journal.event(
            event,
            member=card.member,
            peer=card.node,
            process=card.worker,
            version=card.version,
            address=card.address,
            **more,
        )


def unlike(fingerprints: Sequence[str]) -> tuple[str, ...]:
    """Name the parts in which fingerprints differ: words ``name:hash``, of which one may lack a name of another."""
    words = [frozenset(fingerprint.split()) for fingerprint in fingerprints]
    if not words:
        return ()
    common = frozenset.intersection(*words)
    return tuple(sorted({word.partition(":")[0] for word in frozenset.union(*words) - common}))


def clock_error(card: Card, seconds: float) -> float:
    """Give by how much a member's clock is ahead of the hub's, at least; negative: behind.

    :param card: as it came back from its own meeting.
    :param seconds: that the meeting took: the hub saw the card at some time within it.
    """
    late = card.heard - card.at
    if late < 0.0:
        return -late
    return min(0.0, seconds - late)
