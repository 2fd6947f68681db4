"""One answer of several workers: who is asked, and what is made of what they say."""

from __future__ import annotations

import json
from typing import Any

from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.control_asking import NoAnswer
from shieldrelay.admin.picture import (
    CountsPicture,
    DomainPicture,
    NextHopPicture,
    NodePicture,
    NoticesPicture,
    QueuedPicture,
    SpoolPicture,
    as_json,
)
from shieldrelay.admin.router import Refused, Response, refusal
from shieldrelay.workers import sums
from shieldrelay.workers.router import WorkersRouter
from tests.workers.crew_fixture import MadeUpCrew

UNKNOWN = refusal(Refused(404, "unknown_message", "There is no message 'x' in the spool: it may be delivered."))


def node_picture(sessions: int = 0, **changes: Any) -> Any:
    """Give the JSON of a worker's picture."""
    domain = DomainPicture("example.com", "closed", 0.0, next_hops=(NextHopPicture("mx:25", "up", 2),), **changes)
    picture = NodePicture(
        "mx1", "1", 100.0, 50.0, sessions, 1, SpoolPicture("/s", "ok", 1, 1), NoticesPicture(1, 2, 3), (domain,)
    )
    return json.loads(json.dumps(as_json(picture)))


class Case(SynchronousTestCase):
    """Three workers that answer as the test says.

    :ivar answers: by worker: a response, or none.
    :ivar asked: worker, method and target, in order.
    """

    def setUp(self) -> None:
        self.made = MadeUpCrew(3)
        self.made.all_up()
        self.answers: dict[int, Response | None] = {}
        self.asked: list[tuple[int, str, bytes]] = []
        self.router = WorkersRouter(self.made.crew, self.ask)

    def ask(self, number: int, method: str, target: bytes, body: bytes, seconds: float) -> Deferred[Response]:
        """Answer for a worker."""
        self.asked.append((number, method, target))
        answer = self.answers.get(number, Response(200, {"worker": number}))
        return fail(NoAnswer("it did not answer in time")) if answer is None else succeed(answer)

    def answer(self, method: str, path: str, **answers: Response | None) -> Response:
        """Ask all; answers by ``_1``, ``_2`` and so on."""
        self.answers = {int(name[1:]): answer for name, answer in answers.items()}
        return self.ask_all(method, path, b"")

    def ask_all(self, method: str, path: str, body: bytes) -> Response:
        """Ask; they answer as `answers` has it."""
        return self.successResultOf(
            Deferred.fromCoroutine(self.router.answer(method, f"/api/v1/{path}".encode(), body))
        )

    def whom(self) -> list[int]:
        """Give who was asked."""
        return [number for number, _, _ in self.asked]


