"""Reading the journal: rotation, truncation, crashes, floods, lag, and files that are broken or full."""

from __future__ import annotations

import os
from pathlib import Path

from shieldrelay.trace import indexer, segment
from shieldrelay.trace.settings import DomainTerms
from shieldrelay.trace.shelf import paths
from tests.trace.case import DAY, NOW, TraceCase, line, refusal, transaction


class JournalTests(TraceCase):
    def numbered(self, first, last):
        """Give transactions."""
        return [transaction(number, NOW + number) for number in range(first, last)]

    def assert_all(self, count):
        """Each of so many transactions is found once."""
        seen = self.ids(event="transaction", limit=1000)
        self.assertEqual(sorted(seen), sorted(f"session{number}" for number in range(count)))

    def test_journal_that_comes_later_is_read(self):
        """An index begins before there is a journal."""
        steps = iter([lambda: None, lambda: self.write(*self.numbered(0, 5))])
        self.index(6, between=lambda: next(steps, lambda: None)())
        self.assert_all(5)

    def test_lines_come_in_pieces(self):
        """A line that is torn is read when the rest of it has come."""
        whole = transaction(0)
        self.write(whole[:50])
        self.index()
        self.assert_all(0)
        self.write(whole[50:], *self.numbered(1, 3))
        self.index()
        self.assert_all(3)

    def test_rotation_by_renaming(self):
        """What was written to the old file after the new one was there is read, and no line twice."""
        self.write(*self.numbered(0, 10))
        old = self.directory / "journal.1"

        def rotate():
            if not old.exists():
                self.journal.rename(old)
                self.write(*self.numbered(20, 30))
                with old.open("ab") as file:
                    file.write(b"".join(self.numbered(10, 20)))

        self.index(12, between=rotate)
        self.assert_all(30)

    def test_rotations_while_nobody_reads(self):
        """After a pause the rotated files are read in their order, as far as they are not compressed."""
        self.write(*self.numbered(0, 10))
        self.index()
        for number in (2, 1):
            for age in (1,):
                self.journal.rename(self.directory / f"journal.{number + age - 1}")
            self.write(*self.numbered((3 - number) * 10, (4 - number) * 10))
        for place, name in enumerate(("journal.2", "journal.1", "journal")):
            os.utime(self.directory / name, (NOW + place, NOW + place))
        self.index(20)
        self.assert_all(30)

    def test_rotation_by_copying(self):
        """A file that was truncated is read from its beginning, also when it has grown longer than it was."""
        self.write(*self.numbered(0, 3))
        self.index()
        self.journal.write_bytes(b"".join(self.numbered(3, 20)))
        self.index()
        self.assert_all(20)
        self.journal.write_bytes(b"".join(self.numbered(20, 22)))
        self.index()
        self.assert_all(22)

    def test_endless_line_is_passed_over(self):
        """A line without an end takes no memory, and the next one is read."""
        self.write(b"x" * 500_000, b"\n", *self.numbered(0, 1))
        self.index(6)
        self.assert_all(1)

    def test_what_nobody_searches_is_not_kept(self):
        """Lines about no session, message or source are left out."""
        self.write(line("started", version="1"), line("list_adopted", domain="example.test"))
        self.index()
        self.assertEqual(self.found(), [])

    def test_first_index_of_a_huge_journal_begins_near_its_end(self):
        """So much is read at the very first, and no more."""
        self.patch(indexer, "FIRST_OCTETS", 2000)
        self.write(*self.numbered(0, 100))
        self.index()
        seen = self.ids(limit=1000)
        self.assertTrue(2 <= len(seen) <= 8 and seen[0] == "session99", seen)


