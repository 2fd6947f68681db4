"""Claims about one table: decay, caps, who is forgotten first, what it costs."""

from __future__ import annotations

import struct
import sys
import tracemalloc
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.cluster.kinds import Field, Kind, Merge
from shieldrelay.cluster.shelf import names_octets, row_octets
from shieldrelay.cluster.table import Table

COUNT, KEPT, UNTIL, FIRST = range(4)
FIELDS = (
    Field("count", half_life=10.0),
    Field("kept"),
    Field("until", merge=Merge.MAX),
    Field("first", merge=Merge.MIN),
)
KIND = Kind("things", FIELDS, lifetime=100.0, names=64)
ACTS = ("row", "dear", "let_go", "name", "forget", "clear", "expire")


def room_for(rows: int, **more: object) -> Kind:
    """Make a kind whose table has room for so many rows with keys of four octets and without names."""
    return Kind("small", FIELDS, 100.0, octets=rows * row_octets(len(FIELDS), 4), **more)  # type: ignore[arg-type]


def four(number: int) -> bytes:
    return struct.pack(">I", number)


def six(number: int) -> bytes:
    return struct.pack(">Q", number)


class RowTests(unittest.SynchronousTestCase):
    def test_counts_halve(self) -> None:
        """A field with a half-life is half after it, others stay."""
        table = Table(KIND)
        row = table.row(b"a", 5.0)
        table.add(row, COUNT, 8.0)
        table.add(row, KEPT, 8.0)
        self.assertIs(table.get(b"a", 15.0), row)
        self.assertAlmostEqual(table.total(row, COUNT), 4.0)
        self.assertEqual(table.total(row, KEPT), 8.0)

    def test_time_that_stands_still_or_goes_back_changes_nothing(self) -> None:
        """A look at the time of the last touch, or before it, finds the numbers as they were."""
        table = Table(KIND)
        table.add(table.row(b"a", 5.0), COUNT, 8.0)
        for now in (5.0, 3.0, 5.0):
            row = table.row(b"a", now)
            self.assertEqual((table.total(row, COUNT), row.at), (8.0, 5.0))

    @given(steps=st.lists(st.floats(0.0, 20.0), max_size=12))
    @settings(deadline=None, derandomize=True)
    def test_looking_on_the_way_changes_nothing(self, steps: Sequence[float]) -> None:
        """However often a row is looked at meanwhile, it decays to the same number."""
        table = Table(KIND)
        table.add(table.row(b"a", 0.0), COUNT, 1000.0)
        now = 0.0
        for step in steps:
            now += step
            table.get(b"a", now)
        row = table.get(b"a", now)
        assert row is not None
        exact = 1000.0 * 0.5 ** (now / 10.0)
        self.assertLess(abs(table.total(row, COUNT) - exact), exact / 5000.0 + 1e-9)

    def test_unset_least_is_no_value(self) -> None:
        """The least of values that are not all set is the least of those that are."""
        table = Table(KIND)
        row = table.row(b"a", 0.0)
        self.assertEqual(table.total(row, FIRST), 0.0)
        table.put(row, FIRST, 7.0)
        self.assertEqual(table.totals(row), [0.0, 0.0, 0.0, 7.0])

    def test_cap_lowers_only(self) -> None:
        """Capping brings a count down and never up."""
        table = Table(KIND)
        row = table.row(b"a", 0.0)
        table.add(row, COUNT, 5.0)
        table.cap(row, COUNT, 3.0)
        table.cap(row, COUNT, 4.0)
        self.assertEqual(table.total(row, COUNT), 3.0)

    def test_names_are_told_apart(self) -> None:
        """A name is new once, and always when the set is full."""
        table = Table(KIND)
        row = table.row(b"a", 0.0)
        self.assertEqual([table.name(row, n) for n in (1, 2, 1)], [True, True, False])
        for n in range(64):
            table.name(row, n)
        self.assertEqual([table.name(row, n) for n in (100, 100, 1)], [True, True, False])
        self.assertEqual(len(row.names or ()), 64)
        table.clear_names(row)
        self.assertTrue(table.name(row, 1))

    def test_nameless_kind_refuses_names(self) -> None:
        """A kind that declares no names has none."""
        table = Table(room_for(10))
        self.assertRaises(TypeError, table.name, table.row(b"a", 0.0), 1)

    def test_forgotten_rows_begin_anew(self) -> None:
        """A forgotten row is unknown, and what is added to the old one counts for nothing."""
        table = Table(KIND)
        old = table.row(b"a", 0.0)
        table.add(old, COUNT, 8.0)
        table.forget(b"a")
        table.forget(b"a")
        self.assertIsNone(table.get(b"a", 0.0))
        table.add(old, COUNT, 8.0)
        table.name(old, 1)
        table.hold_dear(old)
        self.assertEqual(table.total(table.row(b"a", 0.0), COUNT), 0.0)
        self.assertEqual(table.octets, row_octets(4, 1))


