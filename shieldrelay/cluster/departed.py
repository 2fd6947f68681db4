"""`Departed`: the members that were met and are there no more, for some days: an operator wants to know who is missing.

Told of every meeting's cards. A process that comes back, under whatever id, is the one with the same part of the spool.
A member that is lost lives on in the hub for `MEMBER_SECONDS`; one whose card vanishes sooner has taken it back itself,
and so it left. Pure; bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.hub import MEMBER_SECONDS, Card

REMEMBERED_SECONDS = 2 * 86400.0
REMEMBERED_MOST = 200
_SOONER_SECONDS = 5.0


class Departed:
    """Who is missing."""

    def __init__(self) -> None:
        self._present: dict[str, Card] = {}
        self._gone: dict[str, tuple[Card, bool]] = {}

    def see(self, cards: Sequence[Card], own: str) -> None:
        """Compare with the meeting before.

        :param own: our member; its card was shown to the hub in this meeting.
        """
        at = met_at(cards, own)
        there = {card.part: card for card in cards}
        for part, card in self._present.items():
            if part not in there:
                self._gone[part] = card, has_left(card, at)
        long_ago = [part for part, (card, _) in self._gone.items() if at - card.heard > REMEMBERED_SECONDS]
        for part in [*there, *long_ago]:
            self._gone.pop(part, None)
        while len(self._gone) > REMEMBERED_MOST:
            del self._gone[next(iter(self._gone))]
        self._present = there

    @property
    def cards(self) -> tuple[tuple[Card, bool], ...]:
        """Give the last card of each, by part, and whether it left by itself."""
        return tuple(self._gone[part] for part in sorted(self._gone))


def met_at(cards: Sequence[Card], own: str) -> float:
    """Give when a meeting was, by the hub's clock; 0: nobody can tell."""
    return next((card.heard for card in cards if card.member == own), 0.0)


def has_left(card: Card, at: float) -> bool:
    """Whether a member whose card was missed for the first time at a time left by itself.

    :param card: as it was seen last.
    :param at: seconds since the epoch, by the hub's clock.
    """
    return card.state == "leaving" or at - card.heard < MEMBER_SECONDS - _SOONER_SECONDS
