"""Where the spool may be: on a real disk, private, with nobody able to replace what is above it."""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.spool.operations import FileOperations
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done


class PremisesTests(SynchronousTestCase):
    def setUp(self):
        self.place = os.path.abspath(self.mktemp())
        os.mkdir(self.place, 0o755)

    def opened(self, root=None):
        spool = a_spool(FileOperations(), root or f"{self.place}/spool")
        self.addCleanup(spool.close)
        spool.open()
        return spool

    def test_everything_is_made_private(self):
        """Directories 0700, files 0600, and nothing is left of the probe."""
        spool = self.opened()
        done(spool.prepare(DOMAIN))
        done(spool.store(a_message(), MemoryContent((a_content(),)), due=NOW))
        for above, directories, files in os.walk(spool.root):
            for name in directories:
                self.assertEqual(stat.S_IMODE(os.stat(f"{above}/{name}").st_mode), 0o700)
            for name in files:
                self.assertEqual(stat.S_IMODE(os.stat(f"{above}/{name}").st_mode), 0o600)
        self.assertEqual(sorted(os.listdir(spool.path)), ["_lock", DOMAIN])

    def test_a_parent_that_everyone_may_write_is_refused(self):
        """Unless it has the sticky bit, as /tmp has."""
        os.chmod(self.place, 0o777)  # noqa: S103 - what is to be refused
        fault = self.assertRaises(SpoolUnavailable, self.opened)
        self.assertIn(f"{self.place} is writable by everyone", str(fault))
        os.chmod(self.place, 0o1777)  # noqa: S103 - as /tmp
        self.opened()

    def test_a_member_directory_open_to_others_is_refused(self):
        """The message says which mode it must have."""
        self.opened().close()
        os.chmod(f"{self.place}/spool/node1", 0o750)  # noqa: S103 - what is to be refused
        fault = self.assertRaises(SpoolUnavailable, self.opened)
        self.assertIn("must be 0700", str(fault))

    def test_a_link_in_place_of_the_member_directory_is_refused(self):
        """What is reached must be what was made."""
        os.mkdir(f"{self.place}/spool", 0o700)
        os.mkdir(f"{self.place}/elsewhere", 0o700)
        os.symlink(f"{self.place}/elsewhere", f"{self.place}/spool/node1")
        self.assertRaises(SpoolUnavailable, self.opened)

    def test_a_root_that_is_a_link_is_followed(self):
        """The operator may keep the spool on another disk."""
        os.mkdir(f"{self.place}/disk", 0o700)
        os.symlink(f"{self.place}/disk", f"{self.place}/spool")
        self.assertEqual(self.opened().path, f"{self.place}/disk/node1")

    def test_a_missing_parent_is_named(self):
        """The spool's own directory is made, what is above it is not."""
        fault = self.assertRaises(SpoolUnavailable, self.opened, f"{self.place}/none/spool")
        self.assertIn(f"{self.place}/none/spool", str(fault))

    def test_a_file_in_place_of_a_directory_is_refused(self):
        """Neither the root nor a domain's directory may be something else."""
        with open(f"{self.place}/spool", "wb"):  # noqa: PTH123 - a plain file, whatever it is
            pass
        self.assertRaises(SpoolUnavailable, self.opened)
