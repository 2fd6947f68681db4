"""R7: a message's lifetime counts the time in which its server was up."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.expiry import HARD_LIFETIME_SECONDS, LIFETIME_SECONDS, expires_at

DAY = 86400.0


def expiry(overlap: float, lifetime: float = LIFETIME_SECONDS) -> float:
    return expires_at(1000 * DAY, lifetime, HARD_LIFETIME_SECONDS, overlap) / DAY - 1000


class ExpiryTests(SynchronousTestCase):
    def test_without_an_outage_the_lifetime_rules(self) -> None:
        """A message whose server was up all the time is given up after seven days."""
        self.assertEqual(expiry(0), 7)

    def test_an_outage_is_added(self) -> None:
        """Five days of outage make it twelve."""
        self.assertEqual(expiry(5 * DAY), 12)

    def test_the_hard_lifetime_ends_every_outage(self) -> None:
        """However long the outage, and however long the lifetime is set, thirty days are the end."""
        self.assertEqual(expiry(29 * DAY), 30)
        self.assertEqual(expiry(0, lifetime=60 * DAY), 30)

    def test_a_ledger_with_a_clock_step_takes_nothing_away(self) -> None:
        """A negative overlap, from a wall clock set back, does not shorten the lifetime."""
        self.assertEqual(expiry(-3 * DAY), 7)
