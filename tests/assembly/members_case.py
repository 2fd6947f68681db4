"""Whole nodes in the test's own process that meet in a real Redis server and talk to each other as peers."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred

from shieldrelay.admin.api_members import Members
from shieldrelay.admin.picture_members import MemberPicture
from shieldrelay.assembly import appliance
from shieldrelay.cluster import roster
from shieldrelay.config.reader import read
from shieldrelay.testing.nexthop import ScriptedNextHop
from tests.assembly.node_case import CONFIGURATION, LOOPBACK, NO_DNS, free_port, reactor
from tests.assembly.nodes_case import DOMAIN, Node, NodesCase

KEY = "0123456789abcdef" * 2
CLUSTER = """\
[cluster]
hub = "{hub}"
name = "{cluster}"
key = "{directory}/key"
listen = "127.0.0.1:{peers}"
tick = "50ms"
"""


class PeeredNode(Node):
    """One node with a key, and an address for its peers."""

    def __init__(
        self,
        directory: Path,
        name: str,
        hub: str,
        hop: ScriptedNextHop,
        *,
        key: str = KEY,
        extra: str = "",
        delivery: str = 'probe = "1s"\nretry = ["1s", "2s"]',
    ) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "key").write_text(key)
        self.directory = directory
        self.name = name
        self.port = free_port()
        self.control = f"/tmp/shieldrelay-test-{os.getpid()}-{id(self):x}.sock"
        cluster = CLUSTER.format(hub=hub, cluster="test", directory=directory, peers=free_port())
        text = CONFIGURATION.format(
            directory=directory, control=self.control, port=self.port, stop_timeout="2s", node="",
            delivery=delivery, disk="", smtp="", networks=LOOPBACK, lawful=NO_DNS, more=cluster,
        ).replace("relay.test", f"{name}.test")  # fmt: skip
        (directory / "shieldrelay.toml").write_text(text + DOMAIN.format(port=hop.port, connections=20) + extra)
        self.build()

    def build(self) -> None:
        """Build it, or once more after its stop."""
        self.service = appliance(read(str(self.directory / "shieldrelay.toml")), reactor)

    @property
    def members(self) -> Members:
        """What its operator may ask about members."""
        return self.service.members

    @property
    def spooled(self) -> int:
        """Count its messages in the spool."""
        return len(list(self.directory.glob("spool/*/*/new/*")))


class PeeredCase(NodesCase):
    """Starts such nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(roster, "MEET_SECONDS", 0.2)
        self.peered: list[PeeredNode] = []

    async def join(self, name: str, directory: str = "", **settings: str) -> PeeredNode:
        """Start one more."""
        hub = f"redis+unix://{self.redis.socket}"
        node = PeeredNode(self.directory / (directory or name), name, hub, self.hop, **settings)
        self.nodes.append(node)
        self.peered.append(node)
        await node.start()
        return node

    async def together(self, *names: str) -> list[PeeredNode]:
        """Start some, and wait until they know each other."""
        nodes = [await self.join(name) for name in names]
        await self.until(lambda: all(len(each.service.house.shield.membership.roster.cards) == len(names)
                                     for each in nodes))  # fmt: skip
        return nodes

    async def seen(self, node: PeeredNode) -> dict[str, MemberPicture]:
        """Give what a node shows of all, by name."""
        pictures = await Deferred.fromCoroutine(_listed(node.members))
        return {one.node.removesuffix(".test"): one for one in pictures}


async def _listed(members: Members) -> list[MemberPicture]:
    return list(await members.members())
