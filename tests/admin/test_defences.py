"""The routes of the defences as a whole, of what happened lately, and of messages as files."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router
from shieldrelay.admin.router import Document, Response
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_defences import MemoryStances
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences


class DefenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stances, self.appliance = MemoryStances(), MemoryAppliance()
        self.router = control_router(
            self.appliance, MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), stances=self.stances
        )

    def asked(self, method: str, target: str, body: bytes = b"") -> Response:
        """Ask, and give the answer."""
        answer = self.router.answer(method, target.encode(), body)
        response: Response = self.successResultOf(Deferred.fromCoroutine(answer))
        return response

    def code(self, method: str, target: str, body: bytes = b"") -> Any:
        """Ask for what is refused, and give status and code."""
        response = self.asked(method, target, body)
        return response.status, response.value["error"]["code"]

    def test_mode_is_set_and_given_back(self) -> None:
        """A mode is set under the name of who wants it, and given back to the configuration."""
        done = self.asked("POST", "/api/v1/defences/harvest", b'{"mode": "enforce", "by": "alice"}')
        self.assertEqual((done.status, done.value["mode"]), (200, "enforce"))
        shown = self.asked("GET", "/api/v1/defences").value["defences"][0]
        self.assertEqual((shown["mode"], shown["origin"], shown["steered"]), ("enforce", "alice", True))
        self.asked("POST", "/api/v1/defences/harvest", b'{"mode": "configured", "by": "alice"}')
        self.assertEqual(self.stances.modes["harvest"], ("observe", ""))

    def test_mode_that_cannot_be_set(self) -> None:
        """Another defence, another word, and a configuration that would be faulty are refused, each in its words."""
        at = "/api/v1/defences/"
        self.assertEqual(self.code("POST", f"{at}weather", b'{"mode": "off"}'), (404, "unknown_defence"))
        self.assertEqual(self.code("POST", f"{at}harvest", b'{"mode": "loud"}'), (400, "invalid_parameter"))
        self.assertEqual(self.code("POST", f"{at}harvest", b"{}"), (400, "invalid_parameter"))
        self.assertEqual(self.code("POST", f"{at}harvest", b'{"mode": ["off"]}'), (400, "invalid_parameter"))
        self.stances.faults = ("it cannot be",)
        self.assertEqual(self.code("POST", f"{at}harvest", b'{"mode": "off"}'), (409, "configuration_refused"))

    def test_counted(self) -> None:
        """What was counted comes in steps, the oldest first."""
        steps = self.asked("GET", "/api/v1/counted").value["steps"]
        self.assertEqual((steps[0]["accepted"], steps[0]["refused"]), (5, {"harvest": 7}))

    def test_lately(self) -> None:
        """What happened is asked for by kind, moment and number."""
        names = [each["event"] for each in self.asked("GET", "/api/v1/happenings").value["happenings"]]
        self.assertEqual(names, ["harvest_box", "ban", "breaker"])
        some = self.asked("GET", "/api/v1/happenings?events=ban,breaker&since=15&limit=5").value["happenings"]
        self.assertEqual([each["event"] for each in some], ["ban"])
        about = self.asked("GET", "/api/v1/happenings?about=192.0.2.1").value["happenings"]
        self.assertEqual([each["event"] for each in about], ["harvest_box", "ban"])
        for query in ("events=a;b", "since=-1", "since=x", "limit=0", "limit=9999", "what=1"):
            self.assertEqual(self.asked("GET", f"/api/v1/happenings?{query}").status, 400, query)

    def test_lately_of_some_domains(self) -> None:
        """Who is limited to a domain hears what is about it alone."""
        value = self.asked("GET", "/api/v1/happenings").value
        found = self.router.find("GET", b"/api/v1/happenings")
        assert found is not None and found[0].narrow is not None
        own = found[0].narrow(value, frozenset({"example.test"}))["happenings"]
        self.assertEqual([each["event"] for each in own], ["harvest_box"])

    def test_message_as_a_file(self) -> None:
        """A message is given as it came, as a file, and the asking is noted in the audit log."""
        id = next(iter(self.appliance.messages))
        response = self.asked("GET", f"/api/v1/messages/{id}/eml")
        assert isinstance(response.value, Document)
        self.assertEqual((response.value.kind, response.value.name), ("message/rfc822", f"{id}.eml"))
        found = self.router.find("GET", f"/api/v1/messages/{id}/eml".encode())
        assert found is not None
        self.assertTrue(found[0].noted)
        self.assertEqual(self.code("GET", "/api/v1/messages/none/eml"), (404, "unknown_message"))

    def test_bounce(self) -> None:
        """A message is given up once; one that is being tried right now is not."""
        busy, other = list(self.appliance.messages)[:2]
        self.appliance.busy.add(busy)
        self.assertEqual(self.code("POST", f"/api/v1/messages/{busy}/bounce"), (409, "in_flight"))
        self.assertEqual(self.asked("POST", f"/api/v1/messages/{other}/bounce").value["state"], "bounced")
        self.assertEqual(self.code("POST", f"/api/v1/messages/{other}/bounce"), (404, "unknown_message"))
