"""A node of several processes and one of one, as a cluster: each acts on the other through whatever it is asked at."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress as passing_over
from pathlib import Path
from typing import Any

from shieldrelay.admin.ctl_client import Answered
from shieldrelay.testing.redis_server import RedisServer
from tests.capabilities import possible
from tests.integration.node import DOMAIN, Node, Settings, free_port
from tests.workers.test_processes import WorkersCase, message, say


@possible("redis-server")
class ErrandTests(WorkersCase):
    """Parents have no peers of their own: a worker asks for them, and a worker hands them what comes."""

    def setUp(self) -> None:
        super().setUp()
        short = Path(tempfile.mkdtemp(prefix="sr", dir="/tmp"))
        self.addCleanup(shutil.rmtree, short)
        redis = RedisServer(short)
        redis.start()
        self.addCleanup(redis.kill)
        (short / "key").write_text("0123456789abcdef" * 2)
        self.cluster = {"hub": f"redis+unix://{redis.socket}", "key": str(short / "key")}

    def node(self, name: str, workers: int) -> Node:
        """Start one more."""
        cluster = {**self.cluster, "listen": f"127.0.0.1:{free_port()}"}
        settings: Settings = {"node": {"workers": workers, "hostname": f"{name}.test"}, "cluster": cluster}
        if workers > 1:
            return self.begin(settings=settings)
        return self.a_node(1, settings=settings)

    def test_both_ways(self) -> None:
        """Mail of the other node is listed and held from here, and each notes who wanted it."""
        several, single = self.node("several", 2), self.node("single", 1)
        for node, number in ((several, 1), (single, 2)):
            self.assertIn(b"250 2.0.0", say(node.port, f"127.0.3.{number}", *message(f"t{number}")))
        for here, there, name in ((several, single, "single.test"), (single, several, "several.test")):
            self.wait(lambda here=here: self.everywhere(here) == {"several.test", "single.test"}, "both queues")
            (row,) = here.ask("GET", f"queue?node={name}")["messages"]
            self.assertEqual(row["domain"], DOMAIN)
            held = self.held(here, row["id"])
            self.assertEqual((held["state"], held["node"]), ("held", name))
            noted = there.ask("GET", "audit")["entries"][0]
            self.assertEqual((noted["way"], noted["status"]), ("peer", 200))

    def held(self, node: Node, id: str) -> Any:
        """Hold a message, wherever it is; asked again while a busy machine's node is silent for 2 s."""
        said: list[Any] = []

        def hold() -> bool:
            with passing_over(Answered):
                said.append(node.ask("POST", f"messages/{id}/hold?everywhere=true"))
            return bool(said)

        self.wait(hold, "the hold")
        return said[0]

    def everywhere(self, node: Node) -> set[str]:
        """Give the nodes that have mail, as a node shows them."""
        try:
            return {one["node"] for one in node.ask("GET", "queue?everywhere=true")["messages"]}
        except Answered:
            return set()