class FloodTests(TraceCase):
    def test_flood_of_a_source_is_one_line(self):
        """Of a flood the first lines are kept, the rest of the minute is one line with a count; mail is kept whole."""
        lines = [refusal(number, NOW + number / 100) for number in range(3000)]
        mail = [transaction(number, NOW + number / 10, peer="198.51.100.7") for number in range(200)]
        self.write(*lines, *mail)
        self.index(6)
        self.assertEqual(len(self.found(event="transaction", limit=1000)), 200)
        refused = self.found(event="refused", limit=1000)
        self.assertEqual(sum(each.get("count", 1) for each in refused), 3000)
        self.assertEqual(len(refused), 61)
        many = next(each for each in refused if "count" in each)
        self.assertEqual(self.ids(id=many["sessions"][5], limit=5), [None])
        self.assertEqual(self.state["drawn_together"], 2940)

    def test_flood_of_many_sources_is_drawn_together(self):
        """What ten thousand sources are refused in a minute takes the lines of a thousand."""
        self.write(*(refusal(n, NOW, peer=f"10.{n // 250}.{n % 250}.1") for n in range(5000)))
        self.index(6)
        refused = self.found(event="refused", limit=1000)
        many = next(each for each in refused if "count" in each)
        self.assertEqual((many["count"], many["sources"], "peer" in many), (3800, 3800, False))

    def test_clock_that_steps_back_ends_a_minute(self):
        """A flood is told whatever the clock does."""
        self.write(*(refusal(n, NOW) for n in range(100)), refusal(1000, NOW - 5000), transaction(1, NOW + 1e6))
        self.index(6)
        self.assertEqual(sum(each.get("count", 1) for each in self.found(event="refused", limit=1000)), 101)


class LagTests(TraceCase):
    def test_far_behind_takes_samples_of_whole_stories(self):
        """Behind by more than is declared, one story of so many is kept, whole; what went is counted."""
        self.change(shed=50_000)
        self.patch(indexer, "READ_OCTETS", 4096)
        for number in range(600):
            self.write(transaction(number), line("attempt", message=f"message{number}", result="taken"))
        self.index(150)
        messages = {each["message"] for each in self.found(event="transaction", limit=1000)}
        attempts = {each["message"] for each in self.found(event="attempt", limit=1000)}
        self.assertTrue(20 < len(messages) < 400, len(messages))
        self.assertLessEqual(len(messages ^ attempts), 4)
        self.assertEqual(self.state["shed"], 1200 - len(messages) - len(attempts))
        self.assertIn("shedding", [each["state"] for each in self.told])
        self.assertEqual(self.state["state"], "current")

    def test_lag_is_shown(self):
        """While it reads what is old, it says how old and how much there is still."""
        self.patch(indexer, "READ_OCTETS", 4096)
        self.write(*(transaction(number, NOW - 100) for number in range(500)))
        self.index(5)
        behind = [each for each in self.told if each["state"] == "behind"]
        self.assertTrue(behind)
        self.assertGreater(behind[0]["behind_seconds"], 90)
        self.assertGreater(behind[0]["behind_octets"], 4096)


