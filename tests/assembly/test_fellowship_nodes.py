"""Claims about three whole nodes and one customer's server: what one finds out holds for all (R4, R6, R7)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.delivery.breaker import State
from tests.assembly.nodes_case import NodesCase


class NodesTests(NodesCase):
    """Three nodes that meet in a Redis server."""

    async def test_an_outage_that_one_node_finds_is_everybodys_and_so_is_its_end(self) -> None:
        """One node's faults open all breakers, with one beginning in all ledgers; one probe closes all of them."""
        one, two, three = nodes = await self.start(3)
        self.assertEqual([await node.send() for node in nodes], [250] * 3)
        self.assertEqual(len(self.hop.messages), 3)
        await self.hop.down()
        for _ in range(3):
            self.assertEqual(await one.send(), 250)
        await self.until(lambda: all(not node.way.lane.machines.breaker.passes for node in nodes))
        since = [node.service.house.outages.down_since("example.test") for node in nodes]
        self.assertLess(max(each or 0.0 for each in since) - min(each or 9e9 for each in since), 1.0)
        self.assertIn("node0", two.way.lane.machines.breaker.reason)
        self.assertEqual([await node.send() for node in nodes], [250] * 3)
        self.hop.up()
        await self.until(lambda: all(node.way.queue.window.total == 0 for node in nodes))
        await self.until(lambda: all(node.way.lane.machines.breaker.passes for node in nodes))
        self.assertIsNone(three.service.house.outages.down_since("example.test"))
        self.assertEqual(len(self.hop.messages), 9)
        self.assertNotIn(State.OPEN, [node.way.lane.machines.breaker.state for node in nodes])

    async def test_the_connections_of_all_nodes_are_within_the_declared_number(self) -> None:
        """Three nodes with bursts never open more connections to the customer than it bears, and all is delivered."""
        nodes = await self.start(3, connections=4)
        most = 0
        sending: list[Deferred[list[int]]] = []
        for node in nodes:
            sending.append(gatherResults([Deferred.fromCoroutine(node.send()) for _ in range(12)]))

        def done() -> bool:
            nonlocal most
            most = max(most, self.hop.open_connections)
            return all(each.called for each in sending) and all(node.way.queue.window.total == 0 for node in nodes)

        await self.until(done)
        codes = [code for each in sending for code in await each]
        self.assertEqual(codes, [250] * 36)
        self.assertEqual(len(self.hop.messages), 36)
        self.assertLessEqual(most, 4)
        self.assertGreaterEqual(most, 2)