class WhomTests(Case):
    """Who is asked."""

    def test_what_nobody_declared_goes_to_the_leader(self) -> None:
        """A path that the table does not know is the leader's to answer, also when another leads by now."""
        self.assertEqual(self.answer("GET", "recipients/example.com").value, {"worker": 1})
        self.made.running(1).end(1)
        self.assertEqual(self.answer("GET", "recipients/example.com").value, {"worker": 2})
        self.assertEqual(self.whom(), [1, 2])

    def test_a_message_is_where_it_is(self) -> None:
        """All are asked, and who has it answers, though another does not answer at all."""
        found = Response(200, {"id": "x"})
        self.assertEqual(self.answer("GET", "messages/x", _1=UNKNOWN, _2=found, _3=None).value, {"id": "x"})
        busy = refusal(Refused(409, "in_flight", "busy"))
        self.assertEqual(self.answer("POST", "messages/x/hold", _1=UNKNOWN, _2=busy, _3=UNKNOWN).status, 409)
        self.assertEqual(self.answer("DELETE", "messages/x", _1=UNKNOWN, _2=UNKNOWN, _3=UNKNOWN).status, 404)

    def test_a_message_that_may_be_with_the_silent_one(self) -> None:
        """When nobody has it and one does not answer, that is said, not that there is no such message."""
        answer = self.answer("GET", "messages/x", _1=UNKNOWN, _2=None, _3=UNKNOWN)
        self.assertEqual(answer.status, 503)
        self.assertIn("worker 2 does not answer", answer.value["error"]["message"])

    def test_decisions_go_to_all(self) -> None:
        """A ban taken back, an entry made: all hear it now, with or without the hub."""
        for method, path in (("POST", "entries"), ("DELETE", "entries/192.0.2.1"), ("POST", "sources/x/release")):
            self.asked = []
            said = Response(200, {"revoked": True, "released": 1})
            answer = self.answer(method, path, _1=said, _2=said, _3=said)
            self.assertEqual((answer.status, self.whom()), (200, [1, 2, 3]))

    def test_a_drain_is_as_far_as_the_slowest(self) -> None:
        """All are drained, their figures are added, and the phase is that of the worker with the most before it."""
        phases = [
            Response(200, {"phase": phase, "sessions": 1, "left": left, "handed_over": 2})
            for phase, left in (("drained", 0), ("handing over", 3), ("waiting", 4))
        ]
        answer = self.answer("POST", "drain", _1=phases[0], _2=phases[1], _3=phases[2])
        self.assertEqual(self.whom(), [1, 2, 3])
        self.assertEqual(answer.value, {"phase": "handing over", "sessions": 3, "left": 7, "handed_over": 6})

    def test_a_silent_worker_blocks_nothing(self) -> None:
        """It is named, and what the others did stands; one that is not there is named too."""
        flushed = Response(200, {"domain": "example.com", "due": 2})
        answer = self.answer("POST", "domains/example.com/flush", _1=flushed, _2=None, _3=flushed)
        self.assertEqual(answer.value, {"domain": "example.com", "due": 4, "silent": [2]})
        self.made.running(3).end(1)
        answer = self.answer("POST", "domains/example.com/flush", _1=flushed, _2=flushed)
        self.assertEqual(answer.value["silent"], [3])

    def test_a_refusal_is_given_when_all_refuse(self) -> None:
        """The leader's words."""
        unknown = refusal(Refused(404, "unknown_domain", "no"))
        answer = self.answer("POST", "domains/x/drill", _1=unknown, _2=unknown, _3=unknown)
        self.assertEqual((answer.status, answer.value["error"]["message"]), (404, "no"))

    def test_nobody_answers(self) -> None:
        """That is 503 with a reason, whatever was asked."""
        for path in ("status", "queue", "messages/x", "recipients/x"):
            answer = self.answer("GET", path, _1=None, _2=None, _3=None)
            self.assertEqual((answer.status, answer.value["error"]["code"]), (503, "silent"), path)
        for number in (1, 2, 3):
            self.made.running(number).end(1)
        for method, path in (("GET", "status"), ("GET", "messages/x"), ("POST", "reload"), ("GET", "x")):
            self.assertEqual(self.answer(method, path).status, 503, path)


class ReloadTests(Case):
    """A reload, whole or not at all."""

    def test_the_leader_tries_first(self) -> None:
        """What it refuses nobody else is asked to take."""
        refused = refusal(Refused(409, "configuration_refused", "The configuration was not changed.", ["a fault"]))
        answer = self.answer("POST", "reload", _1=refused)
        self.assertEqual((answer.status, answer.value["error"]["hints"], self.whom()), (409, ["a fault"], [1]))

    def test_the_others_follow(self) -> None:
        """When it has taken it, the others are asked."""
        done = Response(200, {"changes": ["x"]})
        answer = self.answer("POST", "reload", _1=done, _2=done, _3=None)
        self.assertEqual((answer.value, self.whom()), ({"changes": ["x"], "silent": [3]}, [1, 2, 3]))

    def test_one_that_does_not_follow_is_told(self) -> None:
        """That workers go by unlike configurations is never passed over."""
        done = Response(200, {"changes": []})
        refused = refusal(Refused(409, "configuration_refused", "no", ["disk"]))
        answer = self.answer("POST", "reload", _1=done, _2=done, _3=refused)
        self.assertEqual((answer.status, answer.value["error"]["hints"]), (409, ["disk"]))


