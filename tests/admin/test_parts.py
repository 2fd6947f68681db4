"""The routes and the commands for the spool's other parts."""

from __future__ import annotations

from twisted.internet.defer import inlineCallbacks

from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_parts import Parts
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.routes_case import RoutesCase
from tests.admin.test_ctl import CommandCase, Steps


class PartRoutes(RoutesCase):
    """Parts, as calls."""

    below = "/api/v1/"

    def setUp(self) -> None:
        self.parts = MemoryParts()
        port: Parts = self.parts
        self.router = control_router(
            MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), port
        )

    def test_parts_are_listed_with_who_holds_them(self) -> None:
        """Each with whether a process holds it."""
        self.assertEqual(
            self.ask("GET", "parts").value,
            {
                "parts": [
                    {"member": "mx2.shield.example", "locked": False},
                    {"member": "mx3.shield.example", "locked": True},
                ]
            },
        )

    def test_a_part_that_nobody_holds_is_adopted(self) -> None:
        """The answer says what came over."""
        answer = self.ask("POST", "parts/mx2.shield.example/adopt")
        self.assertEqual((answer.status, answer.value["messages"], answer.value["held"]), (200, 3, 1))
        self.assertEqual(self.parts.adopted, ["mx2.shield.example"])

    def test_a_part_that_lives_is_refused(self) -> None:
        """With who holds it, and no way to insist."""
        answer = self.ask("POST", "parts/mx3.shield.example/adopt")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (409, "part_lives"))
        self.assertIn("process 4711", answer.value["error"]["message"])
        self.assertEqual(self.ask("POST", "parts/mx2.shield.example/adopt?force=1").status, 400)
        self.assertEqual(self.parts.adopted, [])

    def test_what_is_no_part_is_unknown(self) -> None:
        """A name that nobody has, and one that cannot be a part's; a disk that fails is 503."""
        for name in ("mx9", "_adopted", "..", "a%2Fb", "%00"):
            self.assertEqual(self.ask("POST", f"parts/{name}/adopt").status, 404, name)
        self.parts.disk_fails = True
        self.assertEqual(self.ask("POST", "parts/mx2/adopt").status, 503)


class PartCommands(CommandCase):
    """The commands, against a live socket."""

    @inlineCallbacks
    def test_parts_and_adopt(self) -> Steps:
        """They print a line for each part; one that is refused does not keep the others from being adopted."""
        printed, complaints, status = yield self.run_command("parts")
        self.assertEqual(
            (printed, complaints, status),
            ("mx2.shield.example: held by nobody\nmx3.shield.example: held by a process\n", "", 0),
        )
        printed, complaints, status = yield self.run_command("adopt", "mx3.shield.example", "mx2.shield.example")
        self.assertIn("mx2.shield.example: 3 messages are this node's now, 1 more on hold; 1 domains", printed)
        self.assertIn("in use by process 4711", complaints)
        self.assertEqual(status, 1)
