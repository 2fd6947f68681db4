"""The routes and the command for domains that are given at run time."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import inlineCallbacks

from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_domains import Domains
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_domains import MemoryDomains
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.routes_case import RoutesCase
from tests.admin.test_ctl import CommandCase, Steps


class DomainRoutes(RoutesCase):
    """As calls."""

    below = "/api/v1/"

    def setUp(self) -> None:
        self.domains = MemoryDomains()
        port: Domains = self.domains
        self.router = control_router(
            MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), domains=port
        )

    def test_push_list_and_remove(self) -> None:
        """What was pushed is listed with its text, until it is removed."""
        self.assertEqual(self.ask("POST", "pushed?by=eve", b'domain = "new.test"').value, {"domain": "new.test"})
        self.assertEqual(self.domains.by, ["eve"])
        listed = [one["domain"] for one in self.ask("GET", "pushed").value["domains"]]
        self.assertEqual(listed, ["new.test", "pushed.test"])
        self.assertEqual(self.ask("DELETE", "pushed/NEW.test.").value, {"domain": "new.test", "removed": True})
        self.assertEqual(self.ask("DELETE", "pushed/new.test").status, 404)

    def test_what_cannot_be_is_refused(self) -> None:
        """With every fault; other octets and a full disk too, and names that are no domains."""
        answer = self.ask("POST", "pushed", b"nonsense")
        self.assertEqual((answer.status, answer.value["error"]["hints"]), (409, ["new.test:1: it is not valid TOML"]))
        self.assertEqual(self.ask("POST", "pushed", b"\xff").status, 400)
        for name in ("..", "a%2Fb", "%00", "x" * 300):
            self.assertEqual(self.ask("DELETE", f"pushed/{name}").status, 404, name)
        self.domains.disk_fails = True
        self.assertEqual(self.ask("POST", "pushed", b'domain = "new.test"').status, 503)


class DomainCommand(CommandCase):
    """The command, against a live socket."""

    @inlineCallbacks
    def test_push_remove_and_list(self) -> Steps:
        """It prints what came of each, and every fault of a file."""
        good, bad = Path(self.mktemp()), Path(self.mktemp())
        good.write_text('domain = "new.test"\n')
        bad.write_text("nonsense")
        printed, complaints, status = yield self.run_command("domain", "push", str(good.absolute()))
        said = "new.test: protected from now on, here and on the other nodes\n"
        self.assertEqual((printed, complaints, status), (said, "", 0))
        printed, complaints, status = yield self.run_command("domain", "push", str(bad.absolute()), "/none")
        self.assertIn("new.test:1: it is not valid TOML", complaints)
        self.assertIn("/none: no such file", complaints)
        self.assertEqual((printed, status), ("", 1))
        printed, complaints, status = yield self.run_command("domain", "list")
        self.assertIn("pushed.test  in force", printed)
        printed, complaints, status = yield self.run_command("domain", "remove", "new.test", "never.test")
        self.assertIn("new.test: not protected any more", printed)
        self.assertIn("never.test was not given at run time", complaints)
        self.assertEqual((yield self.run_command("domain", "push"))[2], 2)
