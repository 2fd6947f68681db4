"""The real command against a whole cluster, through one of its nodes."""

from __future__ import annotations

import json
import os
import sys

from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue

from shieldrelay.admin import everywhere
from tests.admin.test_ctl import ROOT
from tests.assembly.members_case import PeeredCase, PeeredNode
from tests.capabilities import possible


@possible("redis-server")
class ClusterCommands(PeeredCase):
    """Two nodes that meet."""

    async def ctl(self, node: PeeredNode, *words: str) -> tuple[str, str, int]:
        """Run the command at a node's socket and give output, complaints and exit status."""
        environment = {"PYTHONPATH": ROOT, "SHIELDRELAY_CONTROL": node.control, "PATH": os.environ["PATH"]}
        out, err, status = await getProcessOutputAndValue(
            sys.executable, ["-m", "shieldrelay.admin.ctl", *words], env=environment, path=ROOT
        )
        return out.decode(), err.decode(), status

    async def test_all_nodes_answer(self) -> None:
        """Lists come as one with a column for the node; the rest is shown node by node; another node can be asked."""
        self.patch(everywhere, "LOOK_SECONDS", 20.0)
        await self.hop.down()
        one, two = await self.together("one", "two")
        self.assertEqual(await two.send(), 250)
        out, err, status = await self.ctl(one, "--everywhere", "queue")
        self.assertEqual((err, status), ("", 0))
        self.assertEqual(out.split()[0], "NODE")
        self.assertIn("two.test", out)
        out, err, status = await self.ctl(one, "--everywhere", "status")
        self.assertEqual((err, status), ("", 0))
        for name in ("one.test", "two.test"):
            self.assertIn(f"== {name}\n{name}  shieldrelay", out)
        out, _, _ = await self.ctl(one, "--node", "two.test", "queue", "--json")
        (message,) = json.loads(out)["messages"]
        self.assertEqual((await self.ctl(one, "hold", message["id"]))[2], 1)
        out, err, status = await self.ctl(one, "--everywhere", "hold", message["id"])
        self.assertEqual((out, err, status), (f"{message['id']}: held\n", "", 0))
        out, _, _ = await self.ctl(two, "queue")
        self.assertIn("held", out)
        _, err, status = await self.ctl(one, "--everywhere", "--node", "two.test", "queue")
        self.assertEqual((status, "one of --node" in err), (2, True))

    async def test_a_silent_node_is_named(self) -> None:
        """Who does not answer is said on standard error, the others' answers are there, and the exit status is 1."""
        self.patch(everywhere, "LOOK_SECONDS", 1.0)
        one, two = await self.together("one", "two")
        assert two.service.house.front is not None
        self.patch(two.service.house.front.warden, "errand", lambda _octets: Deferred())
        for line in ("queue", "status"):
            out, err, status = await self.ctl(one, "--everywhere", line)
            self.assertEqual(status, 1, out)
            self.assertIn("two.test: ", err)
        self.assertIn("== one.test", out)
