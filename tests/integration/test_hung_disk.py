"""A spool whose file system is frozen: every change to it waits until it is thawed, as with a disk that hangs."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from shieldrelay.testing.nexthop import Step
from tests.capabilities import possible, program
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.customer import say

CLIENTS = 24
"""More than the spool has threads."""


@possible("loop mounts")
class HungDiskTests(ProductCase):
    """An ext4 of its own, frozen by fsfreeze(8)."""

    def setUp(self) -> None:
        image, self.place = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        with image.open("wb") as file:
            file.truncate(256 << 20)
        self.place.mkdir()
        self.run_program("mkfs.ext4", "-q", "-F", str(image))
        self.run_program("mount", "-o", "loop", str(image), str(self.place))
        self.addCleanup(self.run_program, "umount", str(self.place))
        self.customer = self.a_customer()
        settings = {"delivery": {"first_attempt": "queued", "retry": ["1s"]}}
        self.node = self.a_node(self.customer.port, settings=settings, spool=self.place / "spool")
        self.replies: dict[str, bytes] = {}
        self.frozen = False
        self.addCleanup(self.thaw)

    def run_program(self, *words: str) -> None:
        """Run a program that must succeed."""
        subprocess.run([program(words[0]), *words[1:]], check=True, capture_output=True, timeout=30)

    def freeze(self) -> None:
        """Let the disk hang."""
        self.run_program("fsfreeze", "-f", str(self.place))
        self.frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        if self.frozen:
            self.frozen = False
            self.run_program("fsfreeze", "-u", str(self.place))

    def send(self, token: str) -> None:
        """Send one message, however long that takes."""
        self.replies[token] = send_one(self.node.port, token)

    def test_a_disk_that_hangs_loses_nothing_and_holds_nobody_who_comes_later(self) -> None:
        """Who was in gets its answer when the disk goes on; who comes is told 452 at once, and the status says why."""
        self.freeze()
        tokens = [f"hung-{number}" for number in range(CLIENTS)]
        clients = [threading.Thread(target=self.send, args=(token,), daemon=True) for token in tokens]
        for client in clients:
            client.start()
        said = self.node.wait_for_event("headroom", lambda line: line["state"] == "refuse")
        self.assertIn("has not answered", said["reason"])
        self.assertEqual(send_one(self.node.port, "later")[:3], b"452")
        self.assertEqual(self.replies, {})
        self.assertEqual(self.node.ask("GET", "status")["spool"]["state"], "refusing")
        self.thaw()
        for client in clients:
            client.join(30)
        self.assertEqual({token: reply[:3] for token, reply in self.replies.items()}, dict.fromkeys(tokens, b"250"))
        self.node.wait_for_event("headroom", lambda line: line["state"] == "ok")
        self.assertEqual(send_one(self.node.port, "after")[:3], b"250")
        self.wait_for_arrival(self.customer, *tokens, "after")
        self.assert_once(self.customer, [*tokens, "after"])

    def test_a_delivery_that_ends_while_the_disk_hangs_is_done_once(self) -> None:
        """Its file cannot be removed before the disk goes on; then it is, and is not delivered again."""
        self.customer.on(Step.CONTENT, say("250 2.0.0 stored", delay=1.0))
        self.assertEqual(send_one(self.node.port, "slow")[:3], b"250")
        self.wait(lambda: self.customer.times(Step.CONTENT) == 1, "the dot")
        self.freeze()
        self.wait_for_arrival(self.customer, "slow")
        self.assertEqual(len(self.node.spooled()), 1)
        self.thaw()
        self.wait(self.node.drained, "an empty spool")
        self.assert_once(self.customer, ["slow"])
