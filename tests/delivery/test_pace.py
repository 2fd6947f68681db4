"""What a server bears (R4)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.pace import Bucket, Pace
from shieldrelay.mail.envelope import Precedence

MIB = 1024 * 1024


def offered(pace: Pace, seconds: float, every: float, size: int, precedence: Precedence = Precedence.ORDINARY) -> int:
    """Offer a message at an even rate, beginning at 1000 s; give how many may start."""
    steps = int(seconds / every)
    return sum(pace.may_start(size, 1000.0 + step * every, precedence) for step in range(steps))


class PaceTests(SynchronousTestCase):
    def test_without_a_declared_rate_everything_may_start(self) -> None:
        """Twenty connections and no rate are the default."""
        pace = Pace()
        self.assertEqual(pace.connections, 20)
        self.assertTrue(all(pace.may_start(50 * MIB, 0.0) for _ in range(1000)))
        self.assertEqual(pace.earliest(50 * MIB, 7.0), 7.0)

    def test_messages_keep_to_their_rate(self) -> None:
        """Of 6 000 messages offered in a minute, 600 may start and one second's burst more, and so on."""
        self.assertTrue(600 <= offered(Pace(messages_per_minute=600), 60, 0.01, 100) <= 610)
        self.assertTrue(3000 <= offered(Pace(messages_per_minute=600), 300, 0.05, 100) <= 3010)

    def test_a_slow_rate_still_lets_a_message_through_at_once(self) -> None:
        """At six a minute the first two start, the next ones ten seconds apart."""
        pace = Pace(messages_per_minute=6)
        self.assertEqual([pace.may_start(1, 0.0, Precedence.KNOWN_GOOD) for _ in range(3)], [True, True, False])
        self.assertAlmostEqual(pace.earliest(1, 0.0, Precedence.KNOWN_GOOD), 10.0)

    def test_octets_keep_to_their_rate_with_large_messages_too(self) -> None:
        """Messages of five seconds' octets pass, five seconds apart."""
        pace = Pace(octets_per_second=MIB)
        started = offered(pace, 60, 0.1, 5 * MIB)
        self.assertTrue(12 <= started <= 13, started)

    def test_the_promised_time_is_kept(self) -> None:
        """Who waits until the earliest time may start then."""
        pace = Pace(messages_per_minute=90, octets_per_second=3000)
        now = 0.0
        for size in (100, 5000, 3000, 1, 12345, 77) * 5:
            now = pace.earliest(size, now)
            self.assertTrue(pace.may_start(size, now), size)

    def test_a_refused_start_costs_nothing(self) -> None:
        """Asking in vain a thousand times does not push the time away."""
        pace = Pace(messages_per_minute=60)
        while pace.may_start(1, 0.0):
            pass
        earliest = pace.earliest(1, 0.0)
        for _ in range(1000):
            self.assertFalse(pace.may_start(1, 0.0))
        self.assertEqual(pace.earliest(1, 0.0), earliest)

    def test_known_good_senders_find_room_in_a_flood(self) -> None:
        """While strangers take all that they can get, a known-good sender's message starts at once."""
        pace = Pace(messages_per_minute=600)
        for step in range(1000):
            now = 1000.0 + step * 0.01
            while pace.may_start(100, now):
                pass
            if step % 100 == 99:
                self.assertTrue(pace.may_start(100, now, Precedence.KNOWN_GOOD), step)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(
        st.floats(1, 6000),
        st.lists(st.tuples(st.floats(0, 5), st.sampled_from(Precedence)), min_size=1, max_size=200),
    )
    def test_no_stretch_of_time_exceeds_rate_and_burst(
        self, per_minute: float, offers: list[tuple[float, Precedence]]
    ) -> None:
        """However messages come, those started never exceed the rate over the time plus one burst."""
        pace = Pace(messages_per_minute=per_minute)
        now, started = 0.0, 0
        for later, precedence in offers:
            now += later
            started += pace.may_start(1, now, precedence)
            self.assertLessEqual(started, now * per_minute / 60 + max(2.0, per_minute / 60) + 1e-3)

    def test_time_that_stands_still_or_goes_back_earns_nothing(self) -> None:
        """A bucket earns by time passed only."""
        bucket = Bucket(1.0, 2.0)
        self.assertEqual(bucket.wait(2.0, 100.0, Precedence.KNOWN_GOOD), 0.0)
        bucket.take(2.0)
        self.assertEqual(bucket.wait(1.0, 50.0, Precedence.KNOWN_GOOD), 1.0)

    def test_a_rate_of_nothing_cannot_be_declared(self) -> None:
        """It would hold mail for ever."""
        self.assertRaises(ValueError, Pace, 20, 0.0)
        self.assertRaises(ValueError, Pace, 20, None, 0.0)
