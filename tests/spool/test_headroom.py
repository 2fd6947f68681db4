"""Room on the disk: what is refused, what is a warning, and each domain's share (R14)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.entry import Tally
from shieldrelay.spool.headroom import Level, Reserve, judge, share_is_used_up
from shieldrelay.spool.operations import Space

GIB = 1 << 30
SPACE = Space(50 * GIB, 100 * GIB, 500_000, 1_000_000)
RESERVE = Reserve(largest_message=50 << 20)


class HeadroomTests(SynchronousTestCase):
    def test_half_a_disk_is_plenty(self):
        """No reason is given."""
        self.assertEqual((judge(SPACE, RESERVE, 10).level, judge(SPACE, RESERVE, 10).reason), (Level.OK, ""))

    def test_below_two_gibibytes_is_refused(self):
        """The last octet of the reserve decides."""
        self.assertIs(judge(evolve(SPACE, octets_free=2 * GIB), RESERVE, 0).level, Level.WARN)
        refused = judge(evolve(SPACE, octets_free=2 * GIB - 1), RESERVE, 0)
        self.assertIs(refused.level, Level.REFUSE)
        self.assertIn("2147483647 octets are free", refused.reason)

    def test_every_session_in_data_needs_three_of_the_largest_messages(self):
        """Many sessions raise the reserve above its minimum."""
        needed = 3 * (50 << 20) * 100
        space = evolve(SPACE, octets_free=needed)
        self.assertIsNot(judge(space, RESERVE, 100).level, Level.REFUSE)
        self.assertIs(judge(space, RESERVE, 101).level, Level.REFUSE)

    def test_below_two_percent_of_inodes_is_refused(self):
        """However many octets are free."""
        self.assertIs(judge(evolve(SPACE, inodes_free=20_000), RESERVE, 0).level, Level.WARN)
        self.assertIs(judge(evolve(SPACE, inodes_free=19_999), RESERVE, 0).level, Level.REFUSE)

    def test_below_ten_percent_is_a_warning(self):
        """Of octets or of inodes."""
        self.assertIs(judge(evolve(SPACE, octets_free=10 * GIB - 1), RESERVE, 0).level, Level.WARN)
        self.assertIs(judge(evolve(SPACE, inodes_free=99_999), RESERVE, 0).level, Level.WARN)

    def test_a_file_system_without_inodes_is_judged_by_octets(self):
        """None of none is no lack."""
        space = evolve(SPACE, inodes_free=0, inodes_all=0)
        self.assertIs(judge(space, RESERVE, 0).level, Level.OK)
        self.assertFalse(share_is_used_up(Tally(10**9, 1), Tally(10**9, 1), space, RESERVE))

    def test_one_domain_cannot_take_the_others_disk(self):
        """Its share is of what is free and spooled together, in octets and in inodes."""
        space = evolve(SPACE, octets_free=40 * GIB, inodes_free=4000)
        everything = Tally(6000, 60 * GIB)
        self.assertFalse(share_is_used_up(Tally(6000, 60 * GIB), everything, space, RESERVE))
        self.assertTrue(share_is_used_up(Tally(1, 60 * GIB + 1), everything, space, RESERVE))
        self.assertTrue(share_is_used_up(Tally(6001, 1), everything, space, RESERVE))
