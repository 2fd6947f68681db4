"""A cluster as customers have it: three nodes, Redis with Sentinels, a customer's server, and the world outside.

Each on a host of its own (`Network`). A node is `integration.node.Node`, put there; a client is one of
`integration.clients`, speaking from whichever address.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from tests.cluster_nodes.network import Host, Network
from tests.cluster_nodes.redis_trio import RedisTrio
from tests.integration.clients import Session
from tests.integration.customer import Customer
from tests.integration.node import TWISTD, Node, Settings, wait_until

PORT = 25
MEMBERS = 3
MEET_SECONDS = 30.0
CONNECTIONS = 4
"""What the customer's server bears, unless a test says otherwise."""


class ClusterNode(Node):
    """One node on a host of its own.

    :ivar host: where.
    """

    def __init__(self, host: Host, number: int, customer: str, hub: str, settings: Settings, domain: Any) -> None:
        self.host = host
        listen = [f"[{each}]:{PORT}" if ":" in each else f"{each}:{PORT}" for each in host.addresses]
        own: Settings = {
            "node": {"hostname": f"mx{number + 1}.relay.test"},
            "listen": {"smtp": listen},
            "cluster": {"hub": hub},
        }
        merged = {name: {**own.get(name, {}), **settings.get(name, {})} for name in {*own, *settings}}
        Node.__init__(self, [customer], merged, domain)
        self.program = (*host.within, str(TWISTD))

    def greets(self) -> bool:
        """Whether it greets on its first address."""
        try:
            with self.host.connect(self.host.address, PORT, timeout=5.0) as one:
                greeting = one.recv(512)
                one.sendall(b"QUIT\r\n")
                return greeting.startswith(b"220")
        except OSError:
            return False

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def hub(self) -> tuple[str, int]:
        """Give the state of what it shares, and how many members it counts."""
        shown = self.ask("GET", "status")["hub"]
        return str(shown["state"]), int(shown["members"])


class Site:
    """The cluster.

    :param settings: of all nodes, by section.
    :param domain: of the protected domain.
    :ivar world: the host of everybody who sends mail: lawful ones and others.
    """

    def __init__(self, settings: Settings | None = None, domain: Mapping[str, object] | None = None) -> None:
        with ExitStack() as undoing:
            self.network = Network()
            undoing.callback(self.network.close)
            self.world = self.network.host("w", "10.9.0.1", "fd00:9::1")
            hosts = [self.network.host(f"n{each}", f"10.0.0.1{each}", f"fd00::1{each}") for each in range(MEMBERS)]
            self.redis = RedisTrio([self.network.host(f"r{each}", f"10.0.0.2{each}") for each in range(3)])
            undoing.callback(self.redis.close)
            shop = self.network.host("c", "10.0.0.30")
            self.customer = Customer(keep=False, host=shop.address, within=shop.within)
            undoing.callback(self.customer.close)
            self.redis.start()
            hop = f"{shop.address}:{self.customer.port}"
            declared = {"pace": {"connections": CONNECTIONS}, **(domain or {})}
            self.nodes: list[ClusterNode] = []
            for number, host in enumerate(hosts):
                self.nodes.append(ClusterNode(host, number, hop, self.redis.hub, settings or {}, declared))
                undoing.callback(self.nodes[-1].close)
            self._undoing = undoing.pop_all()

    def start(self) -> None:
        """Start the nodes, and wait until they have met."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_greeting()
        self.wait_until_met()

    def wait_until_met(self, most_seconds: float = MEET_SECONDS) -> float:
        """Wait until each node counts all; give the seconds."""
        return wait_until(
            lambda: all(node.hub() == ("shared", MEMBERS) for node in self.nodes), "the nodes to meet", most_seconds
        )

    def connect(self, node: int, source: str, timeout: float = 30.0) -> socket.socket:
        """Connect to a node from an address of the world's; it is the world's from now on."""
        if source not in self.world.addresses:
            self.world.add(source)
        host = self.nodes[node].host
        own = next(each for each in host.addresses if (":" in each) == (":" in source))
        return self.world.connect(own, PORT, source, timeout)

    def session(self, node: int, source: str) -> Session:
        """Open a session with a node."""
        return Session(PORT, made=self.connect(node, source))

    def close(self) -> None:
        """End everything."""
        self._undoing.close()
