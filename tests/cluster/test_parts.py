"""Claims about what of a table goes out and comes in."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.cluster.hub import Record
from shieldrelay.cluster.kinds import Field, Kind, Merge
from shieldrelay.cluster.parts import Parts
from shieldrelay.cluster.table import Table

COUNT, HELD, UNTIL, FIRST = range(4)
KIND = Kind(
    "things",
    (
        Field("count", half_life=10.0),
        Field("held", lease=True),
        Field("until", merge=Merge.MAX, moment=True),
        Field("first", merge=Merge.MIN, moment=True),
    ),
    lifetime=100.0,
    names=4,
    danger=lambda totals: totals[COUNT],
    kept=True,
)
OFFSET = 1_800_000_000.0


def shared() -> tuple[Table, Parts]:
    table = Table(KIND)
    parts = Parts(table)
    parts.share()
    return table, parts


def record(key: bytes, *values: float, at: float = 0.0, names: Sequence[int] = ()) -> Record:
    return Record("things", key, OFFSET + at, (*values, *(0.0,) * (4 - len(values))), frozenset(names))


class TellingTests(unittest.SynchronousTestCase):
    def test_nothing_is_gathered_for_nobody(self) -> None:
        """A table that is not shared has nothing to tell; once it is, all that changed so far."""
        table = Table(KIND)
        parts = Parts(table)
        table.add(table.row(b"a", 0.0), COUNT, 1.0)
        self.assertEqual((parts.waiting, parts.take(10, OFFSET)), (0, []))
        parts.share()
        self.assertEqual(parts.waiting, 1)

    def test_what_changed_is_told_once(self) -> None:
        """A row is told when it changed, with values and names of its last touch, and not again until it changes."""
        table, parts = shared()
        row = table.row(b"a", 5.0)
        table.add(row, COUNT, 3.0)
        table.put(row, UNTIL, 65.0)
        table.name(row, 7)
        told = parts.take(10, OFFSET)
        self.assertEqual(told, [Record("things", b"a", OFFSET + 5.0, (3.0, 0.0, OFFSET + 65.0, 0.0), frozenset((7,)))])
        self.assertEqual(parts.take(10, OFFSET), [])
        table.add(row, COUNT, 1.0)
        self.assertEqual(parts.take(10, OFFSET)[0].values[COUNT], 4.0)

    def test_what_nobody_heard_is_told_again(self) -> None:
        """After a failure the same rows are told with what they are by then."""
        table, parts = shared()
        table.add(table.row(b"a", 0.0), COUNT, 3.0)
        table.add(table.row(b"gone", 0.0), COUNT, 3.0)
        told = parts.take(10, OFFSET)
        table.add(table.row(b"a", 0.0), COUNT, 1.0)
        table.forget(b"gone")
        parts.again(told)
        self.assertEqual([(each.key, each.values[COUNT]) for each in parts.take(10, OFFSET)], [(b"a", 4.0)])

    def test_the_most_dangerous_first_and_nobody_never(self) -> None:
        """A limited tick tells the worst first; every row has its turn while no new ones come."""
        table, parts = shared()
        for number in range(100):
            table.add(table.row(b"%03d" % number, 0.0), COUNT, float(number))
        order = [each.key for _ in range(10) for each in parts.take(10, OFFSET)]
        self.assertEqual(len(set(order)), 100)
        self.assertEqual(order[0], b"039")
        self.assertLess(order.index(b"099"), 40)

    def test_forgotten_rows_are_not_told(self) -> None:
        """What was forgotten meanwhile, for whatever reason, leaves nothing to tell."""
        table, parts = shared()
        row = table.row(b"a", 0.0)
        table.add(row, COUNT, 1.0)
        table.forget(b"a")
        table.add(row, COUNT, 1.0)
        self.assertEqual((parts.waiting, parts.take(10, OFFSET)), (0, []))

    def test_everything_can_be_told_again(self) -> None:
        """For a hub that forgot, every row with a part of ours is told, those of others are not."""
        table, parts = shared()
        table.add(table.row(b"ours", 0.0), COUNT, 1.0)
        parts.put(record(b"theirs", 1.0), 0.0, OFFSET)
        parts.take(10, OFFSET)
        parts.tell_all()
        self.assertEqual([each.key for each in parts.take(10, OFFSET)], [b"ours"])


class PuttingTests(unittest.SynchronousTestCase):
    def test_others_count_in_the_total(self) -> None:
        """What others have adds to the total, decayed to now, on our clock, and replaces what they had."""
        table, parts = shared()
        row = table.row(b"a", 10.0)
        table.add(row, COUNT, 1.0)
        for _ in range(2):
            self.assertTrue(parts.put(record(b"a", 8.0, 2.0, OFFSET + 70.0, OFFSET + 3.0, names=(1, 2)), 10.0, OFFSET))
        self.assertEqual([round(value, 6) for value in table.totals(row)], [5.0, 2.0, 70.0, 3.0])
        self.assertEqual(row.names, {1, 2})
        table.get(b"a", 20.0)
        self.assertEqual([round(value, 6) for value in table.totals(row)], [2.5, 2.0, 70.0, 3.0])

    def test_moments_before_our_clock_began_hold(self) -> None:
        """A moment of another member from before our own clock's beginning is set, not lost to our unset one."""
        table, parts = shared()
        parts.put(record(b"a", 0.0, 0.0, OFFSET - 50.0), 1.0, OFFSET)
        self.assertEqual(table.total(table.row(b"a", 1.0), UNTIL), -50.0)

    def test_nobody_has_anything_any_more(self) -> None:
        """A record of zeros takes the others' part away, and what it cost; for an unknown row it makes none."""
        table, parts = shared()
        table.add(table.row(b"a", 0.0), COUNT, 1.0)
        before = table.octets
        parts.put(record(b"a", 5.0), 0.0, OFFSET)
        self.assertGreater(table.octets, before)
        parts.put(record(b"a"), 0.0, OFFSET)
        parts.put(record(b"b"), 0.0, OFFSET)
        self.assertEqual((table.total(table.row(b"a", 0.0), COUNT), table.octets, len(table)), (1.0, before, 1))

    def test_leases_of_the_silent_are_dropped(self) -> None:
        """What others were holding can be dropped, without what they counted or what we hold."""
        table, parts = shared()
        row = table.row(b"a", 0.0)
        table.add(row, HELD, 1.0)
        parts.put(record(b"a", 5.0, 7.0), 0.0, OFFSET)
        parts.drop_leases()
        self.assertEqual(table.totals(row)[:2], [5.0, 1.0])

    def test_a_flood_of_others_stays_under_the_cap(self) -> None:
        """Others' rows are under the same cap as ours."""
        kind = Kind("things", KIND.fields, 100.0, names=4, octets=50_000)
        table = Table(kind)
        parts = Parts(table)
        for number in range(1000):
            parts.put(record(b"%04d" % number, 1.0, names=range(4)), 0.0, OFFSET)
        self.assertLessEqual(table.octets, 50_000)

    @given(
        values=st.lists(st.floats(), min_size=3, max_size=5),
        key=st.binary(max_size=300),
        at=st.floats(),
        names=st.frozensets(st.integers()),
    )
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_nonsense_does_no_harm(self, values: list[float], key: bytes, at: float, names: frozenset[int]) -> None:
        """Whatever a record says, nothing is raised, and totals are numbers."""
        table, parts = shared()
        said = Record("things", key, at, tuple(values), names)
        parts.put(said, 5.0, OFFSET)
        parts.restore(said, 5.0, OFFSET)
        for row in table:
            self.assertTrue(all(abs(value) < 1e16 for value in table.totals(row)))
            self.assertLessEqual(len(row.names or ()), 4)


