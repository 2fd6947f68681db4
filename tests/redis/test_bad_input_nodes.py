"""Whole nodes with a hub that is wrong: mail flows, status and journal say what is wrong, and its end is noticed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shieldrelay.admin import ctl_views
from shieldrelay.admin.picture import HubPicture
from shieldrelay.assembly import hub, pictures_shield
from shieldrelay.cluster import roster
from shieldrelay.testing.redis_server import RedisServer
from tests.assembly.node_case import free_port
from tests.assembly.nodes_case import Node, NodesCase
from tests.capabilities import possible

TIMEOUT = 0.4


class ClusterNode(Node):
    """A node whose status is looked at."""

    @property
    def shared(self) -> HubPicture:
        """What status shows of the hub."""
        return pictures_shield.hub(self.service.house)

    @property
    def shown(self) -> str:
        """The line that ``shieldrelayctl status`` prints."""
        picture = self.shared
        fields = {name: getattr(picture, name) for name in ("hub", "state", "members", "since", "tick", "reason")}
        return ctl_views._hub(fields, picture.since or 0.0)


@possible("redis-server")
class BadHubTests(NodesCase):
    """One node, and what may be wrong with its Redis."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(hub, "TIMEOUT_SECONDS", TIMEOUT)
        self.patch(roster, "MEET_SECONDS", 0.2)

    async def node(
        self, name: str, address: str = "", settings: str = "", wall: Callable[[], float] = time.time
    ) -> ClusterNode:
        """Start a node with this hub, further settings of ``[cluster]`` and this clock."""
        address = address or f"redis+unix://{self.redis.socket}"
        node = ClusterNode(self.directory / name, name, address, self.hop, 20, cluster=settings, wall=wall)
        self.nodes.append(node)
        await node.start()
        return node

    def server(self, *settings: str) -> RedisServer:
        """Start another server."""
        directory = tempfile.TemporaryDirectory(prefix="sr", dir="/tmp")
        self.addCleanup(directory.cleanup)
        server = RedisServer(Path(directory.name), *settings)
        server.start()
        self.addCleanup(server.kill)
        return server

    async def is_degraded(self, node: ClusterNode, *words: str) -> None:
        """See that a node says why nothing is shared, in its status and its journal, and takes and delivers mail."""

        def says(text: str) -> bool:
            return all(word in text for word in words)

        await self.until(lambda: node.shared.state == "degraded" and says(node.shown))
        self.assertIn(" degraded for ", node.shown)
        before = len(self.hop.messages)
        self.assertEqual(await node.send(), 250)
        await self.until(lambda: len(self.hop.messages) == before + 1)
        told = [line["reason"] for line in node.journal("hub_state") if line["state"] == "degraded"]
        self.assertTrue(told and says(told[0]), told)
        self.assertNotRegex(told[0], "Away|HubRefused| script: ")  # words for an operator

    async def becomes_shared(self, node: ClusterNode, mend: Callable[[], object]) -> None:
        """See that the end of what is wrong is noticed, and said."""
        mend()
        await self.until(lambda: node.shared.state == "shared")
        self.assertEqual(node.shared.reason, "")
        self.assertEqual(node.journal("hub_state")[-1]["state"], "shared")
        self.assertEqual(await node.send(), 250)

    async def test_nobody_listens(self) -> None:
        """A node whose server is not there starts, says where it looked, and joins when the server comes."""
        self.redis.kill()
        node = await self.node("one")
        await self.is_degraded(node, self.redis.socket)
        await self.becomes_shared(node, self.redis.start)

    async def test_somebody_elses_keys(self) -> None:
        """Keys of another kind under our names are left as they are, and the message says which ones."""
        prefix = "shieldrelay:{shieldrelay}:1:"
        self.redis.say("SET", prefix + "members", "not ours")
        node = await self.node("one")
        await self.is_degraded(node, "somebody else's", prefix)
        self.assertIn(b"not ours", self.redis.say("GET", prefix + "members"))
        await self.becomes_shared(node, lambda: self.redis.say("DEL", prefix + "members"))

    async def test_a_wrong_password(self) -> None:
        """The message is the server's, and the password is in neither message nor status."""
        server = self.server("requirepass right-one")
        (self.directory / "secret").write_text("wrong-one\n")
        address, secret = f"redis+unix://{server.socket}", f'password = "{self.directory}/secret"'
        node = await self.node("one", address, secret)
        await self.is_degraded(node, server.socket, "WRONGPASS")
        self.assertNotIn("wrong-one", node.shown + (node.directory / "journal").read_text())

    async def test_no_password_where_one_is_wanted(self) -> None:
        """The message says that one is."""
        server = self.server("requirepass right-one")
        node = await self.node("one", f"redis+unix://{server.socket}")
        await self.is_degraded(node, server.socket, "NOAUTH")

    async def test_sentinels_that_cannot_be_reached(self) -> None:
        """The message names each of them, and the name that they are asked for."""
        ports = free_port(), free_port()
        node = await self.node("one", f"redis+sentinel://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/mymaster")
        await self.is_degraded(node, "no Sentinel", "mymaster", f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")

    async def test_two_clusters_with_one_name(self) -> None:
        """Who comes second with another key is told of the first and what to do, and disturbs nobody."""
        for name in ("one", "two"):
            (self.directory / f"key-{name}").write_text(name * 16)
        one = await self.node("one", settings=f'key = "{self.directory}/key-one"')
        await self.until(lambda: one.shared.state == "shared")
        two = await self.node("two", settings=f'key = "{self.directory}/key-two"')
        await self.is_degraded(two, "another key", "name")
        self.assertTrue(two.journal("hub_refused"))
        self.assertEqual((one.shared.state, one.shared.members), ("shared", 1))

    async def test_a_cluster_of_another_version(self) -> None:
        """A node that speaks another protocol than the members is told so, and what to do."""
        self.redis.say("SET", "shieldrelay:{shieldrelay}:protocol", "99")
        node = await self.node("one")
        await self.is_degraded(node, "protocol 99", "upgrade")

    async def test_out_of_memory(self) -> None:
        """A full server is said to be full, and shared again when it has room."""
        node = await self.node("one")
        await self.until(lambda: node.shared.state == "shared")
        self.redis.say("CONFIG", "SET", "maxmemory", "1")
        await self.is_degraded(node, "out of memory")
        await self.becomes_shared(node, lambda: self.redis.say("CONFIG", "SET", "maxmemory", "0"))

    async def test_read_only(self) -> None:
        """A server that has become a replica is left, and said to be one."""
        node = await self.node("one")
        await self.until(lambda: node.shared.state == "shared")
        self.redis.say("REPLICAOF", "127.0.0.1", str(free_port()))
        await self.is_degraded(node, "repl")
        await self.becomes_shared(node, lambda: self.redis.say("REPLICAOF", "NO", "ONE"))

    async def test_hung(self) -> None:
        """A stopped server costs nothing but what is shared; two nodes are one again when it goes on."""
        one, two = await self.node("one"), await self.node("two")
        await self.until(lambda: one.shared.members == two.shared.members == 2)
        self.redis.hang()
        self.addCleanup(self.redis.go_on)
        for node in (one, two):
            await self.is_degraded(node, "no ")
        await self.becomes_shared(one, self.redis.go_on)
        await self.until(lambda: two.shared.state == "shared" and one.shared.members == 2)

    async def test_a_node_with_a_wrong_clock(self) -> None:
        """It is told by how much it is wrong, shares all the same, and disturbs nobody."""
        one = await self.node("one")
        await self.until(lambda: one.shared.state == "shared")
        two = await self.node("two", wall=lambda: time.time() + 3600.0)
        await self.until(lambda: two.journal("clock_skew"))
        told = two.journal("clock_skew")[0]
        self.assertEqual((told["state"], round(told["seconds"] / 60.0)), ("wrong", 60))
        self.assertEqual(one.journal("clock_skew"), [])
        await self.until(lambda: one.shared.members == two.shared.members == 2)
        self.assertEqual([await node.send() for node in (one, two)], [250, 250])
