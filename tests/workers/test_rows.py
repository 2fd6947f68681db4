"""The table of who is asked for each route, held against the routes that there are."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.router import Response
from shieldrelay.workers.rows import ROWS, Whom
from tests.workers.test_router import UNKNOWN, Case

ROOT = "/api/v1/"


class TableTests(SynchronousTestCase):
    """`ROWS`."""

    def test_every_route_has_a_row(self) -> None:
        """A node with workers answers each route as somebody decided, and the table has no row without a route."""
        routes = {(one.method, one.pattern.removeprefix(ROOT)) for one in declared_routes()}
        self.assertEqual(routes, set(ROWS))

    def test_what_changes_mail_asks_who_has_it(self) -> None:
        """Each route about one message goes to the worker that has it."""
        for (_, pattern), row in ROWS.items():
            self.assertEqual(row.whom is Whom.HOLDER, pattern.startswith("messages/{id}"), pattern)

    def test_answers_of_all_can_be_merged(self) -> None:
        """Where all are asked, it is said what is made of their answers, and only there."""
        for (_, pattern), row in ROWS.items():
            self.assertEqual(row.whom is Whom.ALL, row.merge is not None, pattern)


class AskedTests(Case):
    """Rows that need more than a path."""

    def test_a_report_about_a_message_goes_to_who_took_it(self) -> None:
        """By the message's id all are asked, since one of them remembers it; by an address the leader alone."""
        counted = Response(200, {"counted": True})
        self.answers = {1: UNKNOWN, 2: counted, 3: UNKNOWN}
        body = json.dumps({"token": "t", "opinion": "spam", "message": "x"}).encode()
        answer = self.ask_all("POST", "domains/example.com/reports", body)
        self.assertEqual((answer.value, self.whom()), ({"counted": True}, [1, 2, 3]))
        self.asked, self.answers = [], {}
        self.ask_all("POST", "domains/example.com/reports", b'{"address": "192.0.2.1"}')
        self.assertEqual(self.whom(), [1])

    def test_a_mode_is_set_by_all_or_none(self) -> None:
        """The leader tries it first; what it refuses nobody is asked for, and what it did the parent reads again."""
        read: list[str] = []
        self.router.reloaded = lambda: read.append("again")
        self.answers = dict.fromkeys((1, 2, 3), Response(409, {"error": {"hints": []}}))
        self.assertEqual(self.ask_all("POST", "defences/harvest", b"{}").status, 409)
        self.assertEqual((self.whom(), read), ([1], []))
        self.answers = dict.fromkeys((1, 2, 3), Response(200, {"mode": "observe"}))
        self.assertEqual(self.ask_all("POST", "defences/harvest", b"{}").status, 200)
        self.assertEqual((self.whom(), read), ([1, 1, 2, 3], ["again"]))

    def test_a_domain_given_to_the_leader_is_read_again_by_the_parent(self) -> None:
        """Who may ask for it, and what is shown as in force, follows."""
        read: list[str] = []
        self.router.reloaded = lambda: read.append("again")
        self.ask_all("DELETE", "pushed/example.com", b"")
        self.assertEqual((self.whom(), read), ([1], ["again"]))