class KeepingTests(unittest.SynchronousTestCase):
    def test_our_part_survives_a_restart(self) -> None:
        """What was kept comes back decayed, with moments on the new clock, and is told to others again."""
        table, parts = shared()
        row = table.row(b"a", 1000.0)
        table.add(row, COUNT, 8.0)
        table.add(row, HELD, 3.0)
        table.put(row, UNTIL, 1060.0)
        table.name(row, 7)
        parts.put(record(b"a", 100.0, at=1000.0), 1000.0, OFFSET)
        kept = parts.own(b"a", OFFSET)
        assert kept is not None
        again, new_parts = shared()
        self.assertTrue(new_parts.restore(kept, 5.0, OFFSET + 1005.0))
        back = again.get(b"a", 5.0)
        assert back is not None
        self.assertEqual([round(value, 6) for value in again.totals(back)], [4.0, 0.0, 55.0, 0.0])
        self.assertEqual((back.names, new_parts.waiting), ({7}, 1))

    def test_what_is_over_does_not_come_back(self) -> None:
        """A row older than its lifetime, or with nothing of ours, is not kept."""
        table, parts = shared()
        self.assertFalse(parts.restore(record(b"a", 1.0), 101.0, OFFSET))
        table.add(table.row(b"held", 0.0), HELD, 1.0)
        table.put(table.row(b"broken", 0.0), COUNT, float("inf"))
        self.assertEqual([parts.own(key, OFFSET) for key in (b"a", b"held", b"broken")], [None, None, None])
