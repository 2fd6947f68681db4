"""System calls that fail, or kill, at an exact point of a real process: fsync, write, link (R13)."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.journal import ListJournal
from tests.capabilities import possible, program
from tests.spool.samples import DOMAIN, a_content, a_spool, done
from tests.spool.storing import CHECKOUT

STORED = 20


@possible("fault injection")
class InjectedFaultTests(SynchronousTestCase):
    """Twenty messages, stored one after the other under strace, which injects the fault."""

    def setUp(self):
        self.root = Path(self.mktemp()).absolute()

    def storing(self, *injections):
        """Store; give the acknowledged ids, the refusals as they were said, and the exit code."""
        prepared = a_spool(FileOperations(), str(self.root))
        prepared.open()
        done(prepared.prepare(DOMAIN))
        prepared.close()
        faults = [word for injection in injections for word in ("-e", f"inject={injection}")]
        traced = ",".join(injection.partition(":")[0] for injection in injections)
        command = [program("strace"), "-f", "-qq", "-o", "/dev/null", "-e", f"trace={traced}", *faults]
        command += [sys.executable, "-m", "tests.spool.storing", str(self.root), str(STORED), "1"]
        ran = subprocess.run(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        said = [line for line in ran.stdout.splitlines() if line != "ready"]
        acknowledged = {line for line in said if not line.startswith("-")}
        return acknowledged, [line for line in said if line.startswith("-")], ran.returncode

    def found(self):
        """Start again; give the ids of what is there, having read all of it."""
        journal = ListJournal()
        spool = a_spool(FileOperations(), str(self.root), journal=journal)
        spool.open()
        self.addCleanup(spool.close)
        done(spool.sweep(DOMAIN))
        entries = done(spool.window(DOMAIN, 100)).entries
        self.assertEqual(journal.named("damaged"), [])
        for entry in entries:
            self.assertEqual(b"".join(done(spool.load(entry)).content.blocks), a_content(entry.id))
        self.assertEqual(list((Path(spool.path) / DOMAIN / "tmp").iterdir()), [])
        return {entry.id for entry in entries}

    def check(self, injection, words):
        """Everything that was acknowledged is there, what failed is not, and the refusal says why."""
        acknowledged, refused, code = self.storing(injection)
        self.assertEqual(code, 0)
        self.assertTrue(refused, "the fault was not injected")
        self.assertTrue(all(words in line for line in refused), refused)
        self.assertEqual(len(acknowledged) + len(refused), STORED)
        self.assertEqual(self.found(), acknowledged)

    def test_an_fsync_that_fails_refuses_its_message(self):
        """Of files and of the directory in turn: what was not acknowledged is not there either."""
        self.check("fsync:error=EIO:when=20+5", "input/output error")

    def test_a_full_disk_refuses_its_messages(self):
        """A write without space is told as such, and leaves no part of a file."""
        self.check("writev:error=ENOSPC:when=3+4", "the disk is full")

    def test_a_disk_full_of_inodes_refuses_its_messages(self):
        """A link without space too."""
        self.check("link,linkat:error=ENOSPC:when=4+3", "the disk is full")

    def test_a_kill_at_an_fsync_loses_nothing_acknowledged(self):
        """Killed -9 at the moment of an fsync: the acknowledged are there, whole."""
        for number in (11, 12, 25, 40):
            self.root = self.root.with_name(f"killed{number}")
            acknowledged, refused, code = self.storing(f"fsync:signal=KILL:when={number}")
            self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL))
            self.assertEqual(refused, [])
            self.assertTrue(acknowledged <= self.found() and len(acknowledged) < STORED)
