"""Claims about what survives a restart, and what a broken file costs."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.cluster import snapshot_file
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.cluster.kinds import Field, Kind, Merge
from shieldrelay.cluster.register import Register
from shieldrelay.cluster.snapshot import EVERY_SECONDS, LONGEST_DOWN_SECONDS, Restored, Snapshots
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import client_of
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import HeldThreads, ImmediateThreads

EPOCH = 1_800_000_000.0
KEPT = Kind(
    "kept",
    (Field("count", 1000.0), Field("until", merge=Merge.MAX, moment=True)),
    lifetime=1e6,
    names=3,
    kept=True,
)
LOST = Kind("lost", (Field("count"),), lifetime=1e6)
COUNT, UNTIL = range(2)
BANNED = client_of("192.0.2.7")


class Life:
    """One life of a node over a directory; its own clock begins anew each time."""

    def __init__(self, directory: str, wall: float, threads: ImmediateThreads | HeldThreads | None = None) -> None:
        self.clock = Clock()
        self.clock.rightNow = wall % 977.0
        self.begin = wall - self.clock.seconds()
        self.journal = ListJournal()
        numbers = count()
        self.decisions = Decisions(self.wall, lambda: f"{wall}.{next(numbers)}")
        self.register = Register(self.decisions, self.wall, self.journal)
        self.kept, self.lost = Table(KEPT), Table(LOST)
        self.snapshots = Snapshots(
            directory,
            self.clock,
            self.wall,
            threads or ImmediateThreads(),
            self.journal,
            self.decisions,
            (self.kept, self.lost),
            f"life of {wall}",
            lambda: 3,
        )

    def wall(self) -> float:
        return self.begin + self.clock.seconds()

    def fill(self) -> None:
        now = self.clock.seconds()
        for table in (self.kept, self.lost):
            table.add(table.row(b"key\n", now), COUNT, 8.0)
        row = self.kept.row(b"key\n", now)
        self.kept.put(row, UNTIL, now + 3600.0)
        self.kept.name(row, 2**64 - 1)
        self.register.ban(BANNED.source, self.wall() + 7200.0, "many unknown recipients", "harvest")
        self.register.deny("2001:db8::/32", self.wall() + 10 * 86400.0, "ünfriendly\n", "operator")

    def seconds_left(self) -> float:
        """Give how long the kept row's moment is ahead."""
        row = self.kept.get(b"key\n", self.clock.seconds())
        return 0.0 if row is None else self.kept.total(row, UNTIL) - self.clock.seconds()


class SnapshotTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory, 0o700)

    def lived(self, wall: float = EPOCH) -> Life:
        """Leave behind the snapshot of a filled life that ended at a time."""
        life = Life(self.directory, wall)
        life.fill()
        self.successResultOf(life.snapshots.stop())
        return life

    def born(self, wall: float) -> tuple[Life, Restored]:
        life = Life(self.directory, wall)
        return life, life.snapshots.restore()

    def test_what_is_kept_comes_back(self) -> None:
        """Rows of kept kinds, bans and lists are there after a restart, with their times; other rows are not."""
        self.lived()
        life, restored = self.born(EPOCH + 1000.0)
        row = life.kept.get(b"key\n", life.clock.seconds())
        assert row is not None
        self.assertAlmostEqual(life.kept.total(row, COUNT), 4.0)
        self.assertEqual((row.names, len(life.lost)), ({2**64 - 1}, 0))
        self.assertAlmostEqual(life.seconds_left(), 2600.0, places=3)
        entries = life.register.page()
        self.assertEqual([(entry.kind, entry.until) for entry in entries],
                         [(ChangeKind.BAN, EPOCH + 7200.0), (ChangeKind.DENY, EPOCH + 864000.0)])  # fmt: skip
        self.assertEqual(entries[1].reason, "ünfriendly\n")
        self.assertEqual(restored, Restored(1, 2, f"life of {EPOCH}", 3))

    def test_a_first_start_finds_nothing(self) -> None:
        """Without a file there is nothing to restore and nothing to tell."""
        life, restored = self.born(EPOCH)
        self.assertEqual((restored, life.journal.events), (Restored(), []))

    def test_bans_that_ended_meanwhile_do_not_come_back(self) -> None:
        """What was over by the time of the start is over."""
        self.lived()
        life, _ = self.born(EPOCH + 8000.0)
        self.assertEqual(life.register.count(ChangeKind.BAN), 0)

    def test_a_clock_set_back_makes_nothing_last(self) -> None:
        """When the clock shows a year earlier than the file, bans last as long as they had left, and rows are there."""
        self.lived()
        life, _ = self.born(EPOCH - 365 * 86400.0)
        entry = life.register.standing(BANNED, life.wall())
        assert entry is not None and entry.until is not None
        self.assertAlmostEqual(entry.until - life.wall(), 7200.0, places=3)
        self.assertAlmostEqual(life.seconds_left(), 3600.0, places=3)

    def test_a_clock_set_ahead_does_not_make_everything_expire(self) -> None:
        """When the clock shows ten years later, the stop counts as a week: what lives longer than that is there."""
        self.lived()
        life, _ = self.born(EPOCH + 3650 * 86400.0)
        row = life.kept.find(b"key\n")
        assert row is not None
        self.assertEqual(row.names, {2**64 - 1})
        self.assertAlmostEqual(life.seconds_left(), 3600.0 - LONGEST_DOWN_SECONDS, places=3)
        self.assertEqual(life.register.page(), ())

    def test_releases_stay_released(self) -> None:
        """A release outlives a restart, and the rows of a source restored with it stay."""
        life = self.lived()
        life.register.release(BANNED.source, "operator")
        self.successResultOf(life.snapshots.stop())
        again, _ = self.born(EPOCH + 10.0)
        self.assertIsNone(again.register.standing(BANNED, again.wall()))
        self.assertIsNotNone(again.kept.find(b"key\n"))

    def test_one_is_written_each_minute(self) -> None:
        """A node that is killed loses a minute at most; every turn is short, however many rows there are."""
        life = Life(self.directory, EPOCH)
        life.snapshots.start()
        now = life.clock.seconds()
        for number in range(1000):
            life.kept.add(life.kept.row(b"%d" % number, now), COUNT, 1.0)
        life.clock.advance(EVERY_SECONDS)
        self.assertIsNone(snapshot_file.read(self.directory))
        life.clock.pump([0.01] * 10)
        for wanted in (1000, 1001):
            _, restored = self.born(EPOCH + 70.0)
            self.assertEqual(restored.rows, wanted)
            life.kept.add(life.kept.row(b"late", life.clock.seconds()), COUNT, 1.0)
            life.clock.advance(EVERY_SECONDS)
            life.clock.pump([0.01] * 10)

    def test_a_stop_amid_a_snapshot_writes_a_whole_one(self) -> None:
        """A stop while lines are made, or while the thread writes, ends with the last state on the disk."""
        for ticks in (1, 10):
            threads = HeldThreads()
            life = Life(self.directory, EPOCH, threads)
            life.snapshots.start()
            for number in range(500):
                life.kept.add(life.kept.row(b"%d" % number, life.clock.seconds()), COUNT, 1.0)
            life.clock.advance(EVERY_SECONDS)
            life.clock.pump([0.01] * ticks)
            life.kept.add(life.kept.row(b"last", life.clock.seconds()), COUNT, 1.0)
            stopped = life.snapshots.stop()
            self.assertNoResult(stopped)
            threads.go_on()
            self.successResultOf(stopped)
            self.assertEqual(life.clock.getDelayedCalls(), [])
            self.assertEqual(self.born(EPOCH + 70.0)[1].rows, 501)

    def test_what_cannot_be_written_is_told_once(self) -> None:
        """A directory that is gone costs the snapshots and nothing else; that it works again is told too."""
        life = Life(os.path.join(self.directory, "gone"), EPOCH)
        life.snapshots.start()
        for minute in range(4):
            if minute == 2:
                os.mkdir(os.path.join(self.directory, "gone"))
            life.clock.advance(EVERY_SECONDS)
            life.clock.pump([0.01] * 5)
        told = [name for name, _ in life.journal.events]
        self.assertEqual(told, ["snapshot_failed", "snapshot"])

    def test_the_file_is_ours_alone(self) -> None:
        """Nobody else can read it, and nothing is left beside it."""
        self.lived()
        self.assertEqual(os.listdir(self.directory), [snapshot_file.FILE_NAME])
        self.assertEqual(os.stat(os.path.join(self.directory, snapshot_file.FILE_NAME)).st_mode & 0o777, 0o600)

    def test_links_are_not_followed(self) -> None:
        """A link in the place of the file is replaced or set aside, never written through."""
        target = Path(self.directory, "target")
        target.write_bytes(b"precious")
        for name in (snapshot_file.FILE_NAME, snapshot_file.ASIDE_NAME):
            os.symlink("target", os.path.join(self.directory, name))
        life, restored = self.born(EPOCH)
        self.assertEqual(restored, Restored())
        self.assertEqual(len(life.journal.named("snapshot_unreadable")), 1)
        self.lived()
        self.assertEqual(target.read_bytes(), b"precious")


class UnreadableTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory, 0o700)
        self.file = Path(self.directory, snapshot_file.FILE_NAME)
        life = Life(self.directory, EPOCH)
        life.fill()
        self.successResultOf(life.snapshots.stop())
        self.whole = self.file.read_bytes()

    def assert_refused(self, octets: bytes) -> None:
        """Hold that a file is set aside and told, and that the node starts with nothing."""
        self.file.write_bytes(octets)
        life = Life(self.directory, EPOCH)
        self.assertEqual(life.snapshots.restore(), Restored())
        self.assertEqual((len(life.kept), life.register.page()), (0, ()))
        self.assertEqual(len(life.journal.named("snapshot_unreadable")), 1)
        self.assertEqual(os.listdir(self.directory), [snapshot_file.UNREADABLE_NAME])

    def sealed(self, *lines: str) -> bytes:
        """Make a file with a right foot of whatever lines."""
        body = "".join(f"{line}\n" for line in lines).encode()
        return body + snapshot_file.encode_foot(len(lines), crc32(body))

    def test_torn_files_are_set_aside(self) -> None:
        """A file cut at any place is told, set aside, and nothing of it is believed."""
        for end in (0, 1, len(self.whole) // 3, len(self.whole) // 2, len(self.whole) - 20, len(self.whole) - 1):
            self.assert_refused(self.whole[:end])

    def test_changed_files_are_set_aside(self) -> None:
        """A file with an octet changed anywhere is not believed."""
        for at in range(0, len(self.whole), 37):
            self.assert_refused(self.whole[:at] + bytes((self.whole[at] ^ 1,)) + self.whole[at + 1 :])

    def test_foreign_files_are_set_aside(self) -> None:
        """What is no snapshot, or one of another version, is not believed, even with a right checksum."""
        head = json.loads(self.whole.splitlines()[0])
        for octets in (
            b"\0" * 1000,
            b"hello\n",
            b"[]\n[]\n",
            self.sealed("{}"),
            self.sealed(json.dumps({**head, "version": 2})),
            self.sealed(json.dumps({**head, "kinds": 5})),
            self.sealed(json.dumps({**head, "written": None})),
            self.sealed("[" * 100000),
        ):
            self.assert_refused(octets)

    def test_lines_that_are_none_of_ours_are_set_aside(self) -> None:
        """A file with a right checksum and wrong lines is not believed."""
        head = self.whole.splitlines()[0].decode()
        for line in (
            "5", "[]", "{}", '["row"]', '["what"]', '["row","kept","zz",1,[1,1],[]]', '["row",[],"aa",1,[1,1],[]]',
            '["row","kept","aa","x",[1,1],[]]', '["row","kept","aa",1,5,[]]', '["row","kept","aa",1,[1,1],["z"]]',
            '["row","kept","aa",1%s,[1,1],[]]' % ("0" * 400), '["change","i","what","aa",1,1,"",""]',
            '["change",1]', "[" * 100000,
        ):  # fmt: skip
            self.assert_refused(self.sealed(head, line))

    def test_rows_that_cannot_be_are_left_out(self) -> None:
        """Lines of the right shape with impossible values cost themselves, and the rest is restored."""
        head = self.whole.splitlines()[0].decode()
        self.file.write_bytes(
            self.sealed(
                head,
                '["row","kept","aa",%r,[NaN,1],[]]' % EPOCH,
                '["row","kept","aa",%r,[1],[]]' % EPOCH,
                '["row","kept","aa",%r,[1,1],["-1"]]' % EPOCH,
                '["row","unheard","aa",%r,[1,1],[]]' % EPOCH,
                '["change","i","ban","aa",%r,1,"",""]' % EPOCH,
                '["row","kept","bb",%r,[1,0],[]]' % EPOCH,
            )
        )
        life = Life(self.directory, EPOCH)
        self.assertEqual(life.snapshots.restore().rows, 1)
        self.assertEqual([row.key for row in life.kept], [b"\xbb"])

    def test_kinds_declared_otherwise_are_left_out(self) -> None:
        """Rows of a kind that had other fields when they were written do not come back; everything else does."""
        octets = self.whole.replace(b'"count"', b'"tally"', 1)
        body = b"".join(octets.splitlines(keepends=True)[:-1])
        self.file.write_bytes(body + snapshot_file.encode_foot(body.count(b"\n"), crc32(body)))
        life = Life(self.directory, EPOCH)
        restored = life.snapshots.restore()
        self.assertEqual((restored.rows, restored.changes), (0, 2))

    @given(octets=st.binary(max_size=300))
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_no_octets_raise(self, octets: bytes) -> None:
        """Whatever the file has, it is a snapshot or it is unreadable."""
        body = octets + b"\n"
        for tried in (octets, body + snapshot_file.encode_foot(body.count(b"\n"), crc32(body))):
            with self.assertRaises(snapshot_file.Unreadable):
                snapshot_file.decode(tried, (KEPT,))
