"""The routes about lists of recipients, as calls."""

from __future__ import annotations

from typing import Any

from shieldrelay.admin import ctl_lists
from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_lists import PUSH_OCTETS, Recipients
from shieldrelay.admin.picture_lists import OutcomePicture
from shieldrelay.admin.router import BODY_OCTETS
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.routes_case import RoutesCase

LIST = "/api/v1/recipients/example.test"


class ListRoutes(RoutesCase):
    """Show, import, push, go back, enforce, observe, check."""

    def setUp(self) -> None:
        self.recipients = MemoryRecipients()
        port: Recipients = self.recipients
        self.router = control_router(MemoryAppliance(), MemoryDefences(), port, MemoryReports(), ListJournal())

    def test_show(self) -> None:
        """A list is shown with its versions, the newest first, in whatever spelling its domain is named."""
        one = self.ask("GET", "/api/v1/recipients/Example.TEST.").value
        self.assertEqual([each["number"] for each in one["versions"]], [2, 1])
        self.assertEqual(self.refusal("GET", "/api/v1/recipients/exampel.test"), (404, "unknown_domain"))

    def test_import_is_started_and_followed(self) -> None:
        """An import answers at once, tells how far it is, and at last what came of it."""
        self.assertTrue(self.ask("POST", f"{LIST}/import", {"force": False}).value["running"])
        states = [self.ask("GET", f"{LIST}/import").value for _ in range(2)]
        self.assertEqual([(one["running"], one["done"]) for one in states], [(True, 1000), (False, 0)])
        self.assertEqual(states[1]["outcome"]["result"], "adopted")
        self.assertEqual(self.refusal("POST", f"{LIST}/import", {"force": 1}), (400, "invalid_parameter"))

    def test_push(self) -> None:
        """Recipients are added, removed and replaced; the same again changes nothing."""
        for change, lines, expected in (
            ("add", b"carol\n", "pushed"),
            ("add", b"carol\n", "unchanged"),
            ("remove", b"bob\n", "pushed"),
            ("replace", b"alice\ndora\n", "pushed"),
        ):
            done = self.ask("POST", f"{LIST}/push?change={change}&by=eve", lines).value
            self.assertEqual(done["result"], expected)
        self.assertEqual(self.recipients.names[-1], frozenset((b"alice", b"dora")))

    def test_wrong_lines_refuse_all_of_a_push(self) -> None:
        """A line that is no recipient is named, and nothing is changed."""
        response = self.ask("POST", f"{LIST}/push?change=add", b"@\n")
        self.assertEqual((response.status, response.value["error"]["code"]), (409, "list_malformed"))
        self.assertEqual(response.value["error"]["hints"], ["add:1: it is no address"])

    def test_a_guard_is_overridden_on_purpose_only(self) -> None:
        """What a guard refuses is 409 with its words, and taken by accepting it or by force."""
        self.assertEqual(self.refusal("POST", f"{LIST}/push?change=replace", b""), (409, "list_refused"))
        self.assertEqual(self.ask("POST", f"{LIST}/accept").value["entries"], 0)
        self.assertEqual(self.refusal("POST", f"{LIST}/accept"), (404, "list_absent"))
        self.ask("POST", f"{LIST}/push?change=add", b"alice\n")
        self.assertEqual(self.ask("POST", f"{LIST}/push?change=replace&force=true", b"").value["entries"], 0)

    def test_rollback(self) -> None:
        """The version before, or the one named, is in force again."""
        self.assertEqual(self.ask("POST", f"{LIST}/rollback").value["version"], 1)
        self.assertEqual(self.refusal("POST", f"{LIST}/rollback", {"version": 7}), (404, "list_absent"))
        self.assertEqual(self.refusal("POST", f"{LIST}/rollback", {"version": "x"}), (400, "invalid_parameter"))

    def test_enforce_and_observe(self) -> None:
        """A list observes for a time, or is enforced; an address is judged accordingly."""
        self.assertEqual(self.ask("POST", f"{LIST}/observe", {"seconds": 60}).value["state"], "observed")
        found = self.ask("GET", "/api/v1/addresses/nobody%40example.test").value
        self.assertEqual((found["standing"], found["taken"]), ("unknown", True))
        self.assertEqual(self.ask("POST", f"{LIST}/enforce").value["state"], "enforced")
        self.assertFalse(self.ask("GET", "/api/v1/addresses/nobody%40example.test").value["taken"])
        self.assertEqual(self.refusal("POST", f"{LIST}/observe"), (400, "invalid_parameter"))

    def test_addresses(self) -> None:
        """What is no address is refused in words, never asked for."""
        for written in ("alice", "%00%40x", "a%20b%40example.test", "%40", "%3Ca%40example.test%3E"):
            self.assertEqual(self.refusal("GET", f"/api/v1/addresses/{written}"), (400, "invalid_address"), written)
        self.assertEqual(self.ask("GET", "/api/v1/addresses/a%40elsewhere.test").value["standing"], "not ours")

    def test_a_disk_that_fails_is_503(self) -> None:
        """A disk that refuses is told as such."""
        self.recipients.fault = OSError(28, "No space left on device")
        self.assertEqual(self.refusal("GET", LIST), (503, "list_unavailable"))
        self.assertEqual(self.refusal("POST", f"{LIST}/push?change=add", b"a"), (503, "list_unavailable"))

    def test_a_failed_import_that_ends_at_once_is_a_refusal(self) -> None:
        """An import that cannot even start says why."""
        self.recipients.start_import = self._failed  # type: ignore[method-assign]
        self.assertEqual(self.refusal("POST", f"{LIST}/import"), (409, "list_failed"))

    async def _failed(self, domain: str, **_wishes: object) -> Any:
        state = await MemoryRecipients().importing(domain)
        outcome = OutcomePicture("failed", "the list is pushed, there is nothing to import")
        return type(state)(domain, running=False, outcome=outcome)

    def test_bodies_have_their_routes_limit(self) -> None:
        """Only a push may be long; what has no route is as short as all others."""
        self.assertEqual(self.router.body_limit("POST", f"{LIST}/push?change=add".encode()), PUSH_OCTETS)
        self.assertEqual(ctl_lists.PUSH_OCTETS, PUSH_OCTETS)
        for target in (LIST, f"{LIST}/accept", "/nowhere", "/\xff"):
            self.assertEqual(self.router.body_limit("POST", target.encode()), BODY_OCTETS)
