"""Several whole nodes in the test's own process, meeting in a real Redis server, with one scripted customer."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.assembly.ways import DomainWay
from shieldrelay.config.reader import read
from shieldrelay.testing.nexthop import ScriptedNextHop
from shieldrelay.testing.redis_server import RedisServer
from tests.assembly.node_case import BODY, CONFIGURATION, LOOPBACK, NO_DNS, _send, free_port, reactor

DOMAIN = """
[[domain]]
domain = "example.test"
next_hops = ["127.0.0.1:{port}"]
recipients = "any"
pace = {{ connections = {connections} }}
"""


class Node:
    """One node.

    :ivar service: what twistd would run.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        hub: str,
        hop: ScriptedNextHop,
        connections: int,
        *,
        cluster: str = "",
        wall: Callable[[], float] = time.time,
    ) -> None:
        directory.mkdir()
        self.directory = directory
        self.port = free_port()
        self.control = f"/tmp/shieldrelay-test-{os.getpid()}-{id(self):x}.sock"
        text = CONFIGURATION.format(
            directory=directory, control=self.control, port=self.port, stop_timeout="5s", node="",
            delivery='probe = "1s"\nretry = ["1s", "2s"]', disk="", smtp="", networks=LOOPBACK, lawful=NO_DNS,
            more=f'[cluster]\nhub = "{hub}"\n{cluster}\n',
        ).replace("relay.test", f"{name}.test")  # fmt: skip
        text += DOMAIN.format(port=hop.port, connections=connections)
        (directory / "shieldrelay.toml").write_text(text)
        self.service: ApplianceService = appliance(read(str(directory / "shieldrelay.toml")), reactor, wall)

    async def start(self) -> None:
        """Start it."""
        self.service.privilegedStartService()
        self.service.startService()
        await self.service.ready

    @property
    def way(self) -> DomainWay:
        """Its way to the customer."""
        return self.service.house.ways["example.test"]

    def journal(self, event: str) -> list[dict[str, Any]]:
        """Give the journal's lines of one event."""
        self.service.house.journal.flush()
        lines = [json.loads(line) for line in (self.directory / "journal").read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def send(self, body: str = BODY) -> int:
        """Send a message through it; gives the code of the reply."""
        code, _text = await deferToThread(_send, self.port, ("alice@example.test",), body)
        return int(code)


class NodesCase(TestCase):
    """Starts nodes, and sees that they leave nothing behind."""

    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        short = Path(tempfile.mkdtemp(prefix="sr", dir="/tmp"))
        self.addCleanup(shutil.rmtree, short)
        self.redis = RedisServer(short)
        self.redis.start()
        self.addCleanup(self.redis.kill)
        self.hop = ScriptedNextHop(reactor)
        self.hop.up()
        self.nodes: list[Node] = []

    async def tearDown(self) -> None:  # type: ignore[override]
        await gatherResults([node.service.stopService() for node in self.nodes])
        await self.hop.down()
        for node in self.nodes:
            text = (node.directory / "journal").read_text()
            self.assertNotIn('"event":"bug"', text.replace(" ", ""))

    async def start(self, number: int, connections: int = 20) -> list[Node]:
        """Start some nodes, and wait until they have met."""
        hub = f"redis+unix://{self.redis.socket}"
        self.nodes = [
            Node(self.directory / f"n{each}", f"node{each}", hub, self.hop, connections) for each in range(number)
        ]
        for node in self.nodes:
            await node.start()
        await self.until(lambda: all(node.service.house.shield.exchange.members == number for node in self.nodes))
        return self.nodes

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the reactor turn until something holds; the time limit ends what never does."""
        while not condition():
            await deferLater(reactor, 0.01, lambda: None)