class StatusTests(Case):
    """The node's picture."""

    def test_sums(self) -> None:
        """Sessions, queues and connections are added up, the worst state is the node's, the oldest mail the oldest."""
        answer = self.answer(
            "GET",
            "status",
            _1=Response(200, node_picture(3, queued=2, oldest=10.0)),
            _2=Response(200, node_picture(4, queued=5, oldest=7.0, reason="it is mute")),
            _3=Response(200, {**node_picture(), "hub": {**node_picture()["hub"], "state": "degraded"}}),
        ).value
        (domain,) = answer["domains"]
        self.assertEqual((answer["sessions"], answer["notices"]["queued"]), (7, 3))
        self.assertEqual((domain["queued"], domain["oldest"], domain["next_hops"][0]["connections"]), (7, 7.0, 6))
        self.assertEqual(answer["hub"]["state"], "degraded")
        self.assertEqual([(one["number"], one["state"]) for one in answer["workers"]], [(n, "up") for n in (1, 2, 3)])
        self.assertEqual([one["leads"] for one in answer["workers"]], [True, False, False])

    def test_what_is_wrong_with_a_worker(self) -> None:
        """One that does not answer, and one that is not there, are shown and are alarms."""
        self.made.running(3).end(1)
        answer = self.answer("GET", "status", _1=Response(200, node_picture(1)), _2=None).value
        self.assertEqual([one["state"] for one in answer["workers"]], ["up", "silent", "down"])
        self.assertEqual(answer["alarms"], ["worker 2 is silent", "worker 3 is down"])

    def test_breaker_at_its_worst(self) -> None:
        """A server that one worker takes to be down is shown so."""
        pictures = [node_picture(), node_picture()]
        pictures[1]["domains"][0]["breaker"] = "open"
        self.assertEqual(sums.status([(1, pictures[0]), (2, pictures[1])])["domains"][0]["breaker"], "open")


NAME = st.tuples(st.sampled_from(["a.test", "b.test"]), st.integers(0, 30))


def page_of(queue: list[tuple[str, str]], after: str | None, limit: int) -> Any:
    """Answer as one worker does: in order, after a place, so many at most."""
    domain, _, name = (after or "").rpartition("/")
    rest = [one for one in sorted(queue) if one > (domain, name)]
    shown = rest[:limit]
    messages = [asdict(QueuedPicture(f"{n}", d, "waiting", 0.0, 0.0, 1, name=n)) for d, n in shown]
    return {
        "messages": messages,
        "total": len(queue),
        "after": f"{shown[-1][0]}/{shown[-1][1]}" if len(shown) == limit else None,
    }


class CountsTests(Case):
    """What all have counted, of which dashboards make rates."""

    def status_of(self, **counts: CountsPicture | None) -> Any:
        """Ask for the status; each worker says what it counted, or nothing."""
        answers = {
            name: None if count is None else Response(200, {**node_picture(), "counts": asdict(count)})
            for name, count in counts.items()
        }
        return self.answer("GET", "status", **answers).value["counts"]

    def test_counts_are_added(self) -> None:
        """Numbers and each defence's numbers are those of all."""
        some = CountsPicture(accepted=2, refused={"harvest": 1})
        more = CountsPicture(accepted=3, refused={"harvest": 4, "relay": 1})
        counts = self.status_of(_1=some, _2=more, _3=CountsPicture())
        self.assertEqual((counts["accepted"], counts["refused"]), (5, {"harvest": 5, "relay": 1}))

    def test_counts_never_fall(self) -> None:
        """A worker that says nothing, and one that was started anew and begins at nought, take nothing away."""
        five, none = CountsPicture(accepted=5, refused={"relay": 5}), CountsPicture()
        self.assertEqual(self.status_of(_1=five, _2=five, _3=five)["accepted"], 15)
        self.assertEqual(self.status_of(_1=five, _2=None, _3=five)["accepted"], 15)
        self.made.crew.workers[1].starts += 1
        counts = self.status_of(_1=five, _2=none, _3=five)
        self.assertEqual((counts["accepted"], counts["refused"]), (15, {"relay": 15}))
        self.assertEqual(self.status_of(_1=five, _2=CountsPicture(accepted=1), _3=five)["accepted"], 16)


class QueueTests(SynchronousTestCase):
    """Merged pages."""

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.lists(NAME, max_size=12, unique=True), min_size=1, max_size=3), st.integers(1, 6))
    def test_every_message_once_in_order(self, written: list[list[tuple[str, int]]], limit: int) -> None:
        """Page after page, all messages of all workers come once, by domain and time of arrival."""
        queues = [
            [(domain, f"{1000000000 + at}.w{number}") for domain, at in queue] for number, queue in enumerate(written)
        ]
        seen: list[tuple[str, str]] = []
        after: str | None = None
        for _ in range(50):
            page = sums.queue([(n, page_of(queue, after, limit)) for n, queue in enumerate(queues)], limit)
            self.assertLessEqual(len(page["messages"]), limit)
            seen += [(one["domain"], one["name"]) for one in page["messages"]]
            after = page["after"]
            if after is None:
                break
        self.assertEqual(seen, sorted(one for queue in queues for one in queue))
        self.assertEqual(page["total"], len(seen))
