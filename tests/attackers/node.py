"""A whole node in the process, whose time can be made to pass, with a customer behind it and 2 000 recipients.

Everything has its default but the places of its files and ports, a balancer that is trusted, and the lateness of the
event loop and of the disk, which is not looked at: whoever makes time pass makes the loop late, and what is asked in a
thread just then.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread

from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.config.reader import read
from shieldrelay.testing.nexthop import ScriptedNextHop
from tests.attackers.guessing import BALANCER
from tests.attackers.warp import WarpedReactor
from tests.integration.node import free_port

DIRECTORY = 2000
"""Recipients, ``user0`` and so on."""
LONGEST_STEP = 600.0
"""Time passes in steps of so many seconds, so that what is due again and again is done now and then."""
LATE_SECONDS = 1e9
QUIET_SECONDS = 0.01
"""When so long no message came out, no more comes before time passes."""
CONFIGURATION = """\
[node]
hostname = "relay.test"
spool = "{directory}/spool"
state = "{directory}/state"
control = "{directory}/control.sock"
journal = "{directory}/journal"
user = "root"
stop_timeout = "5s"
[listen]
smtp = ["127.0.0.1:{port}"]
proxy = ["{balancer}/32"]
[disk]
reserve = "16MiB"
[shield.lawful]
mode = "off"
{more}
[[domain]]
domain = "example.test"
next_hops = ["127.0.0.1:{hop}"]
recipients = "file:{directory}/recipients"
{domain}
"""


class WarpedNode:
    """One node in a directory of its own, which goes with it.

    :param reactor: the real one.
    :param more: sections of the configuration.
    :param domain: more settings of the domain.
    :param former: a node whose state on the disk this one finds, as if that one had been killed just now.
    :ivar hop: the customer's server.
    :ivar warp: the reactor that the node has.
    :ivar directory: everything that it reads and writes.
    """

    def __init__(
        self, reactor: Any, *, more: str = "", domain: str = "", former: WarpedNode | None = None
    ) -> None:
        self._reactor = reactor
        self.hop = ScriptedNextHop(reactor)
        self.warp = WarpedReactor(reactor)
        self.directory = Path(tempfile.mkdtemp(prefix="attacked-"))
        self.port = free_port()
        self._more = more
        self._domain = domain
        self.service: ApplianceService
        if former is not None:
            self.warp.ahead = former.warp.ahead
            shutil.copytree(former.directory / "state" / "shield", self.directory / "state" / "shield")

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes mail."""
        return "127.0.0.1", self.port

    async def start(self) -> None:
        """Start it; again after `stop`, with what is on the disk."""
        self.hop.up()
        file = self._configure()
        self.service = appliance(read(str(file)), self.warp, self.warp.wall(time.time))
        self.service.privilegedStartService()
        self.service.startService()
        await self.service.ready
        stress = self.service.house.shield.defences.stress
        stress.settings = evolve(stress.settings, lag=LATE_SECONDS)
        self.service.house.capacity.hung_seconds = LATE_SECONDS

    async def stop(self) -> None:
        """Stop it in good order.

        Over in another turn: else what was polled for a descriptor of this node goes to the next one that has it.
        """
        await self.service.stopService()
        await deferLater(self._reactor, 0.0, lambda: None)

    async def close(self) -> None:
        """Stop it, and leave nothing behind."""
        await self.stop()
        await self.hop.down()
        shutil.rmtree(self.directory)
        await deferLater(self._reactor, QUIET_SECONDS, lambda: None)

    def _configure(self) -> Path:
        recipients = self.directory / "recipients"
        recipients.write_text("".join(f"user{number}@example.test\n" for number in range(DIRECTORY)))
        file = self.directory / "shieldrelay.toml"
        settings: dict[str, object] = {"directory": self.directory, "port": self.port, "hop": self.hop.port}
        file.write_text(CONFIGURATION.format(balancer=BALANCER, more=self._more, domain=self._domain, **settings))
        os.chmod(file, 0o600)
        return file

    # time

    def passing(self, seconds: float) -> None:
        """Make time pass, from another thread; nothing that the node had to do before is left when this returns."""
        blockingCallFromThread(self._reactor, self.warp.advance, seconds)

    async def rest(self, seconds: float) -> None:
        """Let time pass, in steps, and what is due be done."""
        while seconds > 0.0:
            step = min(seconds, LONGEST_STEP)
            self.warp.advance(step)
            seconds -= step
            await deferLater(self._reactor, 0.0, lambda: None)
        await deferLater(self._reactor, 0.001, lambda: None)

    async def drain(self, seconds: float) -> None:
        """Let time pass second by second, and let the customer take what comes in each before the next."""
        while seconds > 0.0:
            self.warp.advance(min(seconds, 1.0))
            seconds -= 1.0
            before = -1
            while before != len(self.hop.messages):
                before = len(self.hop.messages)
                await deferLater(self._reactor, QUIET_SECONDS, lambda: None)

    # what it told

    def journal(self, event: str) -> list[dict[str, Any]]:
        """Give the journal's lines of one event."""
        self.service.house.journal.flush()
        lines = [json.loads(line) for line in (self.directory / "journal").read_text().splitlines()]
        return [line for line in lines if line["event"] == event]
