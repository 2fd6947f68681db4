"""Claims about ``shieldrelayctl backup`` and ``restore``, of a real node."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.ctl_client import ControlClient
from shieldrelay.backup.manifest import FILES, HEAD, Unfit
from shieldrelay.backup.packing import pack
from shieldrelay.backup.restoring import prove
from shieldrelay.config.reader import read
from shieldrelay.recipients.pointer import decode
from tests.integration.node import DOMAIN, Node, wait_until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


class BackupTests(SynchronousTestCase):
    """A node that has learned something, and its backup, made while it runs."""

    def setUp(self) -> None:
        self.node = Node([1])
        self.addCleanup(self.node.close)
        self.node.start()
        self.state = self.node.directory / "state"
        self.archive = self.node.directory / "backup"
        self.ctl("allow", "192.0.2.0/24", "--reason", "tests")
        done = self.ctl("backup", str(self.archive), "--config", str(self.node.configuration))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command on the node."""
        command = [sys.executable, "-m", "shieldrelay.admin.ctl", "--socket", str(self.node.control), *words]
        return subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Put it back."""
        return self.ctl("restore", str(self.archive), *words)

    def lose(self) -> None:
        """Stop the node, and lose its configuration and all that it knows."""
        self.node.stop()
        shutil.rmtree(self.state)
        shutil.rmtree(self.node.directory / "domains.d")
        self.node.configuration.unlink()
        self.node.recipients_file.unlink()

    def test_all_comes_back(self) -> None:
        """After everything was lost, the node starts from its backup, with secret, lists and configuration."""
        secret, listed = self.state / "names.secret", self.state / "recipients" / DOMAIN / "current"
        before = (secret.read_bytes(), listed.read_bytes(), self.node.configuration.read_bytes())
        self.lose()
        done = self.restore()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual((secret.read_bytes(), listed.read_bytes(), self.node.configuration.read_bytes()), before)
        modes = [file.stat().st_mode & 0o077 for file in (self.archive, secret, self.state)]
        self.assertEqual(modes, [0, 0, 0], "nobody else may read it")
        self.node.start()
        self.assertEqual(self.ctl("recipients", "check", f"alice@{DOMAIN}").returncode, 0)

    def test_names_that_are_taken(self) -> None:
        """A backup never takes another's place, and a fault names what was typed."""
        before = self.archive.read_bytes()
        taken, nowhere = (self.archive, "there is such a file already"), (self.archive / "b", "no such directory")
        for target, words in (taken, nowhere):
            done = self.ctl("backup", str(target), "--config", str(self.node.configuration))
            named = target if target == self.archive else target.parent
            self.assertEqual((done.returncode, done.stderr), (1, f"shieldrelayctl: {named}: {words}\n"))
        self.assertEqual(self.archive.read_bytes(), before)
        self.assertEqual([one.name for one in self.archive.parent.iterdir() if one.name.startswith(".")], [])

    def test_no_backup(self) -> None:
        """A file that is something else is told to be in one line."""
        self.archive.write_bytes(b"something else\n" * 100)
        done = self.restore()
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("no backup at all", done.stderr)

    def test_running_node(self) -> None:
        """Under a running node a backup can be proven, but not put back; and it is not written over another file."""
        before = self.archive.read_bytes()
        looked, restored = self.restore("--check"), self.restore("--force")
        self.assertEqual((looked.returncode, restored.returncode), (0, 1))
        self.assertIn("whole", looked.stdout)
        self.assertIn("stop it first", restored.stderr)
        self.assertEqual(self.ctl("backup", str(self.archive), "--config", str(self.node.configuration)).returncode, 1)
        self.assertEqual(self.archive.read_bytes(), before)

    def test_other_files(self) -> None:
        """What says something else is replaced by --force only; the same again is no difference."""
        self.node.stop()
        self.node.configuration.write_text(self.node.configuration.read_text() + "# later\n")
        done = self.restore()
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"says something else here: {self.node.configuration}", done.stdout)
        self.assertTrue(self.node.configuration.read_text().endswith("# later\n"))
        self.assertEqual(self.restore("--force").returncode, 0)
        self.assertFalse(self.node.configuration.read_text().endswith("# later\n"))
        self.assertEqual(self.restore().returncode, 0)


