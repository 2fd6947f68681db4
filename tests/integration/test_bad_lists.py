"""Bad lists and bad state: half-written, shrunk, a directory that hangs, torn snapshots, disks that refuse."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.clients import Session, send_one
from tests.integration.node import OBSERVED
from tests.integration.test_full_disk import do

EX_CONFIG = 78


class ListCase(ProductCase):
    def setUp(self):
        self.customer = self.a_customer(keep=False)

    def a_node(self, *next_hops, settings=None, **more):
        """Make a node whose one client may ask for unknown recipients."""
        return super().a_node(*next_hops, settings={**OBSERVED, **(settings or {})}, **more)

    def code(self, node, recipient):
        """Give the code that RCPT is answered with."""
        with Session(node.port) as session:
            session.command(b"MAIL FROM:<a@sender.test>")
            return int(session.command(f"RCPT TO:<{recipient}@example.test>".encode())[:3])

    def children(self, node):
        """Give the child processes of a node."""
        pid = node.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class FileTests(ListCase):
    def test_a_half_written_list_at_the_first_start(self):
        """Octets that are no list, and no version from before: told by file and line, and nothing is started."""
        node = self.a_node(self.customer.port, started=False)
        node.recipients_file.write_bytes(b"alice\nbo\0\xff\xfe" + random.Random(1).randbytes(20_000))
        node.launch()
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        self.assertIn(f"{node.recipients_file}:2", node.log_file.read_text())

    def test_a_half_written_list_at_a_later_start(self):
        """Octets that are no list, and a version from before: that one is in force, and it is told."""
        node = self.a_node(self.customer.port)
        node.stop()
        node.recipients_file.write_bytes(random.Random(1).randbytes(20_000))
        node.start()
        self.assertEqual((self.code(node, "alice"), self.code(node, "nobody")), (250, 550))
        self.assertTrue(node.journal("list_damaged"))

    def test_a_half_written_list_at_a_reload(self):
        """The reload is refused with the line, and the list in force is as it was."""
        node = self.a_node(self.customer.port)
        node.recipients_file.write_bytes(b"alice\n" + random.Random(1).randbytes(20_000))
        done = node.ctl("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{node.recipients_file}:", done.stderr)
        self.assertEqual((self.code(node, "alice"), self.code(node, "nobody")), (250, 550))

    def test_a_list_that_went(self):
        """A list that is not there any more: a reload is refused and mail goes on, a start says what is missing."""
        node = self.a_node(self.customer.port)
        node.recipients_file.unlink()
        self.assertEqual(node.ctl("reload").returncode, 1)
        self.assertEqual((self.code(node, "alice"), self.code(node, "nobody")), (250, 550))
        node.stop()
        node.launch()
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        self.assertIn("no such file", node.log_file.read_text())

    def test_a_list_that_shrank_to_nothing(self):
        """An empty list is refused at a reload and at a start, told with its guard, and nobody's mail is."""
        node = self.a_node(self.customer.port)
        node.recipients_file.write_bytes(b"")
        node.hang_up()
        node.wait_for_event("list_refused", lambda line: line["guard"] == "empty")
        self.assertEqual(self.code(node, "alice"), 250)
        node.stop()
        node.start()
        self.assertEqual((self.code(node, "alice"), self.code(node, "nobody")), (250, 550))

    def test_a_node_that_is_killed_while_it_reads(self):
        """Killed at any moment of its start or a reload, with the list changed each time: the new list, and whole."""
        node = self.a_node(self.customer.port)
        chance = random.Random(5)
        same = [f"user{number}" for number in range(20_000)]
        for turn in range(6):
            node.list_recipients("alice", f"turn{turn}", *same)
            if turn % 2:
                node.launch()
                time.sleep(chance.uniform(0.3, 1.0))
            else:
                node.hang_up()
                time.sleep(chance.uniform(0.0, 0.3))
            node.kill()
            if turn % 2:
                node.start()
                found = [self.code(node, name) for name in (f"turn{turn}", "user0", "user19999", f"turn{turn - 1}")]
                self.assertEqual(found, [250, 250, 250, 550])


