"""Claims about acting on a cluster through one node, as whole nodes that meet in a real Redis server."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from shieldrelay.admin import everywhere
from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.router import Response
from tests.assembly.members_case import PeeredCase, PeeredNode


class ErrandsTests(PeeredCase):
    """Through the peers' sealed connections."""

    async def asked(self, node: PeeredNode, method: str, path: str) -> Response:
        """Ask a node at its front."""
        front = node.service.house.front
        assert front is not None
        caller = Caller("alice", Role.ADMIN, way="session", source="192.0.2.9")
        return await Deferred.fromCoroutine(front.warden.answer(caller, method, f"/api/v1/{path}".encode()))

    async def audited(self, node: PeeredNode) -> list[dict[str, Any]]:
        """Give the audit log's lines of a node, when they are written."""
        assert node.service.house.front is not None
        await node.service.house.front.audit.written()
        file = node.directory / "state" / "admin" / "audit.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]

    async def test_mail_of_another_node_is_held_from_here(self) -> None:
        """It is found, held, shown as a file and deleted where it is; both nodes' audit logs say by whom."""
        self.patch(everywhere, "LOOK_SECONDS", 20.0)
        await self.hop.down()
        one, two = await self.together("one", "two")
        self.assertEqual(await two.send(), 250)
        listed = (await self.asked(one, "GET", "queue?everywhere=true")).value
        ((id, node),) = [(each["id"], each["node"]) for each in listed["messages"]]
        self.assertEqual((node, listed["total"]), ("two.test", 1))
        self.assertEqual((await self.asked(one, "POST", f"messages/{id}/hold")).status, 404)
        done = await self.asked(one, "POST", f"messages/{id}/hold?everywhere=true")
        self.assertEqual(done.value, {"id": id, "state": "held", "node": "two.test"})
        file = await self.asked(one, "GET", f"messages/{id}/eml?node=two.test")
        self.assertIn(b"Received: ", file.value.octets)
        self.assertEqual((await self.asked(one, "DELETE", f"messages/{id}?node=two.test")).status, 200)
        self.assertEqual(two.spooled, 0)
        there = [(each["who"], each["way"], each["source"]) for each in await self.audited(two)]
        self.assertEqual(set(there), {("alice", "peer", "one.test")})
        self.assertIn(f"DELETE /api/v1/messages/{id} on two.test", [each["action"] for each in await self.audited(one)])

    async def test_a_node_that_hangs_is_shown_as_silent(self) -> None:
        """The others' answers come within its time."""
        self.patch(everywhere, "LOOK_SECONDS", 0.3)
        one, two = await self.together("one", "two")
        assert two.service.house.front is not None
        self.patch(two.service.house.front.warden, "errand", lambda _octets: Deferred())
        answer = (await self.asked(one, "GET", "status?everywhere=true")).value["nodes"]
        self.assertEqual([(each["node"], each["status"]) for each in answer], [("one.test", 200), ("two.test", 0)])
        self.assertIn("did not answer", answer[1]["trouble"])
