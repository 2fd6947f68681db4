"""Claims about members that are missing: who left and who was lost, and for how long it is known."""

from __future__ import annotations

from twisted.trial import unittest

from shieldrelay.cluster.departed import REMEMBERED_MOST, REMEMBERED_SECONDS, Departed
from shieldrelay.cluster.hub import MEMBER_SECONDS, Card

T0 = 1_800_000_000.0


def card(part: str, heard: float, state: str = "up", life: int = 1) -> Card:
    """Write one."""
    return Card(f"{part}-{life}", part, 0, "1", "", "", state, False, part, "", heard, heard)


class DepartedTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.departed = Departed()

    def meet(self, at: float, *others: Card) -> dict[str, bool]:
        """Meet; give who is missing, and whether it left."""
        self.departed.see([card("me", at), *others], "me-1")
        return {one.part: left for one, left in self.departed.cards}

    def test_who_vanishes_sooner_than_the_hub_forgets_has_left(self) -> None:
        """A card that goes within seconds was taken back; one that outlived its member's silence was not."""
        self.meet(T0, card("a", T0), card("b", T0 - MEMBER_SECONDS), card("c", T0 - MEMBER_SECONDS, "leaving"))
        self.assertEqual(self.meet(T0 + 5), {"a": True, "b": False, "c": True})

    def test_who_comes_back_is_not_missing(self) -> None:
        """Under another id too: its part of the spool is what counts."""
        self.meet(T0, card("a", T0))
        self.assertEqual(self.meet(T0 + 5), {"a": True})
        self.assertEqual(self.meet(T0 + 10, card("a", T0 + 9, life=2)), {})

    def test_it_is_forgotten(self) -> None:
        """After some days, and when there are too many."""
        self.meet(T0, card("a", T0))
        self.meet(T0 + 5)
        self.assertEqual(self.meet(T0 + REMEMBERED_SECONDS + 5), {})
        self.meet(T0, *(card(f"n{number}", T0) for number in range(REMEMBERED_MOST + 50)))
        self.assertEqual(len(self.meet(T0 + 5)), REMEMBERED_MOST)
