"""The route and the command for those who read the mail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_reports import Reports
from shieldrelay.admin.router import Response
from shieldrelay.shield.reputation_reports import Opinion
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.test_ctl import CommandCase, Steps

PATH = "/api/v1/domains/Example.TEST/reports"
GOOD = {"opinion": "spam", "token": "sesame", "message": "1abc"}


class ReportRoutes(SynchronousTestCase):
    """Reports, as calls."""

    def setUp(self) -> None:
        self.reports = MemoryReports()
        port: Reports = self.reports
        self.router = control_router(MemoryAppliance(), MemoryDefences(), MemoryRecipients(), port, ListJournal())

    def ask(self, body: Any, path: str = PATH) -> Response:
        """Report."""
        octets = json.dumps(body).encode()
        return self.successResultOf(Deferred.fromCoroutine(self.router.answer("POST", path.encode(), octets)))

    def test_a_message_counts_once(self) -> None:
        """The first report of a message counts, in whatever case the domain is written; the second says why not."""
        said = [self.ask(GOOD).value for _ in range(2)]
        self.assertEqual([(one["counted"], one["reception"]) for one in said], [(True, "taken"), (False, "already")])
        self.assertEqual(self.reports.taken, [("1abc", Opinion.SPAM)])

    def test_a_client_is_reported_by_its_address(self) -> None:
        """A mapped address is the IPv4 one."""
        self.ask({"opinion": "ham", "token": "sesame", "address": "::ffff:192.0.2.7"})
        self.assertEqual(self.reports.taken, [("192.0.2.7", Opinion.HAM)])

    def test_whoever_has_no_token_reports_nothing(self) -> None:
        """A wrong token, a domain without one, and what is no domain at all are denied alike."""
        for path, token in ((PATH, "x"), ("/api/v1/domains/other.test/reports", "sesame"), (PATH, None)):
            response = self.ask({**GOOD, "token": token}, path)
            self.assertEqual((response.status, response.value["error"]["code"]), (403, "denied"))
        self.assertEqual(self.ask(GOOD, "/api/v1/domains/a..x/reports").status, 403)
        self.assertEqual(self.reports.taken, [])

    def test_what_is_no_report_is_refused_in_words(self) -> None:
        """No opinion, another one, no subject or two, and what cannot be an id or an address are 400."""
        for wrong in (
            {"opinion": None}, {"opinion": "eggs"}, {"opinion": ["spam"]}, {"message": None}, {"message": "../x"},
            {"message": 7}, {"address": "192.0.2.7"}, {"message": None, "address": "nowhere"},
        ):  # fmt: skip
            self.assertEqual(self.ask({**GOOD, **wrong}).status, 400, wrong)
        self.assertEqual(self.ask({"opinion": "spam", "message": "1abc"}).status, 400)
        self.assertEqual(self.ask({**GOOD, "message": "1unknown"}).status, 404)


class ReportCommand(CommandCase):
    """The command, against a live socket."""

    @inlineCallbacks
    def test_report(self) -> Steps:
        """Messages and addresses may be mixed; one that is refused does not keep the others from being told."""
        token = Path(self.mktemp()).absolute()
        token.write_text("sesame\n")
        printed, complaints, status = yield self.run_command(
            "report", "spam", "example.test", "1abc", "192.0.2.7", "1gone", "1abc", "--token-file", str(token)
        )
        self.assertEqual(printed.splitlines(), ["1abc: counted", "192.0.2.7: counted", "1abc: was reported before"])
        self.assertEqual((status, "remembers no such message" in complaints), (1, True))
