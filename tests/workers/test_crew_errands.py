"""How the parent has other nodes asked, and what it says when none of its processes can."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.control_asking import NoAnswer
from shieldrelay.admin.errand import Errand, Told, errand
from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.router import Response
from shieldrelay.workers.errands import CrewErrands
from tests.workers.crew_fixture import MadeUpCrew

ERRAND = Errand(Caller("alice", Role.VIEW, frozenset(("example.test",))), "GET", b"/api/v1/queue", b"{}", "mx1")


class CrewErrandsTests(SynchronousTestCase):
    """`CrewErrands`."""

    def setUp(self) -> None:
        self.made = MadeUpCrew(2)
        self.answer: Response | None = None
        self.asked: list[tuple[int, bytes, bytes, float]] = []

    def ask(self, number: int, method: str, target: bytes, body: bytes, seconds: float) -> Deferred[Response]:
        """Answer for a worker."""
        self.asked.append((number, target, body, seconds))
        return fail(NoAnswer("it hangs")) if self.answer is None else succeed(self.answer)

    def told(self, *nodes: str) -> list[Told]:
        """Ask other nodes: all, when none is named."""
        asking = CrewErrands(self.made.crew, self.ask).ask(nodes or None, ERRAND, 2.0)
        return list(self.successResultOf(Deferred.fromCoroutine(asking)))

    def test_the_leader_asks(self) -> None:
        """It is given the whole errand, and a little more time than the other nodes have."""
        self.made.all_up()
        self.answer = Response(200, {"told": [Told("mx2", Response(200, {"total": 1})).value()]})
        (told,) = self.told("mx2")
        self.assertEqual((told.node, told.response), ("mx2", Response(200, {"total": 1})))
        ((number, target, body, seconds),) = self.asked
        self.assertEqual((number, target, seconds), (1, b"/api/v1/elsewhere", 4.0))
        read = json.loads(body)
        self.assertEqual((read["nodes"], read["seconds"]), (["mx2"], 2.0))
        sent = errand(read["errand"].encode())
        self.assertEqual((sent.caller.name, sent.caller.domains, sent.target), ("alice", frozenset(("example.test",)),
                                                                               b"/api/v1/queue"))  # fmt: skip

    def test_nobody_can_ask(self) -> None:
        """No process, one that hangs, or one that talks nonsense: those that were wanted are silent, and why."""
        self.assertEqual([(one.node, one.response) for one in self.told("mx2")], [("mx2", None)])
        self.made.all_up()
        for answer in (None, Response(200, {}), Response(404, {"error": {}}), Response(200, {"told": [{}]})):
            self.answer = answer
            self.assertEqual([one.node for one in self.told("mx2", "mx3")], ["mx2", "mx3"])
            (told,) = self.told()
            self.assertIn("no process of this node", told.trouble)
