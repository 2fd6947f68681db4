"""What a node has counted, for live charts."""

from __future__ import annotations

from tests.assembly.node_case import NodeCase


class CountsTests(NodeCase):
    """The counts in the status."""

    async def test_each_way_of_a_message_is_counted(self) -> None:
        """Taken and delivered, taken and put off, refused: each raises its own count, and none of them falls."""
        await self.start(delivery='breaker_failures = 1\nprobe = "1h"\nretry = ["1h"]')
        await self.send()
        await self.until(lambda: self.hop.messages)
        await self.hop.down()
        await self.send()
        await self.send("bob@elsewhere.example")
        counts = (await self.steering.status()).counts
        self.assertEqual((counts.accepted, counts.delivered, counts.turned_down), (2, 1, 0))
        self.assertGreaterEqual(counts.deferred, 1)
        self.assertEqual(counts.refused, {"relay": 1})
