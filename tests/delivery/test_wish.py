"""Claims about how much of a shared server a member asks for (R4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.wish import PEAK_SECONDS, STANDING_SECONDS, TURN_SECONDS, Wish


class WishTests(SynchronousTestCase):
    """What is asked for, and for how long."""

    def test_a_need_is_asked_for_at_once_with_a_little_beyond_and_remembered(self) -> None:
        """It grows at once and shrinks after ten seconds, so that the next message finds what the last one had."""
        wish = Wish(2, 2)
        self.assertEqual(wish.units(20, 0, 0.0), 0)
        wish.need(5, 0.0)
        wish.need(1, 1.0)
        self.assertEqual([wish.units(20, 1, now) for now in (1.0, PEAK_SECONDS - 0.1)], [7, 7])
        self.assertEqual(wish.units(6, 1, 1.0), 6)
        self.assertEqual(wish.units(20, 1, PEAK_SECONDS), 2)

    def test_a_little_stays_wished_for_some_minutes(self) -> None:
        """The first message after a pause finds a connection that nobody has to be asked for."""
        wish = Wish(2, 2)
        wish.need(1, 0.0)
        self.assertEqual(wish.units(20, 1, STANDING_SECONDS - 0.1), 2)
        self.assertEqual(wish.units(20, 1, STANDING_SECONDS), 0)

    def test_where_there_are_more_members_than_units_nobody_wishes_beyond_its_need(self) -> None:
        """What stands would be another member's only connection."""
        wish = Wish(2, 2)
        wish.need(1, 0.0)
        self.assertEqual(wish.units(2, 3, 1.0), 1)
        self.assertEqual(wish.units(2, 3, PEAK_SECONDS), 0)

    def test_who_has_had_its_turn_gives_way_once(self) -> None:
        """After five seconds with what others lack it lets go, and then begins anew."""
        wish = Wish(2, 2)
        gave = [wish.gives_way(1, 2, 3, now) for now in (0.0, TURN_SECONDS - 0.1, TURN_SECONDS, TURN_SECONDS + 0.1)]
        self.assertEqual(gave, [False, False, True, False])
        self.assertFalse(wish.gives_way(1, 3, 3, 3 * TURN_SECONDS))
        self.assertFalse(wish.gives_way(0, 2, 3, 4 * TURN_SECONDS))
