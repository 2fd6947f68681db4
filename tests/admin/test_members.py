"""The routes and the commands for the cluster's members, and for a drain."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_members import Members
from shieldrelay.admin.ctl_members import drain_view, members_view
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.router import Response
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_members import LOST, OTHER, OURS, MemoryMembers
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.test_ctl import CommandCase, Steps


class MemberRoutes(SynchronousTestCase):
    """Members, as calls."""

    def setUp(self) -> None:
        self.members = MemoryMembers()
        port: Members = self.members
        self.router = control_router(
            MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), members=port
        )

    def ask(self, method: str, path: str, **body: object) -> Response:
        """Ask."""
        octets = json.dumps(body).encode()
        asking = self.router.answer(method, f"/api/v1/{path}".encode(), octets)
        return self.successResultOf(Deferred.fromCoroutine(asking))

    def test_members_are_listed(self) -> None:
        """Everybody is, the missing too; a process alone gives itself."""
        answer = self.ask("GET", "members")
        self.assertEqual([one["state"] for one in answer.value["members"]], ["up", "draining", "lost"])
        self.assertEqual(self.ask("GET", "member").value["member"], "m1")

    def test_a_drain_is_asked_for(self) -> None:
        """By whom, and whether the spool stays; nonsense is refused."""
        self.assertEqual(self.ask("POST", "drain", keep=True, by="eve").value["phase"], "ending")
        self.assertEqual(self.ask("POST", "drain").status, 200)
        self.assertEqual(self.members.asked, [("eve", False), ("operator", True)])
        self.assertEqual(self.ask("POST", "drain", keep="yes").status, 400)
        self.assertEqual(self.ask("POST", "resume").value["phase"], "")


class MemberViews(SynchronousTestCase):
    """What is printed."""

    def test_what_is_wrong_is_said(self) -> None:
        """Clocks, configurations, versions, silence and losses have a line each, harmless for a terminal."""
        shown = members_view([as_json(one) for one in (OURS, OTHER, LOST)])
        self.assertTrue(all(line.isprintable() for line in shown.split("\n")))
        for words in (
            "! mx2.example worker 1: 192.0.2.2:7025: it did not answer within 3 s",
            "! mx2.example worker 1: its clock is 12 s ahead: set it",
            "! mx2.example worker 1: its configuration is not this node's: smtp",
            "! mx3.example: it is gone without having said so",
            "! the members are of different versions: 1.0, 1.1",
        ):
            self.assertIn(words, shown)
        self.assertNotIn("! mx1", shown)

    def test_how_far_a_drain_is(self) -> None:
        """In figures."""
        shown = drain_view(as_json(MemoryMembers().steps[1]))
        self.assertEqual(shown, "handing over: 0 sessions open, 3 messages here, 2 given to others")


class MemberCommands(CommandCase):
    """The commands, against a live socket."""

    @inlineCallbacks
    def test_members_drain_and_resume(self) -> Steps:
        """They print what came of them; a drain that is waited for prints each step."""
        printed, complaints, status = yield self.run_command("members")
        self.assertIn("mx1.example *", printed)
        self.assertEqual((complaints, status), ("", 0))
        printed, complaints, status = yield self.run_command("drain", "--wait")
        self.assertEqual([line.split(":")[0] for line in printed.splitlines()], ["ending", "handing over", "drained"])
        self.assertEqual((complaints, status), ("", 0))
        printed, complaints, status = yield self.run_command("resume")
        self.assertEqual((printed, complaints, status), ("the node is in service\n", "", 0))
