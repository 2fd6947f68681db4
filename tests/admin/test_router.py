"""The router and the routes of the control API, as calls."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import Appliance, control_router
from shieldrelay.admin.picture import ReloadPicture
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Route, Router
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.routes_case import RoutesCase


class ApiTests(RoutesCase):
    """What the routes answer."""

    def setUp(self) -> None:
        self.appliance = MemoryAppliance()
        port: Appliance = self.appliance
        self.journal = ListJournal()
        self.router = control_router(port, MemoryDefences(), MemoryRecipients(), MemoryReports(), self.journal)

    def test_status(self) -> None:
        """The status is the node's picture as JSON."""
        response = self.ask("GET", "/api/v1/status")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.value["domains"][0]["next_hops"][0]["name"], "192.0.2.25:25")

    def test_queue_pages(self) -> None:
        """Pages of the queue follow each other without gap or repetition, and the last one says so."""
        seen, after = [], ""
        for _ in range(3):
            page = self.ask("GET", f"/api/v1/queue?limit=1&after={after}").value
            seen.append(page["messages"][0]["id"])
            after = page["after"]
        self.assertEqual((seen, after), (["M0", "M1", "M2"], None))

    def test_queue_of_domain(self) -> None:
        """The queue of one domain holds its messages only, in whatever spelling the domain is named."""
        page = self.ask("GET", "/api/v1/queue?domain=M%C3%BCnchen.Example").value
        self.assertEqual([one["id"] for one in page["messages"]], ["M2"])

    def test_bad_parameters(self) -> None:
        """A parameter that is out of bounds, unknown or malformed is 400 and changes nothing."""
        for query in (
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=-1",
            "limit=%D9%A3",
            "color=red",
            "after=%0A",
            "x=%FF",
        ):
            self.assertEqual(self.ask("GET", f"/api/v1/queue?{query}").status, 400, query)
        for minutes in (-1, 1441, "x", 1.5, True, None, [1]):
            answer = self.refusal("POST", "/api/v1/domains/example.test/drill", {"minutes": minutes})
            self.assertEqual(answer, (400, "invalid_parameter"))
        self.assertEqual(self.appliance.drills, {})

    def test_unknown_domain(self) -> None:
        """An unknown domain is 404 with what may have been meant."""
        response = self.ask("POST", "/api/v1/domains/exmple.test/flush")
        self.assertEqual((response.status, response.value["error"]["hints"]), (404, ["example.test"]))
        self.assertEqual(self.refusal("POST", "/api/v1/domains/%00/flush"), (404, "unknown_domain"))

    def test_unknown_message(self) -> None:
        """An unknown or impossible message id is 404 for every method."""
        for id in ("nope", "..", "%2e%2e%2fM0", "M0%00", "x" * 41):
            for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/hold"), ("POST", "/release")):
                answer = self.refusal(method, f"/api/v1/messages/{id}{tail}")
                self.assertEqual(answer, (404, "unknown_message"), (id, method))

    def test_changes_are_idempotent(self) -> None:
        """Holding, releasing and drilling twice is as once."""
        for _ in range(2):
            self.assertEqual(self.ask("POST", "/api/v1/messages/M0/hold").value, {"id": "M0", "state": "held"})
        self.assertEqual(self.appliance.messages["M0"].state, "held")
        for _ in range(2):
            self.assertEqual(self.ask("POST", "/api/v1/messages/M0/release").status, 200)
        self.assertEqual(self.appliance.messages["M0"].state, "waiting")
        first, second = (self.ask("POST", "/api/v1/domains/example.test/drill", {"minutes": 5}).value for _ in range(2))
        self.assertEqual(first, second)
        ended = self.ask("POST", "/api/v1/domains/example.test/drill", {"minutes": 0}).value
        self.assertIsNone(ended["drill_until"])

    def test_delete(self) -> None:
        """Deleting removes; one that is being delivered is 409 and stays."""
        self.appliance.busy.add("M1")
        self.assertEqual(self.refusal("DELETE", "/api/v1/messages/M1"), (409, "in_flight"))
        self.assertEqual(self.ask("DELETE", "/api/v1/messages/M0").status, 200)
        self.assertEqual(set(self.appliance.messages), {"M1", "M2"})

    def test_reload_refused(self) -> None:
        """A faulty configuration is 409 with all its errors."""
        self.appliance.reloaded = ReloadPicture(errors=("a.toml:3: no", "a.toml:4: neither"))
        response = self.ask("POST", "/api/v1/reload")
        self.assertEqual(
            (response.status, response.value["error"]["hints"]), (409, ["a.toml:3: no", "a.toml:4: neither"])
        )

    def test_disk_trouble(self) -> None:
        """A disk that fails is 503, not a bug."""
        self.appliance.fault = OSError(5, "Input/output error")
        self.assertEqual(self.refusal("GET", "/api/v1/queue"), (503, "spool_unavailable"))
        self.assertEqual(self.journal.events, [])

    def test_bug(self) -> None:
        """A bug is answered 500 without its words, and told to the journal."""
        self.appliance.fault = KeyError("secret")
        response = self.ask("GET", "/api/v1/queue")
        self.assertEqual(response.status, 500)
        self.assertNotIn("secret", repr(response.value))
        self.assertEqual(self.journal.named("control_failed")[0]["error"], "KeyError('secret')")

    def test_method(self) -> None:
        """Another method on a known path is 405 and names those that it has; HEAD is GET."""
        response = self.ask("PUT", "/api/v1/messages/M0")
        self.assertEqual((response.status, response.allow), (405, ("GET", "HEAD", "DELETE")))
        self.assertEqual(self.ask("HEAD", "/api/v1/status").status, 200)
        self.assertEqual(self.ask("GET", "/api/v1/reload").allow, ("POST",))

    def test_body(self) -> None:
        """A body that is not a JSON object is 400."""
        deep = b"[" * 100_000
        for body in (b"{", b"[]", b"3", b"\xff", b'"x"', b"NaN", deep):
            self.assertEqual(self.refusal("POST", "/api/v1/reload", body), (400, "malformed_body"), body[:10])

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(
        st.sampled_from(["GET", "POST", "DELETE", "HEAD", "", "get"]) | st.text(max_size=5),
        st.binary(max_size=60)
        | st.lists(
            st.sampled_from(
                [
                    b"/",
                    b"api",
                    b"/api/v1/",
                    b"queue",
                    b"?",
                    b"&",
                    b"=",
                    b"%",
                    b"%00",
                    b"domains/",
                    b"messages/M0",
                    b"/hold",
                    b"\xff",
                ]
            )
        ).map(b"".join),
        st.binary(max_size=40),
    )
    def test_any_octets(self, method: str, target: bytes, body: bytes) -> None:
        """Whatever is asked is answered with JSON and is never a bug."""
        response = self.successResultOf(Deferred.fromCoroutine(self.router.answer(method, target, body)))
        json.loads(response.encode())
        self.assertIn(response.status, (200, 400, 404, 405, 409))
        self.assertEqual(self.journal.events, [])


class RouteTests(SynchronousTestCase):
    """Patterns."""

    def test_names_take_one_piece(self) -> None:
        """A name in a pattern stands for exactly one piece, percent-decoded after the split."""

        async def echo(call: Call) -> object:
            return dict(call.path)

        router = Router([Route("GET", "/a/{x}/b", echo, needs=Role.VIEW, reach=Reach.NODE, words="")], lambda *_: None)
        rows = [(b"/a/1%2F2/b", 200), (b"/a//b", 404), (b"/a/1/2/b", 404), (b"/a/1/b/", 404), (b"a/1/b", 200)]
        for target, status in rows:
            response = self.successResultOf(Deferred.fromCoroutine(router.answer("GET", target)))
            self.assertEqual(response.status, status, target)
