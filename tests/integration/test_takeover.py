"""Three whole nodes meet in a Redis server and spool on one storage: one is killed, one stands still (R15)."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from shieldrelay.testing.nexthop import Step
from shieldrelay.testing.redis_server import RedisServer
from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.customer import say
from tests.integration.node import DOMAIN, Node, Settings

TAKEOVER_SECONDS = 30
"""The least that can be configured; the hub forgets a member after as long again."""
RETRY_SECONDS = 900


@possible("redis-server")
class TakeoverTests(ProductCase):
    """The survivor's disk has locks that keep nobody out: it is to take over what a stopped process holds too."""

    def setUp(self) -> None:
        self.customer = self.a_customer()
        self.place = Path(tempfile.mkdtemp(prefix="sr", dir="/tmp"))
        self.addCleanup(self.place.rmdir)
        for name in ("log", "conf"):
            self.addCleanup((self.place / name).unlink, missing_ok=True)
        redis = RedisServer(self.place)
        redis.start()
        self.addCleanup(redis.kill)
        self.spool = Path(self.mktemp()).absolute()
        self.spool.mkdir(mode=0o700)
        self.survivor, self.killed, self.stopped = (
            self.member(name, redis.socket) for name in ("survivor", "killed", "stopped")
        )

    def member(self, name: str, socket: str) -> Node:
        """Start a node of the cluster."""
        settings: Settings = {
            "node": {"hostname": f"{name}.test"},
            "cluster": {"hub": f"redis+unix://{socket}", "takeover": f"{TAKEOVER_SECONDS}s"},
            "delivery": {"retry": [f"{RETRY_SECONDS}s"]},
        }
        node = self.a_node(self.customer.port, settings=settings, spool=self.spool, started=False)
        node.program = (sys.executable, "-m", "tests.integration.standing_node", str(node.directory / "step"))
        node.start()
        return node

    def part(self, name: str) -> dict[str, tuple[float, int]]:
        """Give the messages that wait in a node's part: by file name when they are due, and their inodes."""
        files = (self.spool / f"{name}.test" / DOMAIN / "new").iterdir()
        return {file.name: (file.stat().st_mtime, file.stat().st_ino) for file in files}

    def adopted(self) -> set[str]:
        """Give the nodes whose mail is the survivor's."""
        return {line["member"] for line in self.survivor.journal("adopted")}

    def test_what_lost_nodes_left_is_delivered_once_by_another(self) -> None:
        """Kept are age, next attempt and hold; the one that stood still finds its work gone, and begins anew."""
        self.customer.on(Step.RCPT, say("450 4.2.0 not now"))
        tokens = [f"{node}-{number}" for node in ("killed", "stopped") for number in range(4)]
        for token in tokens:
            node = self.killed if token.startswith("killed") else self.stopped
            self.assertEqual(send_one(node.port, token)[:3], b"250", token)
        held = next(one["id"] for one in self.killed.ask("GET", "queue")["messages"])
        self.assertEqual(self.killed.ctl("hold", held).returncode, 0)
        left = self.part("killed") | self.part("stopped")
        self.assertEqual(len(left), 7)
        self.customer.clear()
        self.killed.kill()
        self.stopped.signal(signal.SIGSTOP)
        self.wait(lambda: self.adopted() == {"killed.test", "stopped.test"}, "the takeover", 120.0)
        self.assertEqual(self.part("survivor"), left)
        self.assertEqual(self.customer.count(), 0)
        self.stopped.signal(signal.SIGCONT)
        self.stopped.wait_for_event("spool_begun_anew")
        self.assertEqual(self.stopped.domain_status()["queued"], 0)
        self.assertEqual(self.survivor.ctl("release", held).returncode, 0)
        for node in (self.survivor, self.stopped):
            self.assertEqual(node.ctl("flush", DOMAIN).returncode, 0)
        self.wait_for_arrival(self.customer, *tokens)
        self.wait(lambda: self.stopped.ask("GET", "status")["spool"]["state"] == "ok", "room in the new part")
        self.assertEqual(send_one(self.stopped.port, "new")[:3], b"250")
        self.wait_for_arrival(self.customer, *tokens, "new")
        self.assert_once(self.customer, [*tokens, "new"])
        self.assertEqual(self.stopped.journal("already_gone"), [])
