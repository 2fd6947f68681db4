"""Alarms, weeks and metrics of several workers: one answer of the node, joined and added up."""

from __future__ import annotations

import http.client
import json
from typing import Any

from shieldrelay.admin.picture import as_json
from shieldrelay.admin.router import Document, Response
from shieldrelay.metrics.exposition import Sample, written
from shieldrelay.workers import sums
from tests.admin.fakes_alarms import OPEN, OVER, WEEK
from tests.integration.node import DOMAIN
from tests.metrics.test_exposition import parsed, values
from tests.workers.test_processes import WorkersCase, message, say
from tests.workers.test_router import Case


def said(*pictures: Any) -> Response:
    """Give a worker's answer about alarms."""
    return Response(200, json.loads(json.dumps({"alarms": [as_json(each) for each in pictures]})))


class JoiningTests(Case):
    """With workers that the test makes up."""

    def test_an_alarm_of_several_is_one(self) -> None:
        """It is open as long as one has it open; the parent's own stand beside it."""
        own = {**as_json(OPEN), "id": "worker:worker 3", "kind": "worker", "about": "worker 3", "domain": None}
        self.router.alarms = lambda: [own]
        over = {**as_json(OPEN), "ended": OPEN.last + 1, "end": "up again", "since": OPEN.since - 100}
        answer = self.answer("GET", "alarms", _1=Response(200, {"alarms": [over]}), _2=said(OPEN, OVER), _3=None)
        shown = {one["id"]: one for one in answer.value["alarms"]}
        self.assertEqual(list(shown)[2], OVER.id)
        self.assertEqual(set(shown), {OPEN.id, OVER.id, own["id"]})
        self.assertEqual((shown[OPEN.id]["ended"], shown[OPEN.id]["times"]), (None, 4))
        self.assertEqual(answer.value["silent"], [3])

    def test_a_test_is_sent_by_one(self) -> None:
        """The one that leads."""
        self.answer("POST", "alarms/test")
        self.assertEqual(self.whom(), [1])

    def test_weeks_are_added_up(self) -> None:
        """What each took part in is added; what all see is not."""
        week = json.loads(json.dumps(as_json(WEEK)))
        whole = sums.week([(1, week), (2, week)])
        self.assertEqual((whole["accepted"], whole["refused"], whole["attacks"]), (2, 6, 1))
        self.assertEqual((whole["by"]["harvest"], whole["sources"][0]["refused"]), (4, 6))
        self.assertIn("6 messages and recipients", whole["words"])

    def test_metrics_stand_side_by_side(self) -> None:
        """Each worker has its label; one that does not answer is shown to be down and blocks nothing."""
        answers = {
            number: Response(200, Document(written([Sample("smtp_sessions", number)], (), number), "text/plain"))
            for number in (1, 2)
        }
        answer = self.answer("GET", "metrics", _1=answers[1], _2=answers[2], _3=None)
        text = answer.value.octets
        self.assertEqual(values(text, "smtp_sessions"), {(("worker", "1"),): 1.0, (("worker", "2"),): 2.0})
        up = values(text, "worker_up")
        self.assertEqual([up[(("worker", str(number)),)] for number in (1, 2, 3)], [1.0, 1.0, 0.0])


class ProcessTests(WorkersCase):
    """With real processes."""

    def test_one_node_of_two(self) -> None:
        """The parent gives the metrics of both over HTTP, its alarms, and a week of the messages of both."""
        node = self.begin(self.a_customer().port, settings={"listen": {"metrics": ["127.0.0.1:0"]}})
        for number in range(1, 9):
            say(node.port, f"127.0.0.{number}", *message(f"m{number}"))
        (told,) = [one for one in node.journal("admin_listening") if one["use"] == "metrics"]
        asking = http.client.HTTPConnection("127.0.0.1", int(told["address"].rpartition(":")[2]), timeout=20)
        asking.request("GET", "/metrics")
        text = asking.getresponse().read()
        asking.close()
        self.assertGreaterEqual(sum(values(text, "smtp_connections_accepted_total").values()), 8)
        self.assertEqual(set(values(text, "worker_up").values()), {1.0})
        self.assertEqual(len(values(text, "build_info")), 1)
        self.assertEqual(len(values(text, "process_resident_memory_bytes")), 2)
        self.assertGreater(len(parsed(text)), 40)
        week = node.ask("GET", f"domains/{DOMAIN}/report")
        self.assertEqual(week["accepted"], 8)
        ids = [one["id"] for one in node.ask("GET", "alarms")["alarms"]]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertIn("hub:", ids)
