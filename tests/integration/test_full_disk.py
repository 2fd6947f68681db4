"""A spool's disk that is full, out of inodes, or read-only: refused for now, told, nothing lost, and it recovers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.capabilities import possible, program
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.kill_storm import drain

SMALL = {"smtp": {"message_size": "64KiB"}, "disk": {"reserve": "1MiB", "domain_share": "100%"}}


@possible("tmpfs mounts")
class FullDiskTests(ProductCase):
    """Each test has a tmpfs of 8 MiB for its spool."""

    def setUp(self):
        self.customer = self.a_customer(keep=False)
        self.place = Path(tempfile.mkdtemp(prefix="shieldrelay-disk-"))
        self.addCleanup(self.place.rmdir)
        self.mount("size=8m,nr_inodes=400")
        self.addCleanup(do, "umount", str(self.place))
        self.spool = self.place / "spool"

    def mount(self, options):
        do("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.place))

    def remount(self, options):
        do("mount", "-o", f"remount,{options}", str(self.place))

    def a_small_node(self, **settings):
        return self.a_node(self.customer.port, settings={**SMALL, **settings}, spool=self.spool)

    def fill(self, node, size):
        """Send until something is refused; give what was acknowledged and the refusal."""
        acknowledged: list[str] = []
        for number in range(2000):
            last = send_one(node.port, f"m{number}", size=size)
            if not last.startswith(b"250"):
                return acknowledged, last
            acknowledged.append(f"m{number}")
        raise AssertionError("the disk was not full in time")

    def test_no_space(self):
        """With the reserve used up mail is refused by 452, what was acknowledged is kept, and it goes on with room."""
        node = self.a_small_node()
        self.customer.down()
        acknowledged, last = self.fill(node, 60_000)
        self.assertRegex(last, rb"^452 4\.3\.1 ")
        self.assertEqual(len(node.spooled()), len(acknowledged))
        self.wait(lambda: node.ask("GET", "status")["spool"]["state"] == "refusing", "what the status says")
        self.customer.up()
        drain(node)
        self.assertEqual({one.token for one in self.customer.taken()}, set(acknowledged))
        self.wait(lambda: node.ask("GET", "status")["spool"]["state"] == "ok", "room")
        self.assertEqual(send_one(node.port, "again")[:3], b"250")
        self.wait_for_arrival(self.customer, "again")

    def test_really_no_space(self):
        """A disk that somebody else fills to its last octet: the spool's own writes fail, and nothing is lost."""
        node = self.a_small_node(delivery={"first_attempt": "queued", "retry": ["1s"], "probe": "1s"})
        self.customer.down()
        for number in range(5):
            self.assertEqual(send_one(node.port, f"m{number}")[:3], b"250")
        hog = self.place / "hog"
        with hog.open("wb", buffering=0) as file:
            self.assertRaises(OSError, lambda: [file.write(bytes(1 << 16)) for _ in range(200)])
        self.assertRegex(send_one(node.port, "refused"), rb"^45[12] ")
        self.customer.up()
        drain(node)
        self.assert_once(self.customer, [f"m{number}" for number in range(5)])
        hog.unlink()
        self.wait(lambda: send_one(node.port, "again").startswith(b"250"), "mail that is taken again")

    def test_no_inodes(self):
        """Out of inodes is as full as out of space."""
        node = self.a_small_node()
        self.customer.down()
        acknowledged, last = self.fill(node, 300)
        self.assertRegex(last, rb"^452 4\.3\.1 ")
        self.customer.up()
        drain(node)
        self.assertEqual({one.token for one in self.customer.taken()}, set(acknowledged))

    def test_read_only_at_the_start(self):
        """A spool that cannot be written: one clear sentence and status 69."""
        self.remount("ro")
        node = self.a_node(self.customer.port, settings=SMALL, spool=self.spool, started=False)
        node.launch()
        self.assertEqual(node.wait_until_ended(), 69)
        said = node.log_file.read_text()
        self.assertIn("read-only", said.lower())
        self.assertIn(str(self.spool), said)
        self.assertNotIn("Traceback", said)


@possible("loop mounts")
class BrokenDiskTests(ProductCase):
    """Each test has an ext4 of its own, which an error has made read-only under the running node."""

    def setUp(self):
        self.customer = self.a_customer(keep=False)
        self.scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-disk-"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.image, self.place = self.scratch / "image", self.scratch / "disk"
        self.place.mkdir()
        with self.image.open("wb") as image:
            image.truncate(64 << 20)
        do("mkfs.ext4", "-q", "-F", str(self.image))
        do("mount", "-o", "loop", str(self.image), str(self.place))
        self.addCleanup(do, "umount", str(self.place))
        self.node = self.a_node(self.customer.port, settings=SMALL, spool=self.place / "spool")

    def break_the_disk(self):
        """Have ext4 do what it does on an error: nothing can be written any more, and everything read."""
        do("mount", "-o", "remount,abort", str(self.place))

    def mend_the_disk(self):
        """Find it again after a restart of the machine."""
        self.node.kill()
        do("umount", str(self.place))
        do("mount", "-o", "loop", str(self.image), str(self.place))
        self.node.start()

    def test_what_cannot_be_spooled_is_refused(self):
        """Mail that would be spooled is refused for now; what was acknowledged before is there after a restart."""
        self.customer.down()
        self.assertEqual(send_one(self.node.port, "before")[:3], b"250")
        self.break_the_disk()
        self.assertRegex(send_one(self.node.port, "meanwhile"), rb"^45[12] ")
        self.mend_the_disk()
        self.assertEqual(send_one(self.node.port, "after")[:3], b"250")
        self.customer.up()
        drain(self.node)
        self.assert_once(self.customer, ["before", "after"])

    def test_what_can_be_delivered_is_delivered(self):
        """Without a disk mail still goes through to a customer's server that takes it at once."""
        self.break_the_disk()
        self.assertEqual(send_one(self.node.port, "through")[:3], b"250")
        self.assert_once(self.customer, ["through"])

    def test_what_cannot_be_removed_is_not_sent_again_and_again(self):
        """A spooled message is delivered though its file stays; that is told, and it is not sent in a loop."""
        self.customer.down()
        self.assertEqual(send_one(self.node.port, "before")[:3], b"250")
        self.break_the_disk()
        self.customer.up()
        self.node.ask("POST", "domains/example.test/flush")
        self.wait_for_arrival(self.customer, "before")
        self.node.wait_for_event("remove_failed")
        self.node.ask("POST", "domains/example.test/flush")
        self.assertEqual(send_one(self.node.port, "more")[:3], b"250")
        self.assert_once(self.customer, ["before", "more"])


def do(name, *words):
    """Run a program of the system that must succeed."""
    command = [program(name), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stderr}")
