"""Our ids of messages."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.identity import MessageIds

AT = 1_795_320_258.75


def fixed(octets: bytes) -> MessageIds:
    return MessageIds(lambda count: octets[:count])


class MessageIdTests(SynchronousTestCase):
    def test_ids_differ_within_one_instant(self) -> None:
        """A hundred thousand of the same second are all different, 24 letters and digits each."""
        ids = MessageIds(os.urandom)
        made = {ids.new(AT) for _ in range(100_000)}
        self.assertEqual(len(made), 100_000)
        self.assertTrue(all(len(each) == 24 and each.isascii() and each.isalnum() for each in made))

    def test_names_sort_by_arrival(self) -> None:
        """The time comes first: whatever came later sorts after, within a second too, whatever the random bits say."""
        high, low = fixed(b"\xff" * 10), fixed(b"\0" * 10)
        for later in (0.0001, 0.001, 0.2):
            self.assertLess(high.new(AT), low.new(AT + later))
        for second in (0, 1, 61, 3843, 3844, 1_795_320_258, (1 << 32) - 2):
            self.assertLess(high.new(second + 0.9), low.new(second + 1.0))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
    def test_all_80_bits_are_in_the_id(self, one: bytes, other: bytes) -> None:
        """Two ids of one moment are equal only when all their random bits are."""
        self.assertEqual(fixed(one).new(AT) == fixed(other).new(AT), one == other)

    def test_every_random_bit_shows(self) -> None:
        """Flipping any single bit gives another id."""
        made = {fixed((1 << bit).to_bytes(10, "big")).new(AT) for bit in range(80)}
        self.assertEqual(len(made), 80)

    def test_times_beyond_the_stamp_still_make_ids(self) -> None:
        """Before 1970 and after 2106 the order turns over, the form stays."""
        for now in (-5.0, float(1 << 33)):
            self.assertEqual(len(fixed(b"\1" * 10).new(now)), 24)
