"""A whole node in the test's own process, on the real reactor, with a scripted customer behind it."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.assembly.steering import Steering
from shieldrelay.config.reader import read
from shieldrelay.testing.nexthop import ScriptedNextHop

reactor: Any = the_reactor
BODY = "Subject: hello\r\n\r\nHello, world!\r\n"
CONFIGURATION = """\
[node]
hostname = "relay.test"
spool = "{directory}/spool"
state = "{directory}/state"
control = "{control}"
journal = "{directory}/journal"
user = "root"
stop_timeout = "{stop_timeout}"
{node}
[listen]
smtp = ["127.0.0.1:{port}"]
[delivery]
{delivery}
[disk]
reserve = "16MiB"
{disk}
[smtp]
{smtp}
{networks}
{lawful}
{more}
"""
LOOPBACK = """
[networks."127.0.0.0/8"]
connections = { sessions = 10000, connections = "1000000/min", messages = "1000000/min", recipients = "1000000/5min" }
share = "100%"
"""
"""All clients of a test come from one address."""
NO_DNS = """
[shield.lawful]
mode = "off"
"""
"""Senders of a test exist nowhere."""
PATIENCE = 'probe = "1s"\nretry = ["1s", "2s"]'
DOMAIN = """
[[domain]]
domain = "{name}"
next_hops = ["127.0.0.1:{port}"]
recipients = "{recipients}"
{more}
"""


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class NodeCase(TestCase):
    """Makes a configuration, starts nodes on it, and sees that they leave nothing behind.

    :ivar hop: the customer's server; up.
    :ivar domains: the configuration's domains: name, and more settings.
    :ivar sections: more settings by section.
    """

    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.control = f"/tmp/shieldrelay-test-{os.getpid()}-{id(self):x}.sock"  # a path for a socket must be short
        self.port = free_port()
        self.hop = ScriptedNextHop(reactor)
        self.hop.up()
        self.sections: dict[str, str] = {}
        self.domains: dict[str, dict[str, Any]] = {"example.test": {}}
        self.node: ApplianceService
        self.running = False

    async def tearDown(self) -> None:  # type: ignore[override]
        if self.running:
            await self.stop()
        await self.hop.down()

    # the node

    def configure(self, **sections: str) -> str:
        """Write the configuration; give its name."""
        self.sections.update(sections)
        text = CONFIGURATION.format(
            directory=self.directory,
            control=self.control,
            port=self.port,
            stop_timeout=self.sections.get("stop_timeout", "5s"),
            delivery=self.sections.get("delivery", PATIENCE),
            networks=self.sections.get("networks", LOOPBACK),
            lawful=self.sections.get("lawful", NO_DNS),
            **{name: self.sections.get(name, "") for name in ("node", "disk", "smtp", "more")},
        )
        for name, settings in self.domains.items():
            defaults = {"name": name, "port": self.hop.port, "recipients": "any", "more": ""}
            text += DOMAIN.format(**defaults | settings)
        file = self.directory / "shieldrelay.toml"
        file.write_text(text)
        return str(file)

    def build(self, **sections: str) -> ApplianceService:
        """Build a node."""
        self.node = appliance(read(self.configure(**sections)), reactor)
        return self.node

    async def start(self, **sections: str) -> ApplianceService:
        """Build and start one."""
        node = self.build(**sections)
        node.privilegedStartService()
        node.startService()
        self.running = True
        await node.ready
        return node

    async def stop(self) -> None:
        """Stop it."""
        self.running = False
        await self.node.stopService()

    @property
    def steering(self) -> Steering:
        """What an operator may do."""
        return Steering(self.node.house, self.node._reload)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the reactor turn until something holds; the time limit ends what never does."""
        while not condition():
            await deferLater(reactor, 0.01, lambda: None)

    def journal(self, event: str) -> list[dict[str, Any]]:
        """Give the journal's lines of one event."""
        self.node.house.journal.flush()
        lines = [json.loads(line) for line in (self.directory / "journal").read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    def spooled(self, domain: str = "example.test") -> int:
        """Count the files of a domain in the spool."""
        return len(list(self.directory.glob(f"spool/*/{domain}/new/*")))

    def threads(self) -> list[str]:
        """Give the names of the node's threads."""
        return [one.name for one in threading.enumerate() if one.name.startswith("spool")]

    def has_control(self) -> bool:
        """Whether there is a control socket."""
        return os.path.exists(self.control)

    def has_bugs(self) -> list[dict[str, Any]]:
        """Give what must not be in a journal."""
        return self.journal("bug")

    # clients

    async def send(self, *recipients: str, body: str = BODY) -> tuple[int, str]:
        """Send a message by Python's smtplib; give the last reply."""
        reply: tuple[int, str] = await deferToThread(_send, self.port, recipients or ("alice@example.test",), body)
        return reply


def _send(port: int, recipients: tuple[str, ...], body: str) -> tuple[int, str]:
    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
    try:
        client.ehlo("client.test")
        code, text = client.mail("sender@sender.test")
        if code >= 400:
            return code, text.decode()
        for recipient in recipients:
            code, text = client.rcpt(recipient)
            if code >= 400:
                return code, text.decode()
        code, text = client.data(body)
        return code, text.decode()
    finally:
        client.close()