class LifetimeTests(unittest.SynchronousTestCase):
    def test_rows_end_with_their_lifetime(self) -> None:
        """A row untouched for longer than the lifetime is unknown, one touched just within it is not."""
        table = Table(KIND)
        table.row(b"a", 0.0)
        self.assertIsNotNone(table.get(b"a", 100.0))
        self.assertIsNone(table.get(b"a", 200.1))
        self.assertEqual(len(table), 0)

    def test_newcomers_clean_up(self) -> None:
        """Rows that are over go as new ones come, without a sweep."""
        table = Table(KIND)
        for number in range(100):
            table.row(four(number), 0.0)
        for number in range(100, 160):
            table.row(four(number), 150.0)
        self.assertEqual(len(table), 60)

    def test_a_sweep_is_bounded(self) -> None:
        """A sweep forgets no more rows at once than it was told to."""
        table = Table(KIND)
        for number in range(10):
            table.row(four(number), 0.0)
        self.assertEqual([table.expire(101.0, 4) for _ in range(4)], [4, 4, 2, 0])


class CapTests(unittest.SynchronousTestCase):
    def test_least_lately_touched_go_first(self) -> None:
        """A full table forgets the row whose touch is longest ago."""
        table = Table(room_for(3))
        for at, number in enumerate((1, 2, 3)):
            table.row(four(number), float(at))
        table.get(four(1), 4.0)
        table.row(four(4), 5.0)
        self.assertEqual([row.key for row in table], [four(3), four(1), four(4)])
        self.assertEqual(table.forgotten, 1)

    def test_precious_rows_go_last(self) -> None:
        """A flood of newcomers does not push out a precious row, until it is let go."""
        table = Table(room_for(8))
        boxed = table.row(four(999), 0.0)
        table.hold_dear(boxed)
        for number in range(100):
            table.row(four(number), 1.0)
        self.assertIs(table.get(four(999), 2.0), boxed)
        table.let_go(boxed)
        for number in range(100, 200):
            table.row(four(number), 3.0)
        self.assertIsNone(table.get(four(999), 4.0))

    def test_precious_rows_leave_room(self) -> None:
        """Precious rows fill three quarters at most: newcomers are still counted."""
        table = Table(room_for(8))
        for number in range(8):
            table.hold_dear(table.row(four(number), float(number)))
        self.assertEqual(sum(row.precious for row in table), 6)
        fresh = table.row(four(99), 9.0)
        self.assertIs(table.get(four(99), 9.0), fresh)

    def test_families_do_not_push_each_other_out(self) -> None:
        """A flood of IPv6 sources forgets IPv6 sources only, and the other way round."""
        for mine, flood in ((four, six), (six, four)):
            table = Table(room_for(20, families=True))
            for number in range(5):
                table.row(mine(number), 0.0)
            for number in range(1000):
                table.row(flood(number), 1.0)
            self.assertEqual(sum(table.find(mine(number)) is not None for number in range(5)), 5)
            self.assertLessEqual(table.octets, table.kind.octets)

    def test_names_count(self) -> None:
        """Names fill the table too: a row with many pushes others out."""
        table = Table(Kind("named", FIELDS, 100.0, names=4096, octets=200_000))
        for number in range(300):
            table.row(four(number), 0.0)
        greedy = table.row(four(999), 1.0)
        for number in range(1000):
            table.name(greedy, number)
        self.assertLessEqual(table.octets, 200_000)
        self.assertIsNotNone(table.find(four(999)))
        self.assertIsNone(table.find(four(0)))

    def test_a_table_too_small_for_one_row_holds_one(self) -> None:
        """Even without room the row in hand is a row."""
        table = Table(Kind("tiny", FIELDS, 100.0, octets=1))
        for number in range(5):
            table.add(table.row(four(number), 0.0), COUNT, 1.0)
        self.assertEqual(len(table), 1)

    @given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 12))))
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_the_count_of_octets_is_exact(self, acts: Sequence[tuple[str, int]]) -> None:
        """Whatever is done, the octets are those of the rows that are there, and within the cap."""
        table = Table(Kind("named", FIELDS, 100.0, names=70, octets=6000))
        costs = names_octets(70)
        for at, (act, number) in enumerate(acts):
            now = at * 7.0
            row = table.row(four(number), now)
            if act == "dear":
                table.hold_dear(row)
            elif act == "let_go":
                table.let_go(row)
            elif act == "name":
                for hashed in range(number * 3):
                    table.name(row, hashed)
            elif act == "forget":
                table.forget(row.key)
            elif act == "clear":
                table.clear_names(row)
            elif act == "expire":
                table.expire(now)
            expected = sum(row_octets(4, 4) + costs[len(row.names or ())] for row in table)
            self.assertEqual(table.octets, expected)
            self.assertTrue(table.octets <= 6000 or len(table) == 1)


