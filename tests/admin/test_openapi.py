"""The description of the API, held against the table of routes; and that no route escapes the table."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router, declared_routes
from shieldrelay.admin.openapi import OPEN, document
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Route
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_members import MemoryMembers
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences


async def _nothing(_call: object) -> object:
    return {}


class DescriptionTests(SynchronousTestCase):
    """``/api/v1/openapi.json``."""

    def test_every_route_is_declared(self) -> None:
        """What a node answers is in the table that callers are held to, with the same role and reach."""
        router = control_router(
            MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal(), MemoryParts(),
            MemoryMembers(),
        )  # fmt: skip
        declared = {(each.method, each.pattern): (each.needs, each.reach) for each in declared_routes()}
        for route in router.routes:
            self.assertEqual(declared[route.method, route.pattern], (route.needs, route.reach))

    def test_a_change_needs_more_than_a_look(self) -> None:
        """No route that changes something is open to who may only look."""
        for route in declared_routes():
            if route.method != "GET":
                self.assertTrue(route.needs.covers(Role.OPERATE), route.pattern)

    def test_a_route_that_names_a_domain_reaches_by_it(self) -> None:
        """A path with a domain in it is held to that domain, and a query with one too."""
        for route in declared_routes():
            if "{domain}" in route.pattern:
                self.assertIn(route.reach, (Reach.PATH, Reach.NODE), route.pattern)
            if any(each.name == "domain" for each in route.query):
                self.assertIn(route.reach, (Reach.QUERY, Reach.NODE), route.pattern)

    def test_an_undeclared_route_cannot_be_made(self) -> None:
        """A route without a role or a reach, or with a reach that its path cannot have, is none."""
        self.assertRaises(TypeError, Route, "GET", "/x", _nothing, words="")
        for reach in (Reach.PATH, Reach.QUERY, Reach.MESSAGE, Reach.NARROWED):
            self.assertRaises(ValueError, Route, "GET", "/x", _nothing, needs=Role.VIEW, reach=reach, words="")
        self.assertRaises(ValueError, Route, "POST", "/x", _nothing, needs=Role.VIEW, reach=Reach.ANSWER, words="")

    def test_the_description_is_whole(self) -> None:
        """Every route is described once, by a name of its own; every reference leads somewhere; nothing is open."""
        routes = declared_routes()
        made = document(routes)
        operations = [each for path in made["paths"].values() for each in path.values()]
        self.assertEqual(len(operations), len(routes))
        self.assertEqual(len({each["operationId"] for each in operations}), len(routes))
        for reference in re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', json.dumps(made)):
            self.assertIn(reference[1], made["components"][reference[0]])
        self.assertEqual([each for each in operations if "security" in each], [])
        self.assertEqual(OPEN, (("POST", "/api/v1/session"),))

    def test_answers_are_as_described(self) -> None:
        """The status has exactly the fields that the description says it has."""
        made = document(declared_routes())
        shown = self.successResultOf(_status())
        self.assertEqual(set(shown), set(made["components"]["schemas"]["Node"]["required"]))


def _status() -> Deferred[Any]:
    router = control_router(
        MemoryAppliance(), MemoryDefences(), MemoryRecipients(), MemoryReports(), ListJournal()
    )
    asked = Deferred.fromCoroutine(router.answer("GET", b"/api/v1/status"))
    return asked.addCallback(lambda response: response.value)
