"""Claims about what happens when the disk does not hold what it should: torn, missing, foreign, full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from shieldrelay.recipients import builder, settings
from shieldrelay.recipients.builder import build
from shieldrelay.recipients.domain_list import RETRY_SECONDS
from shieldrelay.recipients.fault import BuildFailed
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.line import PATTERN_MARK, Entry
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.outcome import NotThere
from shieldrelay.recipients.settings import Guards
from shieldrelay.recipients.shelf import LEFTOVER_SECONDS, digest_of
from shieldrelay.recipients.sorting import Sorter
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin
from tests.recipients.lists_fixture import NOW, ListsCase, fetched, ignore, names

LISTED, UNKNOWN = Standing.LISTED, Standing.UNKNOWN


class DamagedVersionTests(ListsCase):
    def setUp(self) -> None:
        super().setUp()
        self.room = self.state / "recipients" / "example.com"
        lists = self.lists(fetched())
        self.adopted(self.taken(lists, [b"a\n", b"old\n"]))
        self.adopted(self.taken(lists, [b"a\n", b"new\n"]))

    def opened(self) -> Lists:
        """Open what is there, as after a restart."""
        return self.lists(fetched())

    def assert_fell_back(self, words: str) -> None:
        """The first version must be in force, and the trouble told."""
        lists = self.opened()
        self.assert_standing(lists, LISTED, "old")
        self.assert_standing(lists, UNKNOWN, "new")
        self.assertTrue(lists.enforced("example.com"))
        self.assertEqual(lists.troubles(), {"example.com": words})

    def test_a_torn_version_falls_back(self) -> None:
        """A version file that is too short is not opened; the newest whole one is in force, and it is told."""
        os.truncate(self.room / "2.mdb", 4096)
        self.assert_fell_back("version 2 cannot be used: its file is torn")

    def test_a_changed_version_falls_back(self) -> None:
        """A version file with one octet changed is not opened."""
        octets = bytearray((self.room / "2.mdb").read_bytes())
        octets[5000] ^= 1
        (self.room / "2.mdb").write_bytes(octets)
        self.assert_fell_back("version 2 cannot be used: its file was changed")

    def test_a_missing_version_falls_back(self) -> None:
        """A pointer to a version that is not there is told."""
        (self.room / "2.mdb").unlink()
        self.assert_fell_back("version 2 cannot be used: no such file or directory")

    def test_a_missing_record_falls_back(self) -> None:
        """A version without its record is none."""
        (self.room / "2.json").unlink()
        self.assert_fell_back("version 2 cannot be used: no such file or directory")

    def test_a_foreign_file_is_no_list(self) -> None:
        """A file that is no LMDB is not believed even where its record fits."""
        (self.room / "2.mdb").write_bytes(b"x" * 12288)
        record = json.loads((self.room / "2.json").read_bytes())
        record["file_octets"], record["file_digest"] = 12288, digest_of(self.room / "2.mdb")
        (self.room / "2.json").write_text(json.dumps(record))
        lists = self.opened()
        self.assert_standing(lists, LISTED, "old")
        self.assertIn("it is no list", lists.troubles()["example.com"])

    def test_a_broken_pointer_falls_back(self) -> None:
        """A pointer that cannot be read leaves the newest whole version in force, and the next change mends it."""
        foreign = (b'{"format": 9}', b'{"format": 1, "version": "2"}', b'{"format": 1, "x": 1}')
        for broken in (b"{", b"[]", b"\xff", *foreign):
            (self.room / "current").write_bytes(broken)
            lists = self.opened()
            self.assert_standing(lists, LISTED, "new")
            self.assertIn("the pointer to the version in force is broken", lists.troubles()["example.com"])
        lists.push("example.com", [b"pushed"], [], NOW)
        again = self.opened()
        self.assertEqual(again.troubles(), {})
        self.assert_standing(again, LISTED, "new", "pushed")

    def test_a_missing_pointer_falls_back(self) -> None:
        """Versions without a pointer are in force again, the newest, and it is told."""
        (self.room / "current").unlink()
        lists = self.opened()
        self.assert_standing(lists, LISTED, "new")
        self.assertIn("missing", lists.troubles()["example.com"])

    def test_lost_pushes_are_told(self) -> None:
        """An overlay that cannot be read costs its pushes and nothing else."""
        self.opened().push("example.com", [b"x"], [], NOW)
        for file in self.room.glob("overlay-*"):
            file.write_bytes(b"torn")
        lists = self.opened()
        self.assert_standing(lists, LISTED, "a", "new")
        self.assert_standing(lists, UNKNOWN, "x")
        self.assertIn("pushed", lists.troubles()["example.com"])

    def test_what_runs_is_not_touched(self) -> None:
        """A process that has a whole version open keeps it when the next one cannot be used, and tries that again."""
        lists = self.opened()
        other = Lists(self.state)
        other.install(other.prepare([fetched()], NOW), NOW)
        self.adopted(self.taken(other, [b"a\n", b"third\n"]))
        octets = (self.room / "3.mdb").read_bytes()
        os.truncate(self.room / "3.mdb", 4096)
        lists.refresh(NOW)
        self.assert_standing(lists, LISTED, "new")
        self.assertIn("torn", lists.troubles()["example.com"])
        (self.room / "3.mdb").write_bytes(octets)
        self.assertEqual(lists.refresh(NOW + RETRY_SECONDS), ("example.com",))
        self.assert_standing(lists, LISTED, "third")
        self.assertEqual(lists.troubles(), {})

    def test_nothing_whole_takes_everyone(self) -> None:
        """With no version that is whole, everyone is taken and nothing enforced: nobody's mail is refused for it."""
        for file in self.room.glob("*.mdb"):
            os.truncate(file, 100)
        lists = self.opened()
        self.assert_standing(lists, LISTED, "whoever")
        self.assertFalse(lists.enforced("example.com"))
        self.assertIn("torn", lists.troubles()["example.com"])
        self.adopted(self.taken(lists, [b"b\n"]))
        self.assertEqual(self.opened().troubles(), {})

    def test_what_was_built_must_be_whole(self) -> None:
        """A build that is not what its record says is not adopted, and removed."""
        lists = self.opened()
        built = self.built(fetched(), names(3))
        os.truncate(built.file, 100)
        outcome = lists.adopt("example.com", built, NOW, Override.ALL)
        assert isinstance(outcome, NotThere)
        self.assertIn("torn", outcome.words)
        self.assertFalse(built.file.exists())

    def test_leftovers_are_swept(self) -> None:
        """What a killed build left behind goes after a day; what is in use stays."""
        self.opened().push("example.com", [b"x"], [], NOW)
        before = self.files()
        for name in ("built-1.mdb", "aside-2", "overlay-9-abc"):
            (self.room / name).write_bytes(b"")
        now = (self.room / "aside-2").stat().st_mtime
        self.lists(fetched(), now=now)
        self.assertEqual(len(self.files()), len(before) + 3)
        self.lists(fetched(), now=now + LEFTOVER_SECONDS + 1)
        self.assertEqual(self.files(), before)


