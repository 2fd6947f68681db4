"""The cards of all members in a hub's memory: what each shows of itself, and when it was shown.

Without a life of their own: the hub says who has left. Used by `cluster.memory_hub`; others may ask `is_sound` before
they believe a card.
"""

from __future__ import annotations

import math

from attrs import evolve

from shieldrelay.cluster.hub import TEXT_OCTETS, Card

STATES = ("up", "draining", "leaving")
_WORKERS_MOST = 1 << 16


class Cards:
    """The last card of each member."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}

    def __len__(self) -> int:
        return len(self._cards)

    def put(self, card: Card, now_wall: float) -> None:
        """Put a card in the place of its member's former one."""
        self._cards[card.member] = evolve(card, heard=now_wall)

    def all(self) -> tuple[Card, ...]:
        """Give all of them, by member."""
        return tuple(self._cards[member] for member in sorted(self._cards))

    def leave(self, member: str) -> None:
        """Forget a member's card, if it showed one."""
        self._cards.pop(member, None)


def is_sound(card: Card) -> bool:
    """Whether a card can be: words of bounded length, a known state, a time that is a number."""
    words = (card.member, card.node, card.version, card.address, card.fingerprint, card.state, card.part, card.storage)
    return (
        all(len(word) <= TEXT_OCTETS for word in words)
        and bool(card.member and card.node)
        and card.state in STATES
        and 0 <= card.worker < _WORKERS_MOST
        and 0.0 <= card.at < math.inf
    )