class OrderTests(unittest.SynchronousTestCase):
    def test_worst_first(self) -> None:
        """What a kind calls dangerous comes first, and nothing is touched by looking."""
        kind = Kind("ranked", FIELDS, 100.0, danger=lambda totals: totals[COUNT])
        table = Table(kind)
        for number, count in enumerate((3.0, 9.0, 1.0)):
            table.add(table.row(four(number), 0.0), COUNT, count)
        self.assertEqual([row.key for row in table.worst(2)], [four(1), four(0)])

    def test_latest_first_without_danger(self) -> None:
        """Without a danger the latest touched come first."""
        table = Table(KIND)
        for number in range(3):
            table.row(four(number), float(number))
        self.assertEqual([row.key for row in table.worst(2)], [four(2), four(1)])


class CostTests(unittest.SynchronousTestCase):
    def test_sets_cost_what_is_counted(self) -> None:
        """The counted octets of a set of names are never below the true ones."""
        costs = names_octets(5000)
        names: set[int] = set()
        for number in range(1, 5001):
            names.add(number | 1 << 63)
            true = sys.getsizeof(names) + number * sys.getsizeof(1 << 63)
            self.assertLessEqual(true, costs[number])

    def test_rows_cost_what_is_counted(self) -> None:
        """The counted octets of a table are at least the memory that it takes, and not twice that."""
        for width, rows in ((2, 5000), (10, 20000), (10, 44000)):
            kind = Kind("k", tuple(Field(f"f{n}", 600.0) for n in range(width)), 1e9, names=8, octets=1 << 30)
            table = Table(kind)
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                for number in range(rows):
                    row = table.row(four(number), 0.0)
                    for field in range(width):
                        table.add(row, field, number + 0.5)
                    if number % 10 == 0:
                        table.name(row, number | 1 << 63)
                taken = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
            self.assertLessEqual(taken, table.octets)
            self.assertGreater(taken * 2, table.octets)

    def test_a_flood_of_keys_stays_under_the_cap(self) -> None:
        """Hundreds of thousands of keys pass through a table of one MiB, and its last touched are there."""
        table = Table(Kind("flood", FIELDS, 1e9, octets=1 << 20, families=True))
        for number in range(200_000):
            table.add(table.row(four(number) if number & 1 else six(number), number * 1e-3), COUNT, 1.0)
        self.assertLessEqual(table.octets, 1 << 20)
        self.assertEqual(len(table) + table.forgotten, 200_000)
        self.assertIsNotNone(table.find(four(199_999)))
