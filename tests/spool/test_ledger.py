"""The ledger of down-times: its arithmetic, and its file through torn lines and crashes (R7)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.ledger import Change, Interval, Ledger, overlap
from shieldrelay.spool.ledger_file import LedgerFile, decode_ledger, encode_ledger
from shieldrelay.testing.disk import ForgetfulDisk

_changes = st.lists(st.tuples(st.sampled_from(Change), st.integers(0, 1000).map(float)), max_size=12)


def ledger_of(*changes: tuple[Change, float]) -> Ledger:
    ledger = Ledger()
    for change, at in changes:
        ledger = ledger.noting(change, at)
    return ledger


class LedgerTests(SynchronousTestCase):
    def test_overlap_counts_what_lies_within(self):
        """Down-times that begin before, end after, or last are counted as far as they lie in the stretch."""
        ledger = ledger_of((Change.DOWN, 10), (Change.UP, 20), (Change.DOWN, 30), (Change.UP, 40), (Change.DOWN, 50))
        for since, until, seconds in ((0, 5, 0), (0, 15, 5), (12, 18, 6), (15, 35, 10), (0, 100, 70), (60, 70, 10)):
            self.assertEqual(overlap(ledger, since, until), seconds)

    def test_a_stretch_of_no_length_overlaps_nothing(self):
        """Nor does one that ends before it begins."""
        ledger = ledger_of((Change.DOWN, 10))
        self.assertEqual((overlap(ledger, 20, 20), overlap(ledger, 30, 20)), (0, 0))

    def test_changes_that_are_none_are_ignored(self):
        """Down while down, up while up, and up before anything."""
        ledger = ledger_of((Change.UP, 1), (Change.DOWN, 10), (Change.DOWN, 12), (Change.UP, 20), (Change.UP, 25))
        self.assertEqual(ledger, Ledger((Interval(10, 20),)))
        self.assertFalse(ledger.is_down)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(_changes, st.integers(0, 1000), st.integers(0, 1000))
    def test_any_changes_make_intervals_in_order(self, changes, since, until):
        """A clock that jumps makes no interval that ends before it begins, and no overlap longer than the stretch."""
        ledger = ledger_of(*changes)
        times = [time for one in ledger.intervals for time in (one.begin, one.end) if time is not None]
        self.assertEqual(times, sorted(times))
        self.assertTrue(0 <= overlap(ledger, since, until) <= max(0, until - since))
        self.assertEqual(decode_ledger(encode_ledger(ledger)), ledger)

    def test_what_ended_long_ago_is_left_out(self):
        """What lasts, or ended since, stays."""
        ledger = ledger_of((Change.DOWN, 10), (Change.UP, 20), (Change.DOWN, 30), (Change.UP, 40))
        self.assertEqual(ledger.since(25), Ledger((Interval(30, 40),)))
        self.assertEqual(ledger_of((Change.DOWN, 10)).since(99), Ledger((Interval(10),)))


class LedgerFileTests(SynchronousTestCase):
    def setUp(self):
        self.disk = ForgetfulDisk()
        self.file = self.ledger_file(self.disk)

    def ledger_file(self, disk: ForgetfulDisk) -> LedgerFile:
        folder = Folder("", "example.com", disk, "m")
        folder.make()
        return LedgerFile(folder)

    def test_what_was_appended_is_read_after_a_power_cut(self):
        """An append is durable when it returns."""
        self.file.append(Change.DOWN, 10.5)
        self.file.append(Change.UP, 20.25)
        found = self.ledger_file(self.disk.after_crash()).load()
        self.assertEqual(found, Ledger((Interval(10.5, 20.25),)))

    def test_no_file_is_an_empty_ledger(self):
        """A domain that was never down has none."""
        self.assertEqual(self.file.load(), Ledger())

    def test_a_torn_last_line_is_passed_over_and_costs_no_other(self):
        """Wherever it is torn, the lines before and after it count."""
        line = b"20.000 up\n"
        for cut in range(len(line) - 1):
            disk = ForgetfulDisk()
            file = self.ledger_file(disk)
            file.append(Change.DOWN, 10)
            handle = disk.open_for_appending("/example.com/ledger")
            disk.write(handle, (line[:cut],))
            disk.close(handle)
            self.assertEqual(file.load(), Ledger((Interval(10),)))
            file.append(Change.UP, 30)
            self.assertEqual(file.load(), Ledger((Interval(10, 30),)))

    def test_compaction_replaces_the_file_durably(self):
        """What ended before is gone from the file, the rest is there after a power cut."""
        for change, at in ((Change.DOWN, 1), (Change.UP, 2), (Change.DOWN, 3)):
            self.file.append(change, at)
        size = self.disk.status("/example.com/ledger").size
        self.assertEqual(self.file.compact(2.5), Ledger((Interval(3),)))
        after = self.disk.after_crash()
        self.assertEqual(self.ledger_file(after).load(), Ledger((Interval(3),)))
        self.assertLess(after.status("/example.com/ledger").size, size)

    def test_a_disk_that_fails_is_told(self):
        """Append and compaction fail with our own words."""
        self.file.append(Change.DOWN, 1)
        self.file.append(Change.UP, 2)
        self.disk.fail_at = self.disk.steps + 3
        self.assertRaises(SpoolUnavailable, self.file.append, Change.DOWN, 3)
        self.disk.fail_at = self.disk.steps + 5
        self.assertRaises(SpoolUnavailable, self.file.compact, 9)
        self.assertEqual(list(self.disk.names("/example.com/tmp")), [])
