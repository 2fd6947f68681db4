"""What memory knows of a backlog."""

from __future__ import annotations

import heapq
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.mail.envelope import Precedence
from shieldrelay.spool.entry import Entry


def entry(number: int, due: float, mark: str = "") -> Entry:
    """Give an entry that arrived at its number.

    :param mark: ``,P=1`` for a known-good one.
    """
    return Entry("example.test", f"{number}.x{number},S=10{mark}", f"x{number}", 10, float(number), due)


class WindowTests(SynchronousTestCase):
    """`BacklogWindow` by itself."""

    def test_oldest_due_goes_first(self) -> None:
        """What is due is taken by due time, what is not due stays."""
        window = BacklogWindow()
        for number, due in ((1, 5.0), (2, 3.0), (3, 9.0)):
            window.add(entry(number, due))
        names = [window.take(6.0), window.take(6.0), window.take(6.0)]
        self.assertEqual([one and one.arrived for one in names], [2.0, 1.0, None])
        self.assertEqual(window.next_due(), 9.0)

    def test_known_good_entries_go_first(self) -> None:
        """What is known-good and due is taken before what is due for longer; either can be asked for by itself."""
        window = BacklogWindow()
        for number, due, mark in ((1, 1.0, ""), (2, 5.0, ",P=1"), (3, 9.0, ",P=1"), (4, 2.0, "")):
            window.add(entry(number, due, mark))
        self.assertEqual([window.has_due(4.0, precedence) for precedence in Precedence], [False, True])
        first, second = window.take(6.0), window.take(6.0, Precedence.KNOWN_GOOD)
        self.assertEqual((first and first.id, second), ("x2", None))
        rest = [window.take(9.0, Precedence.ORDINARY), window.take(9.0), window.take(9.0)]
        self.assertEqual([one and one.id for one in rest], ["x1", "x3", "x4"])

    def test_a_long_backlog_of_others_does_not_hide_known_good_entries(self) -> None:
        """Each precedence has its own horizon: what is stored late and goes first is kept beyond the others'."""
        window = BacklogWindow(limit=10)
        for number in range(1000):
            window.add(entry(number, float(number)))
        window.add(entry(2000, 2000.0, ",P=1"))
        taken = window.take(3000.0)
        self.assertEqual((taken and taken.id, window.total), ("x2000", 1001))
        self.assertLess(window.horizon, 1000.0)

    def test_probe_is_the_oldest_due_or_not(self) -> None:
        """The probe is the entry that arrived first, whatever its due time, unless it is passed over."""
        window = BacklogWindow()
        for number, due in ((1, 900.0), (2, 3.0)):
            window.add(entry(number, due))
        self.assertEqual(window.take_oldest(lambda one: one.id != "x1"), entry(2, 3.0))
        self.assertEqual(window.take_oldest(lambda one: True), entry(1, 900.0))

    def test_memory_is_bounded(self) -> None:
        """A backlog of any length keeps at most twice the limit in memory, and counts the rest."""
        window = BacklogWindow(limit=10)
        for number in range(1000):
            window.add(entry(number, float(number)))
        self.assertLessEqual(len(window), 20)
        self.assertEqual((window.total, window.octets), (1000, 10000))
        self.assertEqual(window.next_due(), 0.0)

    def test_taken_during_a_scan_does_not_return(self) -> None:
        """An entry that was delivered while a scan ran is not brought back by what the scan saw."""
        window = BacklogWindow()
        gone, stays, flies = entry(1, 1.0), entry(2, 2.0), entry(3, 3.0)
        for one in (gone, stays, flies):
            window.add(one)
        window.scan_begins()
        first = window.take(1.0)
        assert first is not None
        window.forget(first)
        window.take(9.0)
        window.refill([gone, stays, flies], 3, 30, math.inf)
        self.assertEqual(window.total, 2)
        self.assertEqual([window.take(9.0), window.take(9.0)], [flies, None])

    def test_flush_makes_all_due(self) -> None:
        """After expedite everything in the window is due."""
        window = BacklogWindow()
        window.add(entry(1, 5000.0))
        window.expedite(10.0)
        self.assertEqual(window.next_due(), 10.0)

    def test_what_is_being_stored_is_not_brought_in(self) -> None:
        """A scan that sees the file of a message before its store was told brings nothing; the store does, once."""
        window = BacklogWindow()
        window.coming("x1")
        window.scan_begins()
        window.refill([entry(1, 1.0)], 1, 10, math.inf)
        self.assertIsNone(window.take(9.0))
        window.add(entry(1, 1.0), in_flight=True)
        window.add(entry(1, 1.0))
        self.assertIsNone(window.take(9.0))
        self.assertEqual(window.total, 1)

    def test_what_is_on_disk_is_asked_for_whatever_was_counted(self) -> None:
        """While not everything is known the window asks for a scan before it is empty, though the count is wrong."""
        window = BacklogWindow(limit=8)
        window.scan_begins()
        window.refill([entry(number, 1.0) for number in range(8)], 0, 0, 1.0)
        self.assertFalse(window.starved)
        for _ in range(7):
            taken = window.take(2.0)
            assert taken is not None
            window.forget(taken)
        self.assertTrue(window.starved)
        window.scan_begins()
        self.assertFalse(window.starved)
        window.scan_failed()
        self.assertTrue(window.starved)

    def test_a_scan_gives_more_of_a_longer_backlog(self) -> None:
        """A scan gives at least the limit, a tenth of a long backlog, and what is in flight besides."""
        window = BacklogWindow(limit=10)
        window.total = 1000
        window.in_flight["1.x1,S=10"] = entry(1, 1.0)
        self.assertEqual(window.scan_limit, 101)
        window.total = 10_000_000
        self.assertEqual(window.scan_limit, 10_001)

    def test_one_entry_is_seized_from_wherever_it_is(self) -> None:
        """An entry that waits, or is only on disk, can be seized; one that is in flight or being stored cannot."""
        window = BacklogWindow()
        window.add(entry(1, 1.0))
        window.add(entry(2, 1.0), in_flight=True)
        window.coming("x3")
        self.assertEqual([window.seize(entry(number, 1.0)) for number in (1, 2, 3, 4)], [True, False, False, True])
        self.assertIsNone(window.take(9.0))

    @given(st.lists(st.tuples(st.sampled_from("adtfs"), st.integers(0, 30)), max_size=120))
    @settings(deadline=None, derandomize=True, max_examples=150)
    def test_every_entry_is_had_in_the_end(self, steps: list[tuple[str, int]]) -> None:
        """Whatever was added and deferred, with scans when starved each entry is taken once, none is lost."""
        window, disk, limit = BacklogWindow(limit=3), dict[str, Entry](), 3
        taken: list[str] = []
        added = 0

        def scan() -> None:
            window.scan_begins()
            found, horizons = [], []
            for precedence in (Precedence.ORDINARY, Precedence.KNOWN_GOOD):
                all_of_it = [one for one in disk.values() if one.precedence is precedence]
                first = heapq.nsmallest(limit, all_of_it, key=lambda one: (one.due, one.arrived))
                horizons.append(math.inf if len(first) == len(all_of_it) else first[-1].due)
                found += first
            window.refill(found, len(disk), 10 * len(disk), *horizons)

        def take(now: float) -> Entry | None:
            one = window.take(now)
            if one is not None:
                taken.append(one.name)
                del disk[one.name]
                window.forget(one)
            return one

        for step, number in steps:
            if step == "a":
                new = entry(added, float(number), ",P=1" if number % 2 else "")
                added += 1
                disk[new.name] = new
                window.add(new)
            elif step == "t":
                take(float(number))
            elif step == "s":
                scan()
            elif step == "d":
                flying = window.take(float(number))
                if flying is not None:
                    later = flying.due_at(flying.due + number)
                    disk[later.name] = later
                    window.put_back(later)
        for _ in range(10 * added + 10):
            if take(1e9) is None:
                if not window.starved:
                    break
                scan()
        self.assertEqual((len(taken), len(set(taken)), disk), (added, added, {}))
        self.assertEqual(window.total, 0)
