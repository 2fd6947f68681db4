"""What tests of the whole product begin with: nodes and customers that end with their test, and no bug journalled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import content_of, digest_of
from tests.integration.customer import Customer, Taken
from tests.integration.node import Node, Settings, wait_until


class ProductCase(SynchronousTestCase):
    """Makes what a test needs, ends it afterwards, and reads every node's journal for bugs."""

    def a_customer(self, *, keep: bool = True) -> Customer:
        """Start a customer's server."""
        customer = Customer(keep=keep)
        self.addCleanup(customer.close)
        return customer

    def a_node(
        self,
        *next_hops: object,
        settings: Settings | None = None,
        domain: Mapping[str, object] | None = None,
        started: bool = True,
        **places: Any,
    ) -> Node:
        """Make a node towards these next hops, and start it."""
        node = Node(next_hops, settings, domain, **places)
        self.addCleanup(node.close)
        self.addCleanup(self._has_no_bugs, node)
        if started:
            node.start()
        return node

    def _has_no_bugs(self, node: Node) -> None:
        self.assertEqual(node.bugs(), [])

    def wait(self, condition: Any, what: str, most_seconds: float = 30.0) -> float:
        """Wait for a condition; fails when it does not come true in time."""
        return wait_until(condition, what, most_seconds)

    def wait_for_arrival(self, customer: Customer, *tokens: str, most_seconds: float = 30.0) -> list[Taken]:
        """Wait until messages with these tokens have arrived; give everything that has."""
        wanted = set(tokens)
        self.wait(
            lambda: wanted <= {one.token for one in customer.taken()}, f"arrival of {sorted(wanted)}", most_seconds
        )
        return customer.taken()

    def assert_once(self, customer: Customer, tokens: Any, size: int = 2000) -> None:
        """Assert that exactly these messages arrived, each once and unaltered."""
        arrived = customer.taken()
        self.assertEqual(sorted(one.token for one in arrived), sorted(tokens))
        for one in arrived:
            self.assertEqual((one.digest, one.traced), (digest_of(content_of(one.token, size)), True), one.token)
