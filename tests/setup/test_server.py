"""Claims about the look at a next hop."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.check.finding import Level
from shieldrelay.config.hosts import HostPort
from shieldrelay.setup.server import look_at_server
from shieldrelay.testing.nexthop import Step
from tests.integration.customer import Customer, say
from tests.integration.node import Node


class ServerTests(SynchronousTestCase):
    """The look at a next hop."""

    def setUp(self) -> None:
        self.customer = Customer()
        self.addCleanup(self.customer.close)
        self.server = HostPort("127.0.0.1", self.customer.up())

    def found(self, hostname: str = "mx1.shield.example") -> list[tuple[Level, str]]:
        """Give what is found."""
        return [(each.level, each.words) for each in look_at_server(self.server, "example.test", hostname)]

    def worst(self) -> tuple[Level, str]:
        """Give the worst of it."""
        return max(self.found())

    def test_good(self) -> None:
        """A server that takes postmaster is good, and gets no message."""
        self.assertIn((Level.GOOD, "takes mail to postmaster@example.test"), self.found())
        self.assertEqual(self.customer.count(), 0)

    def test_takes_everybody(self) -> None:
        """A server that takes names that do not exist is named as one."""
        self.assertIn("takes names that do not exist", str(self.found()))

    def test_refuses_postmaster(self) -> None:
        """A server that refuses the domain's postmaster is an error, with what it said."""
        self.customer.on(Step.RCPT, say("550 5.7.1 no relaying"))
        level, words = self.worst()
        self.assertEqual(level, Level.ERROR)
        self.assertIn("550 5.7.1 no relaying", words)

    def test_puts_off(self) -> None:
        """A server that puts this machine off is a warning."""
        self.customer.on(Step.RCPT, say("450 4.7.1 greylisted"))
        self.assertEqual(self.worst()[0], Level.WARNING)

    def test_busy(self) -> None:
        """A server whose greeting refuses is an error, with what it said."""
        self.customer.on(Step.GREETING, say("554 5.7.1 go away"))
        level, words = self.worst()
        self.assertEqual(level, Level.ERROR)
        self.assertIn("554", words)

    def test_away(self) -> None:
        """A port where nobody listens is an error."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.server = HostPort("127.0.0.1", one.getsockname()[1])
            self.assertEqual(self.worst(), (Level.ERROR, "cannot be reached: connection refused"))


class EncryptedTests(SynchronousTestCase):
    """The look at a next hop that offers TLS: a node."""

    def test_node(self) -> None:
        """A certificate that nobody trusts is no trouble; a server that is called as this node is, is an error."""
        node = Node([1])
        self.addCleanup(node.close)
        node.start()
        server = HostPort("127.0.0.1", node.port)
        found = {each.words: each.level for each in look_at_server(server, "example.test", "relay.test")}
        self.assertEqual(found["encrypts; who it is cannot be proven, and is not asked for"], Level.GOOD)
        self.assertEqual(found["calls itself relay.test, as this node does"], Level.ERROR)
        self.assertEqual(found["takes mail to postmaster@example.test"], Level.GOOD)
        self.assertFalse([words for words in found if "do not exist" in words])
