"""Claims about which refusals at the door have a line of their own."""

from __future__ import annotations

from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.verdict import Refusal
from shieldrelay.shield.telling import MOST, Telling
from shieldrelay.smtp import replies


class TellingTests(SynchronousTestCase):
    """`Telling` by itself."""

    def setUp(self) -> None:
        numbers = count(1)
        self.telling = Telling(lambda: f"R{next(numbers)}")

    def test_the_first_of_a_minute_is_told(self) -> None:
        """A source and a defence have a line a minute; others share its reference, and the next line counts them."""
        first = self.telling.told(b"\x01", "harvest", 0.0)
        self.assertEqual((first.first, first.reference, first.before), (True, "R1", 0))
        for second in range(1, 4):
            again = self.telling.told(b"\x01", "harvest", float(second))
            self.assertEqual((again.first, again.reference), (False, "R1"))
        later = self.telling.told(b"\x01", "harvest", 60.0)
        self.assertEqual((later.first, later.reference, later.before), (True, "R2", 3))

    def test_sources_and_defences_are_told_apart(self) -> None:
        """Another source, or another defence, has its own line."""
        told = [self.telling.told(*each, 0.0).first for each in ((b"\x01", "a"), (b"\x02", "a"), (b"\x01", "b"))]
        self.assertEqual(told, [True, True, True])

    def test_memory_is_bounded(self) -> None:
        """So many are remembered at a time; then the oldest is forgotten."""
        for number in range(MOST + 10):
            self.telling.told(number.to_bytes(4, "big"), "harvest", 0.0)
        self.assertEqual(len(self.telling), MOST)
        self.assertTrue(self.telling.told((0).to_bytes(4, "big"), "harvest", 1.0).first)
        self.assertFalse(self.telling.told((MOST + 9).to_bytes(4, "big"), "harvest", 1.0).first)

    def test_refusals_of_a_source(self) -> None:
        """Of a source it gives what was refused, the latest first, and neither others' nor what was only observed."""
        refusal = Refusal(replies.TURNED_AWAY, "why", "harvest")
        for source, defence, at in ((b"\x01", "harvest", 0.0), (b"\x01", "lists", 1.0), (b"\x02", "lists", 2.0)):
            self.telling.told(source, defence, at).refusal = refusal
        self.telling.told(b"\x01", "observed connections", 3.0)
        self.telling.told(b"\x01", "harvest", 4.0)
        found = [(defence, told.reference, told.count) for defence, told in self.telling.refusals(b"\x01")]
        self.assertEqual(found, [("lists", "R2", 0), ("harvest", "R1", 1)])
