"""One contract for the real disk and for the one that forgets: what holds on the fake holds on the machine."""

from __future__ import annotations

import inspect
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.disk import ForgetfulDisk, PowerCut

# The contract is collected in its two halves only, and typed as what they are.
if TYPE_CHECKING:
    _Case = SynchronousTestCase
else:
    _Case = object


class DiskContract(_Case):
    """What `FileOperations` promise; ``self.place`` is an empty directory on ``self.disk``."""

    disk: FileOperations
    place: str

    def written(self, name: str, octets: bytes = b"octets") -> str:
        path = f"{self.place}/{name}"
        file = self.disk.create(path)
        self.disk.write(file, (octets,))
        self.disk.close(file)
        return path

    def content(self, path: str) -> bytes:
        file = self.disk.open(path)
        try:
            return self.disk.read(file, 0, 1 << 20)
        finally:
            self.disk.close(file)

    def test_create_refuses_a_name_that_is_taken(self):
        """A file is only ever made under a name that nobody has."""
        path = self.written("a")
        self.assertRaises(FileExistsError, self.disk.create, path)

    def test_create_needs_the_directory(self):
        """A missing directory is FileNotFoundError."""
        self.assertRaises(FileNotFoundError, self.disk.create, f"{self.place}/none/a")

    def test_all_blocks_are_written_in_order(self):
        """A write takes any number of blocks, empty ones too, and writes all of them."""
        path = f"{self.place}/a"
        file = self.disk.create(path)
        blocks = [b"%d," % number for number in range(2000)]
        self.disk.write(file, blocks)
        self.disk.write(file, (b"", b"end"))
        self.disk.close(file)
        self.assertEqual(self.content(path), b"".join(blocks) + b"end")

    def test_read_gives_a_stretch(self):
        """A read begins where it is told to and ends with the file."""
        file = self.disk.open(self.written("a", b"0123456789"))
        self.addCleanup(self.disk.close, file)
        self.assertEqual(self.disk.read(file, 3, 4), b"3456")
        self.assertEqual(self.disk.read(file, 8, 4), b"89")
        self.assertEqual(self.disk.read(file, 10, 4), b"")

    def test_a_file_open_for_reading_is_not_written(self):
        """A descriptor for reading refuses a write."""
        file = self.disk.open(self.written("a"))
        self.addCleanup(self.disk.close, file)
        self.assertRaises(OSError, self.disk.write, file, (b"x",))

    def test_appending_makes_the_file_or_goes_on(self):
        """What is appended comes after what is there."""
        for octets in (b"one", b"two"):
            file = self.disk.open_for_appending(f"{self.place}/a")
            self.disk.write(file, (octets,))
            self.disk.fsync(file)
            self.disk.close(file)
        self.assertEqual(self.content(f"{self.place}/a"), b"onetwo")

    def test_replace_content_replaces(self):
        """What was longer is gone."""
        file = self.disk.open_for_appending(self.written("a", b"longer"))
        self.disk.replace_content(file, b"new")
        self.disk.close(file)
        self.assertEqual(self.content(f"{self.place}/a"), b"new")

    def test_due_is_kept_to_the_millisecond(self):
        """An mtime reads as it was set, by descriptor and by name, now and in a scan."""
        path = f"{self.place}/a"
        file = self.disk.create(path)
        self.disk.set_due(file, 1_700_000_000.123)
        self.assertEqual(self.disk.status(file).due, 1_700_000_000.123)
        self.disk.close(file)
        self.disk.set_due(path, 1_800_000_000.9994)
        self.assertEqual(self.disk.status(path).due, 1_800_000_000.999)
        self.assertEqual(list(self.disk.scan(self.place)), [("a", 0, 1_800_000_000.999, True)])

    def test_link_gives_a_second_name_and_never_replaces(self):
        """Both names are the same file; a name that is taken stays what it was."""
        path, other = self.written("a", b"A"), self.written("b", b"B")
        self.assertRaises(FileExistsError, self.disk.link, path, other)
        self.disk.link(path, f"{self.place}/c")
        self.disk.unlink(path)
        self.assertEqual(self.content(f"{self.place}/c"), b"A")
        self.assertEqual(self.content(other), b"B")

    def test_link_needs_the_file_and_the_directory(self):
        """A missing file, and a missing directory, are FileNotFoundError."""
        self.assertRaises(FileNotFoundError, self.disk.link, f"{self.place}/a", f"{self.place}/b")
        self.assertRaises(FileNotFoundError, self.disk.link, self.written("a"), f"{self.place}/none/b")

    def test_unlink_takes_a_name_away_once(self):
        """A name that is gone already is FileNotFoundError."""
        path = self.written("a")
        self.disk.unlink(path)
        self.assertRaises(FileNotFoundError, self.disk.unlink, path)
        self.assertEqual(list(self.disk.names(self.place)), [])

    def test_an_open_file_outlives_its_name(self):
        """Who has it open reads on."""
        path = self.written("a", b"A")
        file = self.disk.open(path)
        self.disk.unlink(path)
        self.assertEqual(self.disk.read(file, 0, 9), b"A")
        self.disk.close(file)

    def test_rename_replaces(self):
        """The new name has the file, whatever had it before; the old name is gone."""
        path, other = self.written("a", b"A"), self.written("b", b"B")
        self.disk.rename(path, other)
        self.assertEqual(self.content(other), b"A")
        self.assertRaises(FileNotFoundError, self.disk.status, path)
        self.assertRaises(FileNotFoundError, self.disk.rename, path, other)

    def test_a_directory_moves_with_all_that_is_in_it(self):
        """Its files are reached by the new path only, and it replaces no directory that has something in it."""
        for name in ("from", "to"):
            self.disk.make_directory(f"{self.place}/{name}")
        self.written("from/a")
        self.written("to/b")
        self.assertRaises(OSError, self.disk.rename, f"{self.place}/from", f"{self.place}/to")
        self.disk.rename(f"{self.place}/from", f"{self.place}/to/from")
        self.assertEqual(self.content(f"{self.place}/to/from/a"), b"octets")
        self.assertRaises(FileNotFoundError, self.disk.open, f"{self.place}/from/a")

    def test_only_an_empty_directory_is_removed(self):
        """What has something in it stays."""
        self.disk.make_directory(f"{self.place}/d")
        path = self.written("d/a")
        self.assertRaises(OSError, self.disk.remove_directory, f"{self.place}/d")
        self.disk.unlink(path)
        self.disk.remove_directory(f"{self.place}/d")
        self.assertRaises(FileNotFoundError, self.disk.status, f"{self.place}/d")

    def test_two_names_of_one_file_have_one_identity(self):
        """So has the open file; another file has another one."""
        path, other = self.written("a"), self.written("b")
        self.disk.link(path, f"{self.place}/c")
        file = self.disk.open(path)
        self.assertEqual(
            {self.disk.identity(path), self.disk.identity(file)}, {self.disk.identity(f"{self.place}/c")}
        )
        self.disk.close(file)
        self.assertNotEqual(self.disk.identity(path), self.disk.identity(other))

    def test_directories_are_made_private_and_once(self):
        """A directory is 0700; a second time is FileExistsError; it can be synced; a file cannot."""
        path = f"{self.place}/d"
        self.disk.make_directory(path)
        self.assertRaises(FileExistsError, self.disk.make_directory, path)
        self.assertEqual(stat.S_IMODE(self.disk.access(path).mode), 0o700)
        self.assertEqual(self.disk.access(path).owner, os.geteuid())
        self.disk.fsync_directory(path)
        self.assertRaises(NotADirectoryError, self.disk.fsync_directory, self.written("a"))
        self.assertRaises(FileNotFoundError, self.disk.fsync_directory, f"{self.place}/none")

    def test_status_tells_files_from_directories(self):
        """Only a regular file is regular."""
        self.disk.make_directory(f"{self.place}/d")
        self.assertEqual(self.disk.status(self.written("a")).size, 6)
        self.assertTrue(self.disk.status(f"{self.place}/a").regular)
        self.assertFalse(self.disk.status(f"{self.place}/d").regular)
        self.assertEqual({name: regular for name, _, _, regular in self.disk.scan(self.place)}, {"a": True, "d": False})

    def test_names_and_scan_need_the_directory(self):
        """A missing directory is FileNotFoundError once one looks."""
        self.assertRaises(FileNotFoundError, list, self.disk.names(f"{self.place}/none"))
        self.assertRaises(FileNotFoundError, list, self.disk.scan(f"{self.place}/none"))

    def test_a_lock_is_for_one_until_it_is_closed(self):
        """A second opening of the same file does not get the lock before the first is closed."""
        first = self.disk.open_for_appending(f"{self.place}/l")
        second = self.disk.open_for_appending(f"{self.place}/l")
        self.assertTrue(self.disk.lock(first))
        self.assertFalse(self.disk.lock(second))
        self.disk.close(first)
        self.assertTrue(self.disk.lock(second))
        self.disk.close(second)

    def test_a_closed_descriptor_is_no_descriptor(self):
        """Using it is an OSError."""
        file = self.disk.open(self.written("a"))
        self.disk.close(file)
        self.assertRaises(OSError, self.disk.read, file, 0, 1)
        self.assertRaises(OSError, self.disk.close, file)

    def test_space_is_counted(self):
        """There is something left, and not more than there is."""
        space = self.disk.space(self.place)
        self.assertTrue(0 < space.octets_free <= space.octets_all)
        self.assertTrue(space.inodes_free <= space.inodes_all)


