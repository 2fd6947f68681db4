"""`Fellows`: the other nodes of the cluster, as far as this one can ask them something.

What each says of itself on its card is believed, since only members write cards. Made by `assembly.peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from shieldrelay.cluster.hub import Card
from shieldrelay.peers.client import PeerClient

Cards = Callable[[], Sequence[Card]]


class Asked(Protocol):
    """What lists, domains and mail need of the other nodes."""

    @property
    def client(self) -> PeerClient:
        """Asks them."""

    def addresses(self, first: str = "") -> list[str]:
        """Name those that can be asked, this one first; last when it is not among those that were met."""


class Fellows:
    """The other nodes.

    :param cards: gives those of all live members.
    :param node: our own node's name.
    """

    def __init__(self, client: PeerClient, cards: Cards, node: str) -> None:
        self.client = client
        self._cards = cards
        self._node = node

    def addresses(self, first: str = "") -> list[str]:
        """Name those that can be asked, each once.

        :param first: where the hub says that something can be had: a node that came since the members met last.
        """
        met = self._named(first, ("up", "draining", "leaving"))
        return [*met, first] if first and first not in met else met

    def takers(self) -> list[str]:
        """Name those that may be given mail: they are not going away themselves."""
        return self._named("", ("up",))

    def _named(self, first: str, states: tuple[str, ...]) -> list[str]:
        found = {
            card.address: None
            for card in self._cards()
            if card.address and card.node != self._node and card.state in states
        }
        return sorted(found, key=lambda address: (address != first, address))
