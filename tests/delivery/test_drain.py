"""Claims about how long a backlog takes to drain (R4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.drain import FADING_SECONDS, Drain


class DrainTests(SynchronousTestCase):
    """The estimate."""

    def drained(self, rate: float, seconds: float) -> Drain:
        """Give one that has seen an even rate up to now."""
        drain = Drain()
        for number in range(1, round(rate * seconds) + 1):
            drain.done(number / rate)
        return drain

    def test_an_even_rate_is_found_early_and_late(self) -> None:
        """Ten messages a second are ten a second after five seconds and after an hour."""
        for seconds in (5.0, 3600.0):
            self.assertLess(abs(self.drained(10.0, seconds).rate(seconds) - 10.0), 0.5)

    def test_the_estimate_is_what_waits_by_the_rate(self) -> None:
        """At ten a second 600 messages take a minute; nothing takes no time."""
        drain = self.drained(10.0, 60.0)
        self.assertLess(abs((drain.seconds(600, 0, 60.0) or 0.0) - 60.0), 3.0)
        self.assertEqual(drain.seconds(0, 0, 60.0), 0.0)

    def test_the_declared_pace_bounds_it(self) -> None:
        """Whatever went lately, a declared rate of messages or octets is not surpassed."""
        drain = self.drained(10.0, 60.0)
        self.assertEqual(drain.seconds(600, 0, 60.0, messages_per_second=1.0), 600.0)
        self.assertEqual(drain.seconds(600, 90_000, 60.0, octets_per_second=100.0), 900.0)
        self.assertEqual(Drain().seconds(600, 0, 60.0, messages_per_second=1.0), 600.0)

    def test_nobody_knows_before_anything_went_or_long_after(self) -> None:
        """Without a rate, declared or seen of late, there is no estimate."""
        self.assertIsNone(Drain().seconds(600, 0, 60.0))
        self.assertIsNone(self.drained(10.0, 60.0).seconds(600, 0, 60.0 + 4 * FADING_SECONDS))

    def test_a_rate_that_ends_fades(self) -> None:
        """When nothing goes any more the estimate grows."""
        drain = self.drained(10.0, 600.0)
        self.assertGreater(drain.seconds(600, 0, 600.0 + FADING_SECONDS) or 0.0, 150.0)
