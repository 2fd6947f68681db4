"""A node whose port somebody else holds: systemd, or what stands in for it here."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from shieldrelay.testing.redis_server import RedisServer
from tests.capabilities import possible, program
from tests.integration.activation import Activation, Callers, Notified
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.node import TWISTD, Node, Settings, greets


class ActivationCase(ProductCase):
    """Hears what nodes tell the service manager."""

    def setUp(self) -> None:
        super().setUp()
        self.customer = self.a_customer()
        self.notified = Notified()
        self.addCleanup(self.notified.close)
        self.patch(os, "environ", os.environ | {"NOTIFY_SOCKET": self.notified.address, "WATCHDOG_USEC": "600000"})

    def wait_for_word(self, word: str) -> None:
        """Wait until a node has told something."""
        self.wait(lambda: word in self.notified.heard(), word)


@possible("systemd-socket-activate")
class RealActivationTests(ActivationCase):
    """Started by systemd's own program."""

    def test_the_port_is_systemds(self) -> None:
        """The node takes mail on the socket that it was handed, and tells that it is ready, alive and stopping."""
        node = self.a_node(self.customer.port, started=False)
        port, node.port = node.port, 1
        node.configure({"listen": {"smtp": ["127.0.0.1:0"]}})
        activate = program("systemd-socket-activate")
        node.program = (activate, "--listen", f"127.0.0.1:{port}", "-E", "NOTIFY_SOCKET", "-E", "WATCHDOG_USEC",
                        "-E", "PYTHONPATH", "-E", "PYTHONPYCACHEPREFIX", str(TWISTD))  # fmt: skip
        node.launch()
        self.wait(lambda: greets(port), "the greeting")
        self.assertEqual(send_one(port, "one")[:3], b"250")
        self.wait_for_arrival(self.customer, "one")
        self.assertEqual(node.wait_for_event("started")["listen"], [f"127.0.0.1:{port}"])
        for word in ("READY=1", "WATCHDOG=1"):
            self.wait_for_word(word)
        node.stop()
        self.assertIn("STOPPING=1", self.notified.heard())


class RestartTests(ActivationCase):
    """Somebody holds the port while the node is started anew, as for an upgrade."""

    def restarted(self, node: Node) -> Callers:
        """Restart a node three times while clients come; give what they met."""
        held = Activation(str(TWISTD))
        self.addCleanup(held.close)
        node.program = held.program
        node.launch()
        self.wait_for_word("READY=1")
        callers = Callers(held.port)
        self.addCleanup(callers.end)
        for life in range(3):
            count = callers.greeted
            self.wait(lambda count=count: callers.greeted > count + 20, "clients")
            node.stop()
            node.launch()
            self.wait(lambda life=life: self.notified.heard().count("READY=1") == 2 + life, "the next life")
        self.wait(lambda: send_one(held.port, "last")[:3] == b"250", "mail")
        callers.end()
        node.stop()  # in good order: workers that lost their parent would still be writing when all is taken away
        return callers

    def test_a_restart_refuses_no_connection(self) -> None:
        """Who comes between two lives waits, and is greeted by the next; 421 is for whom a life was just leaving."""
        callers = self.restarted(self.a_node(self.customer.port, started=False))
        self.assertEqual(callers.faults, [])
        self.assertGreater(callers.greeted, 60)

    @possible("redis-server")
    def test_of_several_processes_neither(self) -> None:
        """The same for a node of two workers, of which the parent is handed the port."""
        directory = Path(tempfile.mkdtemp(prefix="srr", dir="/tmp"))
        redis = RedisServer(directory)
        redis.start()
        self.addCleanup(shutil.rmtree, directory)
        self.addCleanup(redis.kill)
        settings: Settings = {"node": {"workers": 2}, "cluster": {"hub": f"redis+unix://{redis.socket}"}}
        callers = self.restarted(self.a_node(self.customer.port, settings=settings, started=False))
        self.assertEqual(callers.faults, [])
        self.assertGreater(callers.greeted, 60)
