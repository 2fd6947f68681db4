"""The routes of the trace, who may ask what of them, and what the command prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import asdict, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api_trace import TraceQuestion, Traces, trace_routes
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.ctl_trace_views import followed_view, index_view, lines_view, story_view, trouble_view
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_trace import TraceIndexPicture, TracePage
from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.roles_warden import Warden
from shieldrelay.admin.router import Response, Router
from shieldrelay.testing.journal import ListJournal
from tests.admin.cluster_case import ClusterCase
from tests.admin.fakes_trace import FLOOD, LINE, NOW, MemoryTraces

ALL = Caller("alice", Role.VIEW)
TENANT = Caller("tom", Role.VIEW, frozenset({"example.test"}))


class RouteTests(SynchronousTestCase):
    """As calls, through the warden."""

    def setUp(self) -> None:
        self.traces = MemoryTraces()
        port: Traces = self.traces
        routes = trace_routes(port)
        audit = AuditLog(Path(self.mktemp()), lambda: NOW, ListJournal())
        self.warden = Warden(Router(routes, self.bug), routes, (), audit, self.bug)

    def bug(self, route: str, bug: Exception) -> None:
        """Fail."""
        self.fail(f"{route}: {bug!r}")

    def ask(self, path: str, caller: Caller = ALL, **query: str) -> Response:
        """Ask."""
        target = f"/api/v1/{path}?{urlencode(query)}".rstrip("?").encode()
        return self.successResultOf(Deferred.fromCoroutine(self.warden.answer(caller, "GET", target)))

    def test_what_is_asked_arrives(self) -> None:
        """Every parameter, in its shortest spelling."""
        query = {
            "sender": "A@sender.test", "recipient": "@example.test", "source": "192.0.2.99/24", "id": "s1",
            "reason": "not listed", "event": "refused", "defence": "harvest", "result": "taken",
            "domain": "EXAMPLE.test", "since": "5", "until": "7.5", "limit": "9", "after": "1.2.3", "newer": "1.2.4",
        }  # fmt: skip
        self.assertEqual(self.ask("trace", ALL, **query).status, 200)
        expected = TraceQuestion(
            sender="A@sender.test", recipient="@example.test", source="192.0.2.0/24", id="s1", reason="not listed",
            event="refused", defence="harvest", result="taken", domain="example.test", since=5.0, until=7.5, limit=9,
            after="1.2.3", newer="1.2.4",
        )  # fmt: skip
        self.assertEqual(asdict(self.traces.asked[0]), asdict(expected))

    def test_nonsense_is_refused(self) -> None:
        """In words, and nobody is asked."""
        for name, value in (
            ("source", "192.0.2"), ("since", "soon"), ("since", "nan"), ("until", "-1"), ("limit", "0"),
            ("limit", "1001"), ("id", "a b"), ("event", "X\n"), ("domain", "third.test"), ("what", "x"),
            ("sender", "a\r\nb"), ("after", "nonsense"), ("recipient", "x" * 400),
        ):  # fmt: skip
            self.assertIn(self.ask("trace", ALL, **{name: value}).status, (400, 404), (name, value))
        self.assertEqual(self.ask("trace/a.b").status, 400)
        self.assertEqual(self.traces.asked, [])

    def test_nobody_who_searches_is_said(self) -> None:
        """With why."""
        self.traces.why = "There is no index."
        answer = self.ask("trace")
        self.assertEqual((answer.status, answer.value["error"]["message"]), (503, "There is no index."))

    def test_tenant_searches_its_own_domain(self) -> None:
        """Whoever is limited to a domain asks for that one, whatever they say."""
        self.ask("trace", TENANT)
        self.assertEqual(self.traces.asked[0].domain, "example.test")
        self.assertEqual(self.ask("trace", TENANT, domain="other.test").status, 404)

    def test_tenant_is_told_its_own_lines(self) -> None:
        """Of a story those about its domain, and of their recipients its own."""
        value: Any = self.ask("trace/s1", TENANT).value
        self.assertEqual([each["recipients"] for each in value["lines"]], [["alice@example.test"]])
        self.assertEqual(len(self.ask("trace/s1").value["lines"]), 2)


class ClusterTests(ClusterCase):
    """All nodes at once."""

    def test_lines_of_all_nodes_are_one_page(self) -> None:
        """The latest first, each with its node; who is silent is named, and the page goes on with each node."""
        self.nodes["mx3"].silent = True
        page = self.ask("GET", "trace?everywhere=true&sender=a@sender.test").value
        self.assertEqual([(each["node"], each["place"]) for each in page["lines"]],
                         [("mx1", "1.2.3"), ("mx2", "1.2.3"), ("mx1", "1.2.2"), ("mx2", "1.2.2")])  # fmt: skip
        self.assertEqual(page["silent"], ["mx3: it did not answer within 2 s"])
        self.assertEqual(page["index"]["state"], "shedding")
        again = self.ask("GET", f"trace?everywhere=true&after={page['after']}")
        self.assertEqual((again.status, len(again.value["lines"])), (200, 4))

    def test_story_of_all_nodes_is_one(self) -> None:
        """In the order of time."""
        told = self.ask("GET", "trace/s1?everywhere=true").value
        self.assertEqual([each["event"] for each in told["lines"]], ["refused"] * 3 + ["transaction"] * 3)
        self.assertEqual((told["sessions"], told["silent"]), (["s1"], []))


class ViewTests(SynchronousTestCase):
    """What is printed."""

    def lines(self, text: str) -> list[str]:
        """Give the lines, none of which does anything to a terminal."""
        for line in text.split("\n"):
            self.assertTrue(line.isprintable(), line)
        return text.split("\n")

    def test_table(self) -> None:
        """A row for each line, a flood with its count, and where it goes on."""
        page = as_json(TracePage((LINE, FLOOD), "1.2.2"))
        shown = self.lines(lines_view(page))
        self.assertIn("alice@example.test +1", shown[1])
        self.assertIn("refused x4711", shown[2])
        self.assertEqual(shown[3], "more: --after 1.2.2")
        self.assertTrue(self.lines(lines_view(page, everywhere=True))[1].startswith("mx1.example"))
        self.assertEqual(lines_view(as_json(TracePage())), "nothing was found")
        self.lines(followed_view(as_json(LINE)))

    def test_story(self) -> None:
        """Line by line, in the order of time, with everything that they say."""
        story = {"lines": [as_json(FLOOD), as_json(LINE)], "sessions": ["s1"], "messages": ["m1"], "whole": False}
        shown = self.lines(story_view("s1", story))
        self.assertIn("refused x4711", shown[4])
        self.assertIn("    helo         mail.sender.test", shown)
        self.assertIn("more than is shown", shown[-1])
        self.assertEqual(story_view("x", {**story, "lines": []}), "")

    def test_trouble(self) -> None:
        """What may be missing is said: time that was up, an index that is behind, nodes that are silent."""
        index = TraceIndexPicture("shedding", 75.0, 3 << 20)
        page = {**as_json(TracePage(searched_to=NOW, index=index)), "silent": ["mx2: silent\x1b"]}
        said = trouble_view(page)
        self.assertEqual(len(said), 3)
        self.assertIn("takes samples", said[1])
        self.assertTrue(all(each.isprintable() for each in said))

    def test_index(self) -> None:
        """Each state has its words."""
        known = TraceIndexPicture("current", lines=5, octets=2048, oldest=NOW - 3600, shed=3, reason="x")
        shown = self.lines(index_view(as_json(known), NOW))
        self.assertEqual(shown[0], "the index is up to date: x")
        self.assertIn("1h ago", shown[2])
        for state in ("behind", "shedding", "stopped", "full", "off"):
            self.assertNotEqual(index_view(as_json(evolve(known, state=state)), NOW), "")
