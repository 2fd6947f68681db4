"""Claims about the turns between known-good mail and strangers' (R4)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.line import Line
from shieldrelay.delivery.turns import LEAD, Turns
from shieldrelay.mail.envelope import Precedence
from tests.delivery.test_lane import attempt

KNOWN_GOOD, ORDINARY = Precedence.KNOWN_GOOD, Precedence.ORDINARY


class TurnTests(SynchronousTestCase):
    def test_known_good_goes_first_and_then_in_turn(self) -> None:
        """While both wait known-good mail has its lead, and from then on every second turn."""
        turns, order = Turns(), ""
        for _ in range(LEAD + 8):
            precedence = KNOWN_GOOD if turns.known_good_first else ORDINARY
            turns.started(precedence, others_wait=True)
            order += precedence.value[0]
        self.assertEqual(order, "k" * LEAD + "ok" * 4)

    def test_the_lead_is_forgotten_when_nobody_waits(self) -> None:
        """When no stranger waits known-good mail spends nothing."""
        turns = Turns()
        for _ in range(LEAD):
            turns.started(KNOWN_GOOD, others_wait=True)
        self.assertFalse(turns.known_good_first)
        turns.started(KNOWN_GOOD, others_wait=False)
        self.assertTrue(turns.known_good_first)

    @given(st.lists(st.tuples(st.sampled_from(Precedence), st.booleans()), max_size=200))
    @settings(deadline=None, derandomize=True, max_examples=100)
    def test_the_lead_stays_within_its_bounds(self, starts: list[tuple[Precedence, bool]]) -> None:
        """Whatever starts, the lead is 0 to its most: no debt is kept for later."""
        turns = Turns()
        for precedence, others_wait in starts:
            turns.started(precedence, others_wait=others_wait)
            self.assertTrue(0 <= turns.lead <= LEAD)


class LineTests(SynchronousTestCase):
    def test_known_good_mail_is_first_in_line(self) -> None:
        """Known-good mail goes before strangers that came earlier, and is not kept out by how many they are."""
        line = Line(Clock(), 0.1)
        for number, precedence in enumerate((ORDINARY, ORDINARY, KNOWN_GOOD, KNOWN_GOOD)):
            line.join(attempt(number, precedence=precedence))
        self.assertEqual((line.waiting(KNOWN_GOOD), line.waiting(ORDINARY)), (2, 4))
        order = []
        while len(line):
            first = line.first()
            self.assertIs(line.next().attempt, first)
            order.append(first.message.id)
        self.assertEqual(order, ["m2", "m3", "m0", "m1"])