class RealDiskTests(DiskContract, SynchronousTestCase):
    def setUp(self):
        self.disk = FileOperations()
        self.place = os.path.abspath(self.mktemp())
        os.mkdir(self.place)

    def test_links_are_never_followed(self):
        """A symbolic link in place of a file is refused, and is not regular."""
        goal = self.written("goal")
        os.symlink(goal, f"{self.place}/s")
        self.assertRaises(OSError, self.disk.open, f"{self.place}/s")
        self.assertRaises(OSError, self.disk.open_for_appending, f"{self.place}/s")
        self.assertRaises(OSError, self.disk.create, f"{self.place}/s")
        self.assertFalse(self.disk.status(f"{self.place}/s").regular)

    def test_files_are_private(self):
        """A file is 0600 whatever the umask would allow."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.assertEqual(stat.S_IMODE(self.disk.access(self.written("a")).mode), 0o600)


class ForgetfulDiskTests(DiskContract, SynchronousTestCase):
    def setUp(self):
        self.disk = self.forgetful = ForgetfulDisk()
        self.place = "/place"
        self.disk.make_directory(self.place)
        self.disk.fsync_directory("/")

    def test_it_has_every_operation_of_its_own(self):
        """None of its methods is the real disk's."""
        for name, _ in inspect.getmembers(FileOperations, inspect.isfunction):
            if not name.startswith("_"):
                self.assertIsNot(getattr(ForgetfulDisk, name), getattr(FileOperations, name), name)

    def test_an_unsynced_name_is_forgotten(self):
        """Content that was synced is lost with its name, and comes back with the directory's sync."""
        file = self.disk.create(f"{self.place}/a")
        self.disk.fsync(file)
        self.assertEqual(list(self.forgetful.after_crash().names(self.place)), [])
        self.disk.fsync_directory(self.place)
        self.assertEqual(list(self.forgetful.after_crash().names(self.place)), ["a"])

    def test_unsynced_content_is_forgotten(self):
        """A durable name may stand for nothing; a removed one may come back."""
        path = self.written("a")
        self.disk.fsync_directory(self.place)
        self.disk = self.forgetful.after_crash()
        self.assertEqual(self.content(path), b"")
        self.disk.unlink(path)
        self.assertEqual(list(self.disk.after_crash().names(self.place)), ["a"])

    def test_a_failed_fsync_cannot_be_retried(self):
        """A second fsync that succeeds makes nothing durable."""
        file = self.disk.create(f"{self.place}/a")
        self.disk.fsync_directory(self.place)
        self.disk.write(file, (b"lost",))
        self.forgetful.fail_at = self.forgetful.steps + 1
        self.assertRaises(OSError, self.disk.fsync, file)
        self.disk.fsync(file)
        after = self.forgetful.after_crash()
        self.assertEqual(after.status(f"{self.place}/a").size, 0)

    def test_a_moved_directory_is_here_or_there(self):
        """A crash before the sync finds it in one place, after the sync of either parent in the new one."""
        for synced, remembered in ((False, False), (False, True), (True, False)):
            disk = ForgetfulDisk()
            for path in ("/from", "/to", "/from/d"):
                disk.make_directory(path)
            for path in ("/from/d", "/from", "/to", "/"):
                disk.fsync_directory(path)
            disk.rename("/from/d", "/to/d")
            if synced:
                disk.fsync_directory("/to")
            found = disk.after_crash(partial(bool, remembered))
            here, there = list(found.names("/from")), list(found.names("/to"))
            self.assertEqual((here, there), ([], ["d"]) if synced or remembered else (["d"], []))

    def test_nothing_is_done_after_the_power_cut(self):
        """From its last step on every step is a power cut; a write has written half."""
        file = self.disk.create(f"{self.place}/a")
        self.forgetful.die_at = self.forgetful.steps + 1
        self.assertRaises(PowerCut, self.disk.write, file, (b"0123",))
        self.assertRaises(PowerCut, self.disk.write, file, (b"0123",))
        self.disk = self.forgetful.after_kill()
        self.assertEqual(self.content(f"{self.place}/a"), b"01")