class ArchiveTests(SynchronousTestCase):
    """The file itself."""

    def setUp(self) -> None:
        self.node = Node([1])
        self.addCleanup(self.node.close)
        self.archive = self.node.directory / "backup"
        self.packed = pack(read(str(self.node.configuration)), self.archive, 1e9)

    def test_what_is_in_it(self) -> None:
        """The main file, the domains, and what settings name wherever it is are in it."""
        named = {str(self.node.configuration), str(self.node.recipients_file)}
        self.assertTrue(named <= self.packed.keys(), self.packed.keys())
        self.assertTrue(any("/domains.d/" in name for name in self.packed))
        self.assertEqual(prove(self.archive).files, self.packed)

    def test_newer_version(self) -> None:
        """What a newer version made is refused, with both versions."""
        head = json.loads(self._member(HEAD))
        self.rewrite({HEAD: json.dumps({**head, "version": "99.0"}).encode()})
        said = str(self.assertRaises(Unfit, prove, self.archive))
        self.assertIn("version 99.0, which is newer than this one", said)

    def test_damage(self) -> None:
        """A changed octet, a missing end and a strange member are found before anything is written."""
        whole = self.archive.read_bytes()
        member = f"files{self.node.configuration}"
        self.rewrite({member: self._member(member).replace(b"relay.test", b"relax.test")})
        self.assertIn(str(self.node.configuration), str(self.assertRaises(Unfit, prove, self.archive)))
        self.archive.write_bytes(whole[: len(whole) // 2])
        self.assertRaises(Unfit, prove, self.archive)
        self.archive.write_bytes(whole)
        with tarfile.open(self.archive) as opened:
            records = {each.name for each in opened.getmembers()}
        self.assertTrue({HEAD, FILES, member} <= records)

    def test_member_that_leads_elsewhere(self) -> None:
        """A link, or a path with ``..``, is no part of a backup."""
        for member in (tarfile.TarInfo("files/etc/../x"), tarfile.TarInfo("files/x")):
            if member.name == "files/x":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            head = self._member(HEAD)
            with tarfile.open(self.node.directory / "strange", "w") as opened:
                first = tarfile.TarInfo(HEAD)
                first.size = len(head)
                opened.addfile(first, io.BytesIO(head))
                opened.addfile(member)
            self.assertRaises(Unfit, prove, self.node.directory / "strange")

    def rewrite(self, change: dict[str, bytes]) -> None:
        """Replace members of the archive."""
        with tarfile.open(self.archive) as opened:
            members = [(each, opened.extractfile(each)) for each in opened.getmembers()]
            texts = [(member, b"" if text is None else text.read()) for member, text in members]
        with tarfile.open(self.archive, "w:gz") as opened:
            for member, text in texts:
                wanted = change.get(member.name, text)
                member.size = len(wanted)
                opened.addfile(member, io.BytesIO(wanted))

    def _member(self, name: str) -> bytes:
        with tarfile.open(self.archive) as opened:
            text = opened.extractfile(name)
            assert text is not None
            return text.read()


class MeanwhileTests(SynchronousTestCase):
    """A list that changes all the time."""

    BACKUPS = 8

    def setUp(self) -> None:
        self.node = Node([1], domain={"recipients": "push"})
        self.addCleanup(self.node.close)
        self.node.start()
        self.pushes, self.over = 0, threading.Event()

    def push(self) -> None:
        """Replace the list, and add to it, until it is over."""
        client = ControlClient(str(self.node.control))
        path = f"/api/v1/recipients/{DOMAIN}/push"
        while not self.over.is_set():
            self.pushes += 1
            whole = "".join(f"user{self.pushes}-{number}\n" for number in range(20)).encode()
            client.ask("POST", path, {"change": "replace", "force": "true", "by": "tests"}, octets=whole)
            client.ask("POST", path, {"change": "add", "by": "tests"}, octets=b"one-more\n")

    def test_whole_lists(self) -> None:
        """Each backup has the pointer of a list with all that it points at, whatever is pushed meanwhile."""
        pusher = threading.Thread(target=self.push)
        pusher.start()
        try:
            versions = {self.pointed_at(number) for number in range(self.BACKUPS)}
        finally:
            self.over.set()
            pusher.join()
        self.assertGreater(len(versions), 2, f"{self.pushes} pushes")

    def pointed_at(self, number: int) -> int:
        """Make a backup when there is a newer list than before, look at it, and give the version that it has."""
        pushes = self.pushes
        wait_until(lambda: self.pushes > pushes + 1, "a push")
        archive = self.node.directory / f"backup-{number}"
        packed = pack(read(str(self.node.configuration)), archive, 1e9)
        here = f"{self.node.directory}/state/recipients/{DOMAIN}"
        with tarfile.open(archive) as opened:
            text = opened.extractfile(f"files{here}/current")
            assert text is not None
            pointer = decode(text.read())
        wanted = [f"{pointer.version}.mdb", f"{pointer.version}.json", *filter(None, [pointer.overlay])]
        self.assertEqual([name for name in wanted if f"{here}/{name}" not in packed], [])
        prove(archive)
        return pointer.version