class FileTests(TraceCase):
    def test_old_files_go(self):
        """What is older than is declared goes, a file at a time."""
        for day in range(12):
            self.now = NOW + day * DAY
            self.write(transaction(day, self.now))
            self.index(3)
        self.now += 4000.0
        for _ in range(6):
            self.index(3)
        self.assertEqual(self.ids(), [f"session{day}" for day in range(11, 4, -1)])

    def test_clock_that_jumps_empties_nothing(self):
        """A clock that is years ahead for a while costs one file at most, and lines from then do not stay for ever."""
        for day in range(5):
            self.now = NOW + day * DAY
            self.write(transaction(day, self.now))
            self.index(3)
        self.now = NOW + 4000 * DAY
        self.index(5)
        self.now = NOW + 5 * DAY
        self.assertGreaterEqual(len(self.ids()), 4)

    def test_room_is_bounded(self):
        """More than may be is never kept: the oldest files go."""
        self.change(octets=4 << 20)
        for part in range(40):
            self.write(*(
                transaction(n, reason=os.urandom(90).hex()) for n in range(part * 500, part * 500 + 500)
            ))  # fmt: skip
            self.index(4)
        self.assertLess(self.state["octets"], 5 << 20)
        self.assertEqual(self.ids(limit=1), ["session19999"])
        self.assertGreater(paths(Path(self.settings.directory))[0].name, "trace-000001.db")

    def test_disk_without_room_is_waited_for(self):
        """With less free than is declared nothing is added, mail is not touched, and it goes on when there is room."""
        self.change(free=1 << 60)
        self.write(transaction(1))
        self.index(3)
        self.assertEqual((self.state["state"], self.ids()), ("full", []))
        self.change(free=0)
        self.index(3)
        self.assertEqual(self.ids(), ["session1"])

    def test_broken_file_is_set_aside(self):
        """A file that is no database is kept for who wants to look, and what it had is read again from the journal."""
        self.write(*(transaction(number) for number in range(50)))
        self.index()
        file = paths(Path(self.settings.directory))[-1]
        for each in segment.files_of(file):
            if each.exists():
                each.write_bytes(b"nonsense" * 1000)
        self.index(4)
        self.assertEqual(len(self.ids()), 50)
        self.assertTrue(list(file.parent.glob("*.damaged")))
        self.assertTrue(any("damaged" in each for each in self.told))

    def test_index_survives_being_cut_off(self):
        """After a crash between any two commits each line is there once."""
        self.write(*(transaction(number) for number in range(300)))

        class CutOffError(Exception):
            pass

        def cut():
            if self.now > NOW + 5:
                raise CutOffError

        self.patch(indexer, "READ_OCTETS", 9000)
        self.assertRaises(CutOffError, self.index, 50, between=cut)
        self.now = NOW
        self.index(50)
        self.assertEqual(len(set(self.ids(limit=1000))), 300)
        self.assertEqual(len(self.ids(limit=1000)), 300)


class VeilTests(TraceCase):
    def terms(self, **terms):
        """Change what holds for the domain."""
        known = DomainTerms("example.test", **terms)
        self.change(domains={"example.test": known})

    def test_veiled_addresses_are_not_in_the_index(self):
        """No local-part stands anywhere in the files, and who knows an address finds its lines."""
        self.terms(veiled=True)
        self.write(
            transaction(1, reverse_path="mallory@sender.test", recipients=["alice@example.test"]),
            refusal(2, recipient="peggy@example.test", reason="<peggy@example.test>: unknown"),
        )
        self.index()
        octets = b"".join(octets for path in paths(Path(self.settings.directory)) for octets in [_content(path)])
        for name in (b"mallory", b"alice", b"peggy"):
            self.assertNotIn(name, octets)
        self.assertEqual(self.ids(sender="mallory@sender.test"), ["session1"])
        self.assertEqual(self.ids(recipient="alice@example.test"), ["session1"])
        self.assertEqual(self.ids(recipient="peggy@example.test"), ["refusal2"])
        self.assertEqual(self.ids(recipient="@example.test"), ["refusal2", "session1"])
        shown = self.found(id="session1")[0]["recipients"][0]
        self.assertTrue(shown.startswith("~") and shown.endswith("@example.test"), shown)
        self.assertEqual(self.ids(recipient=shown), [])

    def test_domain_that_wants_less_time_has_it(self):
        """Its lines are not found when they are too old, and go from the files; others stay, in their places."""
        self.terms(keep=2 * DAY)
        self.write(transaction(1), transaction(2, domain="other.test", recipients=["x@other.test"]))
        self.index()
        place = self.page(id="session2").found[0].place
        self.now = NOW + 2.5 * DAY
        self.write(transaction(3, self.now))
        self.assertEqual(self.ids(), ["session2"])
        self.index(4)
        self.now += 4000.0
        self.index(4)
        self.terms()
        self.assertEqual(self.ids(), ["session3", "session2"])
        self.assertEqual(self.page(id="session2").found[0].place, place)


def _content(path):
    """Give all lines of a file."""
    view = segment.SegmentView(path)
    extent = view.extent()
    found = b"" if extent is None else b"\n".join(each for n in range(extent.blocks) for each in view.lines(n))
    view.close()
    return found