class DirectoryTests(ListCase):
    """A directory that takes connections and says nothing."""

    def setUp(self):
        super().setUp()
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.silent.close)
        port = self.silent.getsockname()[1]
        self.hanging = {
            "recipients": f"ldap://127.0.0.1:{port}",
            "ldap": {"base": "dc=test", "preset": "openldap"},
        }

    def test_the_node_serves_meanwhile(self):
        """While a directory hangs mail is taken, status answers at once, and a stop leaves no child behind."""
        node = self.a_node(self.customer.port, domain=self.hanging)
        self.wait(lambda: self.children(node), "an import")
        children = self.children(node)
        for number in range(5):
            begun = time.monotonic()
            self.assertEqual(send_one(node.port, f"m{number}", "whoever")[:3], b"250")
            self.assertLess(time.monotonic() - begun, 2)
        begun = time.monotonic()
        self.assertEqual(node.stop(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 8)
        self.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the child's end", 5)

    def test_hang_ups_during_imports(self):
        """Thirty SIGHUPs while an import hangs: the node lives, reloads, and imports one at a time."""
        node = self.a_node(self.customer.port, domain=self.hanging)
        self.wait(lambda: self.children(node), "an import")
        for number in range(30):
            node.configure(domain={"list_postmaster": bool(number % 2)})
            node.hang_up()
            time.sleep(0.02)
            self.assertLessEqual(len(self.children(node)), 2)
        node.wait_for_event("reload")
        self.wait(lambda: self.children(node), "an import after it")
        self.assertEqual(send_one(node.port, "on", "whoever")[:3], b"250")

    def test_a_kill_leaves_nothing_in_the_way(self):
        """Killed during an import, the next start imports again, and what was left of the first ends by itself."""
        patience = {"recipients.imports": {"idle_timeout": "3s"}}
        node = self.a_node(self.customer.port, domain=self.hanging, settings=patience)
        self.wait(lambda: self.children(node), "an import")
        children = self.children(node)
        node.kill()
        for pid in children:
            self.addCleanup(_killed, pid)
        node.start()
        self.wait(lambda: self.children(node), "an import")
        self.wait(lambda: not any(map(is_alive, children)), "the end of the orphan", 10)


class StateTests(ListCase):
    def test_a_torn_snapshot(self):
        """What is torn, foreign or a directory is told and set aside; the node starts, and keeps a new one."""
        node = self.a_node(self.customer.port)
        self.assertEqual(send_one(node.port, "before")[:3], b"250")
        node.stop()
        view = node.directory / "state" / "shield" / "view"
        whole = view.read_bytes()
        for number, octets in enumerate((whole[: len(whole) // 2], b"\x7fELF" + bytes(4000), b"[]\n{}\n")):
            view.write_bytes(octets)
            node.start()
            self.wait(lambda: len(node.journal("snapshot_unreadable")) == number + 1, "what is told")  # noqa: B023
            self.assertEqual((view.parent / "view.unreadable").read_bytes(), octets)
            node.stop()
            self.assertTrue(view.read_bytes().endswith(b"}\n"))

    def test_a_header_of_a_balancer_from_a_stranger(self):
        """A PROXY header from who is no balancer is refused, and the address is the client's own."""
        node = self.a_node(self.customer.port)
        version2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x00\x19"
        for header in (b"PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n", version2):
            with socket.create_connection(("127.0.0.1", node.port), 5) as one:
                one.sendall(header + b"QUIT\r\n")
                one.settimeout(5)
                said = b""
                while piece := one.recv(4096):
                    said += piece
            self.assertRegex(said, rb"^220 [^\n]*\n5")
        self.wait(lambda: len(node.journal("session")) >= 3, "the sessions")
        self.assertEqual({line["peer"] for line in node.journal("session")}, {"127.0.0.1"})
        self.assertEqual(send_one(node.port, "on")[:3], b"250")


@possible("tmpfs mounts")
class StateDiskTests(ListCase):
    """The state directory has a tmpfs of its own."""

    def setUp(self):
        super().setUp()
        self.place = Path(tempfile.mkdtemp(prefix="shieldrelay-state-"))
        self.addCleanup(self.place.rmdir)
        do("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(self.place))
        self.addCleanup(do, "umount", str(self.place))
        scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-table-"))
        self.addCleanup(shutil.rmtree, scratch)
        self.table = scratch / "table.csv"

    def a_small_node(self, **more):
        settings = {"node": {"state": str(self.place / "state")}}
        return self.a_node(self.customer.port, settings=settings, **more)

    def test_read_only_at_the_start(self):
        """A state directory that cannot be written: one sentence, and nothing is started."""
        do("mount", "-o", "remount,ro", str(self.place))
        node = self.a_small_node(started=False)
        node.launch()
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        said = node.log_file.read_text()
        self.assertIn("read-only", said.lower())
        self.assertNotIn("Traceback", said)

    def test_read_only_while_it_runs(self):
        """A state directory that becomes read-only: mail goes on, a reload is refused in words, the stop is in time."""
        node = self.a_small_node()
        do("mount", "-o", "remount,ro", str(self.place))
        self.assertEqual(send_one(node.port, "on")[:3], b"250")
        node.list_recipients("alice", "dave")
        done = node.ctl("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("read-only", done.stderr.lower())
        self.assertEqual((self.code(node, "alice"), self.code(node, "dave")), (250, 550))
        self.assertEqual(node.stop(), -signal.SIGTERM)
        self.assertTrue(node.journal("snapshot_failed"))
        do("mount", "-o", "remount,rw", str(self.place))
        node.start()
        self.assertEqual(self.code(node, "dave"), 250)

    def test_full_while_a_list_is_built(self):
        """A list too large for the disk fails its import and the one in force stays; a smaller one is adopted."""
        self.table.write_text("mail\n" + "".join(f"u{number}@example.test\n" for number in range(100)))
        node = self.a_small_node(domain={"recipients": f"csv:{self.table}", "csv": {"column": "mail"}})
        node.wait_for_event("list_adopted")
        self.assertEqual((self.code(node, "u5"), self.code(node, "nobody")), (250, 550))
        self.table.write_text("mail\n" + "".join(f"u{number}@example.test\n" for number in range(300_000)))
        self.assertEqual(node.ctl("recipients", "import", "example.test").returncode, 1)
        node.wait_for_event("list_import_failed", lambda line: "space" in line["reason"], 60)
        self.assertEqual((self.code(node, "u5"), self.code(node, "u200000")), (250, 550))
        built = [file.name for file in self.place.rglob("*") if file.name.startswith(("built-", "aside-"))]
        self.assertEqual(built, [])
        self.table.write_text("mail\n" + "".join(f"u{number}@example.test\n" for number in range(200)))
        self.assertEqual(node.ctl("recipients", "import", "example.test").returncode, 0)
        self.assertEqual(self.code(node, "u150"), 250)


def is_alive(pid):
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _killed(pid: str) -> None:
    """Kill a process that should have ended by itself."""
    if is_alive(pid):
        os.kill(int(pid), signal.SIGKILL)
