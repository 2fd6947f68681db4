"""The routes and the commands for alarms, the week and the metrics."""

from __future__ import annotations

from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_alarms import METRICS_KIND, Watch
from shieldrelay.admin.ctl_alarms import alarms_view
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.router import Document
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_alarms import NOW, OPEN, OVER, MemoryWatch
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.routes_case import RoutesCase
from tests.admin.test_ctl import CommandCase, Steps


class WatchRoutes(RoutesCase):
    """The routes, as calls."""

    below = "/api/v1/"

    def setUp(self) -> None:
        self.watch = MemoryWatch()
        port: Watch = self.watch
        self.router = control_router(
            MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), watch=port
        )

    def test_alarms_are_listed(self) -> None:
        """All are, or those alone that are open; nonsense is refused."""
        self.assertEqual([one["kind"] for one in self.ask("GET", "alarms").value["alarms"]], ["next_hop_down", "hub"])
        self.assertEqual([one["id"] for one in self.ask("GET", "alarms?open=yes").value["alarms"]], [OPEN.id])
        self.assertEqual(self.ask("GET", "alarms?open=maybe").status, 400)

    def test_a_tenant_sees_its_own(self) -> None:
        """Of alarms those about a caller's domains are left."""
        route = next(each for each in self.router.routes if each.pattern == "/api/v1/alarms")
        assert route.narrow is not None
        value = {"alarms": [as_json(OPEN), as_json(OVER)]}
        self.assertEqual(route.narrow(value, frozenset({"example.test"})), {"alarms": [as_json(OPEN)]})
        self.assertEqual(route.narrow(value, frozenset({"other.test"})), {"alarms": []})

    def test_a_test_is_sent(self) -> None:
        """Who was told is said."""
        self.assertEqual(self.ask("POST", "alarms/test").value["webhooks"], ("pager",))
        self.assertEqual(self.watch.tested, 1)

    def test_a_week(self) -> None:
        """This or the last; of an unknown domain there is none."""
        self.assertEqual(self.ask("GET", "domains/example.test/report").value["accepted"], 1)
        self.assertEqual(self.ask("GET", "domains/EXAMPLE.test/report?week=last").value["accepted"], 100)
        self.assertEqual(self.ask("GET", "domains/example.test/report?week=next").status, 400)
        self.assertEqual(self.ask("GET", "domains/other.test/report").status, 404)

    def test_metrics(self) -> None:
        """They come as text."""
        answer = self.ask("GET", "metrics").value
        assert isinstance(answer, Document)
        self.assertEqual(answer.kind, METRICS_KIND)


class AlarmViews(SynchronousTestCase):
    """What is printed."""

    def test_words_are_harmless(self) -> None:
        """Each alarm says since when, why, what it means and what to do, and nothing that a terminal obeys."""
        shown = alarms_view([as_json(OPEN), as_json(OVER)], NOW)
        self.assertTrue(all(line.isprintable() for line in shown.split("\n")))
        for words in ("ERROR  next hop down example.test: for 2m, 2 times", "    Mend it.", "over  hub: ended 1m ago"):
            self.assertIn(words, shown)
        self.assertEqual(alarms_view([], NOW), "no alarm is open")


class AlarmCommands(CommandCase):
    """The commands, against a live socket."""

    @inlineCallbacks
    def test_commands(self) -> Steps:
        """Alarms, a test, a week and the metrics are printed."""
        rows = {
            ("alarms",): "next hop down example.test",
            ("alarms", "test"): "on its way to webhook pager, admin@example.test",
            ("week", "example.test", "--last"): "Mail to example.test",
            ("metrics",): "shieldrelay_smtp_sessions 1",
        }
        for words, expected in rows.items():
            out, err, code = yield self.run_command(*words)
            self.assertEqual((code, err), (0, ""), words)
            self.assertIn(expected, out)