class FullDiskTests(ListsCase):
    def limited(self, octets: int, script: str) -> str:
        """Run a script in a process whose files may be so long at most, and give what it prints."""
        prelude = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from tests.recipients.lists_fixture import *\n"
            "from shieldrelay.recipients.fault import BuildFailed\n"
            f"state = Path({str(self.state)!r})\n"
            "def limit(): resource.setrlimit(resource.RLIMIT_FSIZE, (%d, resource.RLIM_INFINITY))\n" % octets
        )
        ran = subprocess.run(
            [sys.executable, "-c", prelude + script],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def test_a_build_fails_and_leaves_nothing(self) -> None:
        """A build that the disk refuses fails in words, leaves no file, and changes nothing that is in force."""
        self.taken(self.lists(fetched()), [b"a\n"])
        before = self.files()
        for limit, lines in ((100_000, 20_000), (500_000, 100_001)):
            told = self.limited(
                limit,
                "limit()\n"
                "try: build(fetched(), names(%d), state, ignore, origin=Origin(source='x'), made_at=NOW)\n"
                "except BuildFailed as failed: print(failed)\n" % lines,
            )
            self.assertTrue(told.strip())
            self.assertEqual(self.files(), before)
        self.assert_standing(self.lists(fetched()), LISTED, "a")

    def test_a_push_fails_and_changes_nothing(self) -> None:
        """A push that cannot be written raises, and neither this process nor the disk has it."""
        self.taken(self.lists(fetched()), [b"a\n"])
        before = self.files()
        told = self.limited(
            50,
            "lists = Lists(state)\n"
            "lists.install(lists.prepare([fetched()], NOW), NOW)\n"
            "limit()\n"
            "try: lists.push('example.com', names(50), [], NOW)\n"
            "except OSError as error: print('refused', lists.lookup(parse_mailbox(b'user1@example.com')).value)\n",
        )
        self.assertEqual(told, "refused unknown\n")
        self.assertEqual(self.files(), before)

    def test_an_adoption_fails_and_changes_nothing(self) -> None:
        """A version whose record cannot be written is not adopted, and nothing of it is left."""
        self.taken(self.lists(fetched()), [b"a\n"])
        before = self.files()
        told = self.limited(
            200,
            "lists = Lists(state)\n"
            "lists.install(lists.prepare([fetched()], NOW), NOW)\n"
            "built = build(fetched(), names(9), state, ignore, origin=Origin(source='x'), made_at=NOW,"
            " current=lists.current('example.com'))\n"
            "limit()\n"
            "try: lists.adopt('example.com', built, NOW)\n"
            "except OSError as error: print('refused', lists.lookup(parse_mailbox(b'a@example.com')).value)\n",
        )
        self.assertEqual(told, "refused listed\n")
        self.assertEqual(self.files(), before)


class BuildTests(ListsCase):
    def test_lines_that_fail_leave_nothing(self) -> None:
        """Whatever the lines raise comes through, and no file is left."""

        def broken() -> Iterator[bytes]:
            yield b"a\n"
            raise ZeroDivisionError

        origin = Origin(source="x")
        with self.assertRaises(ZeroDivisionError):
            build(fetched(), broken(), self.state, ignore, origin=origin, made_at=NOW)
        self.assertEqual(self.files(), set())

    def test_unwritable_state_is_told(self) -> None:
        """A state directory that cannot be written fails the build in words."""
        blocked = self.state / "recipients"
        blocked.write_bytes(b"")
        failed = self.assertRaises(BuildFailed, self.built, fetched(), [b"a\n"])
        self.assertEqual(str(failed), "not a directory")

    def test_too_many_entries_fail(self) -> None:
        """A list beyond the declared number of entries is not built."""
        failed = self.assertRaises(BuildFailed, self.built, fetched(guards=Guards(entries_most=10)), names(11))
        self.assertEqual(str(failed), "the list has more than 10 entries")

    def test_too_many_patterns_are_faults(self) -> None:
        """Patterns beyond the declared number are left out, as lines that are wrong."""
        lines = [b"p%d-*\n" % number for number in range(5)]
        built = self.built(fetched(guards=Guards(patterns_most=3)), lines)
        self.assertEqual((built.version.patterns, built.version.faults), (3, 2))
        self.assertEqual(str(built.faults[0]), "the directory:4: there are more than 3 patterns")

    def test_progress_is_told(self) -> None:
        """Progress is told every ten thousand lines, and at the end."""
        told: list[int] = []
        build(fetched(), names(25_000), self.state, told.append, origin=Origin(source="x"), made_at=NOW)
        self.assertEqual(told, [10_000, 20_000, 25_000])

    def test_order_and_runs_make_no_difference(self) -> None:
        """A list that is sorted in several runs on disk is the list that is sorted in memory, in any order."""
        entries = [Entry(b"user%d" % (number % 700), LISTED) for number in range(1000)]
        entries += [Entry(b"user7", Standing.FORMER), Entry(b"zz", Standing.TRAP), Entry(PATTERN_MARK + b"a-*", LISTED)]
        given = []
        for order, run in ((entries, 10_000), (entries, 64), (entries[::-1], 1), (entries[::-1], 10_000)):
            with Sorter(self.state, run) as sorter:
                for entry in order:
                    sorter.add(entry)
                given.append(list(sorter.entries()))
        self.assertEqual(given[0], sorted({each.key: each for each in entries[::-1]}.values(), key=lambda e: e.key))
        for other in given[1:]:
            self.assertEqual(other, given[0])
        self.assertEqual(list(self.state.iterdir()), [])

    def test_a_build_goes_through_json(self) -> None:
        """What was built and its settings come out of JSON as they went in."""
        built = self.built(fetched(), [b"a\n", b"b c\n", "jörg\n".encode()], note="ä")
        self.assertEqual(builder.from_document(json.loads(json.dumps(built.document()))), built)
        wanted = fetched(separator="+", aliases=("example.net",), guards=Guards(lose_least=3))
        self.assertEqual(settings.from_document(json.loads(json.dumps(wanted.document()))), wanted)
        for wrong in ({}, {"domain": "x"}, {**wanted.document(), "kind": "none"}, {**wanted.document(), "x": 1}):
            self.assertRaises(ValueError, settings.from_document, wrong)
        for wrong in ({}, {"file": "x"}, {**built.document(), "version": "{"}):
            self.assertRaises(ValueError, builder.from_document, wrong)

    def test_no_domain_leads_out_of_the_state(self) -> None:
        """A name that is no domain has no directory."""
        for domain in ("../x", "a/b", ".", ".."):
            self.assertRaises(ValueError, self.built, fetched(domain), [b"a"])
        self.assertEqual(list(Path(self.state).iterdir()), [])
