"""Claims about a whole node under stress (D9)."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.threads import deferToThread

from tests.assembly.node_case import NodeCase

STRESS = """
[stress]
hold = "1s"
[stress.smtp]
command_timeout = "1s"
"""


class StressTests(NodeCase):
    """A node whose slots are nearly used up."""

    def _opened(self) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(one.close)
        one.recv(1000)
        return one

    async def test_idle_sessions_make_room(self) -> None:
        """When the slots run out, sessions that are open and idle get the stressed times; then it is over."""
        await self.start(smtp="max_sessions = 10", more=STRESS)
        idle = [await deferToThread(self._opened) for _ in range(7)]
        await self.until(lambda: self.node.house.shield.stressed)
        for one in idle:
            farewell: Any = await deferToThread(one.recv, 1000)
            self.assertEqual(farewell[:4], b"421 ")
        await self.until(lambda: not self.node.house.shield.stressed)
        told = [line["state"] for line in self.journal("stress")]
        self.assertEqual(told, ["stress", "calm"])
