"""Cases of a node that asks a real DNS about senders and clients, and of clients that come through a balancer."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.node import Node
from tests.wire.name_servers import Server, nsd

ABROAD = "8.8.4.4"
"""A client's address that a balancer tells: DNS lists are not asked about those of this network."""
CLIENT_NAMES = {
    "lists.test": "2.0.0.127 IN A 127.0.0.2\n4.4.8.8 IN A 127.0.0.2\n",
    "wild.test": "* IN A 127.0.0.2\n",
    "4.8.8.in-addr.arpa": "4 IN PTR mail.lawful.test.\n5 IN PTR mail.lawful.test.\n",
}
ZONES = {
    "lawful.test": "@ IN MX 10 mx\n@ IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\nmx IN A 9.9.9.9\nmail IN A 8.8.4.4\n",
    "example.test": "@ IN MX 10 mx.lawful.test.\n@ IN TXT \"v=spf1 ip4:8.8.4.4 -all\"\n",
    "silent.test": "@ IN MX 0 .\n",
    "bomb.test": "@ IN MX 10 mx.lawful.test.\n@ IN TXT \"v=spf1 include:bomb.test -all\"\n"
    "tree IN MX 10 mx.lawful.test.\ntree IN TXT \"v=spf1 include:a.bomb.test include:b.bomb.test -all\"\n"
    "a IN TXT \"v=spf1 include:c.bomb.test include:d.bomb.test include:e.bomb.test -all\"\n"
    "b IN TXT \"v=spf1 include:c.bomb.test include:d.bomb.test include:e.bomb.test -all\"\n"
    + "".join(f"{each} IN TXT \"v=spf1 a:v.lawful.test exists:%{{i}}.lawful.test -all\"\n" for each in "cde"),
    "hollow.test": "@ IN MX 10 mx\nmx IN A 127.0.0.1\n",
}


@possible("nsd")
class NamesCase(ProductCase):
    """One customer, one name server."""

    def setUp(self):
        super().setUp()
        self.names_directory = Path(self.mktemp()).absolute()
        self.names: Server = nsd(self.names_directory, ZONES | CLIENT_NAMES)
        self.addCleanup(self.names.stop)
        self.customer = self.a_customer(keep=True)


class ClientCase(NamesCase):
    """A node behind a balancer, so that clients come from abroad; it refuses by reputation from the start."""

    def begin(
        self, lists: Mapping[str, int] | None = None, more: Mapping[str, Mapping[str, object]] | None = None
    ) -> Node:
        """Start a node that asks DNS lists, by name and weight.

        :param more: settings by section.
        """
        host, port = self.names.address
        settings: dict[str, Mapping[str, object]] = {
            "resolver": {"servers": [f"{host}:{port}"]},
            "shield.lawful": {"mode": "enforce"},
            "shield.greeting": {"mode": "off"},
            "listen": {"proxy": ["127.0.0.0/8"]},
            "shield.reputation": {"learning_days": "0s", "learning_messages": 0},
            **(more or {}),
        }
        for name, weight in (lists or {}).items():
            settings[f'shield.reputation.dnsbl."{name}.test"'] = {"weight": weight}
        self.node = self.a_node(self.customer.port, settings=settings, started=False)
        self.restart()
        return self.node

    def change(self, section: str, **settings: object) -> None:
        """Change a section of the configuration, and have it read while the node runs."""
        self.node.configure({section: settings})
        before = len(self.node.journal("reload"))
        self.node.hang_up()
        self.wait(lambda: len(self.node.journal("reload")) > before, "the reload")

    def restart(self) -> None:
        """Start the node; it greets nobody who is no balancer."""
        before = len(self.node.journal("started"))
        self.node.launch()
        self.wait(lambda: len(self.node.journal("started")) > before, "the start")

    def came(self, address: str, token: str, sender: str = "carol@lawful.test") -> tuple[bytes, bytes]:
        """Connect as a client that a balancer tells of, and send; give the code of the greeting and the last one."""
        with socket.create_connection(("127.0.0.1", self.node.port), 20) as one, one.makefile("rb") as heard:
            one.sendall(f"PROXY TCP4 {address} 8.8.8.8 4711 25\r\n".encode())
            greeting = last = heard.readline()
            envelope = ("EHLO mail.lawful.test", f"MAIL FROM:<{sender}>", "RCPT TO:<alice@example.test>", "DATA")
            for step in (*envelope, f"X-Token: {token}\r\n\r\nx\r\n."):
                if last[:1] not in b"23":
                    break
                one.sendall(f"{step}\r\n".encode())
                last = heard.readline()
                while last[3:4] == b"-":
                    last = heard.readline()
            return greeting[:3], last[:3]

    def told(self, address: str) -> str:
        """Give what the node says of an address."""
        return json.dumps(self.node.ask("GET", f"sources/{address}"))
