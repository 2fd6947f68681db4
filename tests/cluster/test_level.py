"""Claims about how much of a row everybody should know at once, and about what arrives of a row that is quiet."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.cluster.hub import Record
from shieldrelay.cluster.kinds import Field, Kind, Merge
from shieldrelay.cluster.level import Level, level_of
from shieldrelay.cluster.parts import Parts
from shieldrelay.cluster.table import Table

KIND = Kind(
    "tests",
    (
        Field("sum", half_life=60.0, quiet=4.0),
        Field("held", lease=True, quiet=2.0),
        Field("until", merge=Merge.MAX, moment=True),
        Field("passed", merge=Merge.MAX, moment=True, quiet=math.inf),
    ),
    lifetime=100.0,
)
EPOCH = 1_800_000_000.0


def weigh() -> Level:
    level = level_of(KIND)
    assert level is not None
    return level


class LevelTests(SynchronousTestCase):
    """When a row is news."""

    def test_kinds_without_quiet_fields_have_no_level(self) -> None:
        """Where nothing is declared as quiet every change is news."""
        self.assertIsNone(level_of(Kind("loud", (Field("count"),), lifetime=1.0)))

    def test_little_is_nothing_and_then_doublings_count(self) -> None:
        """Below its declared bound a sum is level 0; from there each doubling is another level, and nothing between."""
        level = weigh()
        levels = [level((value, 0.0, 0.0, 0.0), EPOCH) for value in (0.0, 3.9, 4.0, 7.9, 8.0, 15.0, 16.0)]
        self.assertEqual(levels[:2], [0, 0])
        self.assertEqual((levels[2], levels[4]), (levels[3], levels[5]))
        self.assertEqual(len(set(levels)), 4)

    def test_moments_count_by_the_minute_of_the_world(self) -> None:
        """The same moment has one level on clocks that differ, another moment another; an infinitely quiet one none."""
        level = weigh()
        one = level((0.0, 0.0, 1000.0, 0.0), EPOCH)
        self.assertEqual(one, level((0.0, 0.0, 400.1, 7.0), EPOCH + 600.0))
        self.assertNotEqual(one, level((0.0, 0.0, 1200.0, 0.0), EPOCH))
        self.assertEqual(level((0.0, 0.0, 0.0, 1000.0), EPOCH), 0)

    @given(st.lists(st.floats(0.0, 1e15), min_size=4, max_size=4))
    @settings(deadline=None, derandomize=True)
    def test_every_row_has_a_level_of_32_bits(self, totals: list[float]) -> None:
        """Whatever the values are."""
        self.assertTrue(0 <= weigh()(totals, EPOCH) < 1 << 32)


class QuietPartsTests(SynchronousTestCase):
    """What a member makes of it."""

    def setUp(self) -> None:
        self.table = Table(KIND)
        self.parts = Parts(self.table)
        self.parts.share()

    def test_records_carry_the_level_of_the_totals(self) -> None:
        """What a member tells is weighed with what it heard of the others."""
        self.table.add(self.table.row(b"k", 0.0), 0, 3.0)
        self.assertEqual([record.level for record in self.parts.take(9, EPOCH)], [0])
        self.parts.put(Record("tests", b"k", EPOCH, (3.0, 0.0, 0.0, 0.0)), 0.0, EPOCH)
        self.table.add(self.table.row(b"k", 0.0), 0, 0.0)
        self.assertEqual([record.level for record in self.parts.take(9, EPOCH)], [weigh()((6.0, 0.0, 0.0, 0.0), EPOCH)])

    def test_who_has_no_part_takes_little_for_nothing(self) -> None:
        """Sums below their bound are none to who will not hear of their end; who has a part has them exactly."""
        little = (5.0, 1.0, 0.0, 0.0)
        self.parts.put(Record("tests", b"k", EPOCH, little), 0.0, EPOCH)
        self.assertEqual(self.table.totals(self.table.row(b"k", 0.0)), [5.0, 0.0, 0.0, 0.0])
        self.table.add(self.table.row(b"k", 0.0), 0, 1.0)
        self.parts.put(Record("tests", b"k", EPOCH, little), 0.0, EPOCH)
        self.assertEqual(self.table.totals(self.table.row(b"k", 0.0)), [6.0, 1.0, 0.0, 0.0])
