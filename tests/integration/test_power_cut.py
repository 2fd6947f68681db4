"""A power cut on a real file system: ext4 forgets what was not committed, and nothing acknowledged is lost (R13)."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.journal import ListJournal
from tests.capabilities import possible, program
from tests.spool.samples import DOMAIN, a_content, a_spool, done
from tests.spool.storing import CHECKOUT

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2


@possible("loop mounts")
class PowerCutTests(SynchronousTestCase):
    """Each test has an ext4 file system of its own in an image of 64 MiB."""

    def setUp(self):
        scratch = Path(self.mktemp()).absolute()
        self.place, self.image = scratch / "disk", scratch / "image"
        self.place.mkdir(parents=True)
        with self.image.open("wb") as image:
            image.truncate(64 << 20)
        self.command("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()
        self.addCleanup(self.unmount)

    def command(self, name, *arguments):
        subprocess.run([program(name), *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def mount(self):
        self.command("mount", "-o", "loop", str(self.image), str(self.place))

    def unmount(self):
        self.command("umount", str(self.place))

    def cut_the_power(self):
        """Forget everything that is not in the journal on the disk, and find the file system again after a reboot."""
        directory = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(directory)
        self.unmount()
        self.mount()

    def store_in_another_process(self, count, callers=20):
        """Let real threads store so many messages, and give the ids that were acknowledged until the power is cut."""
        command = [sys.executable, "-m", "tests.spool.storing", f"{self.place}/spool", str(count), str(callers)]
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as child:
            acknowledged = [line.strip() for line in child.stdout or () if line != "ready\n"]
            self.assertEqual(child.wait(), 0)
        return acknowledged

    def found(self):
        """Start again; give the contents of all messages by id, each whole."""
        journal = ListJournal()
        spool = a_spool(FileOperations(), f"{self.place}/spool", journal=journal)
        spool.open()
        try:
            done(spool.prepare(DOMAIN))
            done(spool.sweep(DOMAIN))
            entries = done(spool.window(DOMAIN, 10_000)).entries
            self.assertEqual(journal.events, [])
            return {entry.id: b"".join(done(spool.load(entry)).content.blocks) for entry in entries}
        finally:
            spool.close()

    def test_everything_acknowledged_survives(self):
        """Three hundred messages from twenty callers, and the power is cut at once after the last acknowledgement."""
        acknowledged = self.store_in_another_process(300)
        self.assertEqual(len(acknowledged), 300)
        self.cut_the_power()
        found = self.found()
        self.assertEqual(found.keys(), set(acknowledged))
        self.assertEqual([id for id in acknowledged if found[id] != a_content(id)], [])

    def test_the_power_cut_forgets_what_was_not_synced(self):
        """The instrument itself: a file that nobody synced is empty or gone afterwards."""
        os.sync()
        (self.place / "unsynced").write_bytes(b"x" * 1000)
        self.cut_the_power()
        path = self.place / "unsynced"
        self.assertFalse(path.exists() and path.stat().st_size)
