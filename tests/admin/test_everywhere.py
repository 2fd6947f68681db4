"""Claims about acting on the whole cluster through one node."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from shieldrelay.admin.errand import Errand, ErrandFault, errand, response_of, told
from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.router import Document, Response
from tests.admin.cluster_case import ClusterCase
from tests.admin.fakes import a_message

TENANT = "example.test"


class OneTests(ClusterCase):
    """``?node=``."""

    def test_another_node_answers(self) -> None:
        """What it says is the answer; by its own name a node answers itself, and of a strange one nothing is known."""
        self.nodes["mx2"].appliance.messages["only"] = a_message("only", TENANT, 5.0)
        self.assertEqual(self.ask("GET", "messages/only").status, 404)
        self.assertEqual(self.ask("GET", "messages/only?node=mx2").value["id"], "only")
        self.assertEqual(self.ask("GET", "messages/only?node=mx1").status, 404)
        answer = self.ask("GET", "status?node=mx9")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (404, "unknown_node"))

    def test_a_silent_node_is_said_to_be(self) -> None:
        """With why, as a refusal."""
        self.nodes["mx2"].silent = True
        answer = self.ask("POST", f"domains/{TENANT}/flush?node=mx2")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (503, "silent"))
        self.assertIn("did not answer within 20 s", answer.value["error"]["message"])

    def test_who_asks_goes_along(self) -> None:
        """The other node holds the caller to role and domains, by its own routes, and notes them with the node."""
        tom = Caller("tom", Role.OPERATE, frozenset((TENANT,)), way="token", source="192.0.2.8")
        self.assertEqual(self.ask("POST", f"domains/{TENANT}/flush?node=mx2", caller=tom).status, 200)
        self.assertEqual(self.ask("POST", "domains/xn--mnchen-3ya.example/flush?node=mx2", caller=tom).status, 404)
        self.assertEqual(self.ask("POST", "reload?node=mx2", caller=tom).status, 403)
        self.assertEqual(len(self.nodes["mx2"].errands), 2, "what his role forbids goes nowhere")
        status = self.ask("GET", "status?node=mx2", caller=tom).value
        self.assertEqual([one["domain"] for one in status["domains"]], [TENANT])
        noted = self.nodes["mx2"].audit.page(10, None, None).entries
        self.assertEqual({(one.who, one.way, one.source) for one in noted}, {("tom", "peer", "mx1")})
        here = self.nodes["mx1"].audit.page(10, None, None).entries
        self.assertIn((f"POST /api/v1/domains/{TENANT}/flush on mx2", 200), [(one.action, one.status) for one in here])

    def test_a_change_says_who_wanted_it(self) -> None:
        """Whatever the request names."""
        body = {"kind": "deny", "network": "192.0.2.0/24", "by": "somebody else"}
        self.assertEqual(self.ask("POST", "entries?node=mx2", body).value["by"], "alice")

    def test_what_is_a_nodes_own(self) -> None:
        """Tokens are not made elsewhere, lists not pushed elsewhere, and live events not heard from elsewhere."""
        for method, path in (
            ("GET", "tokens"), ("POST", "tokens"), ("GET", "events"), ("POST", f"recipients/{TENANT}/push"),
        ):  # fmt: skip
            answer = self.ask(method, f"{path}?node=mx2")
            self.assertEqual(answer.status, 400, path)
        self.assertEqual(self.nodes["mx2"].errands, [])
        asked = Errand(self.alice, "GET", b"/api/v1/tokens", b"", "mx2").encode()
        response = self.successResultOf(self.deferred(self.nodes["mx1"].warden.errand(asked)))
        self.assertEqual((response.status, response.value["error"]["code"]), (400, "not_elsewhere"))


class AllTests(ClusterCase):
    """``?everywhere=true``."""

    def test_lists_are_one_list(self) -> None:
        """Each row says whose it is; who is silent is shown as such, and holds nobody up."""
        self.nodes["mx3"].silent = True
        answer = self.ask("GET", "queue?everywhere=true").value
        self.assertEqual(answer["total"], 6)
        self.assertEqual([one["node"] for one in answer["messages"] if one["id"] == "M0"], ["mx1", "mx2"])
        self.assertEqual([(one["node"], one["status"]) for one in answer["nodes"]],
                         [("mx1", 200), ("mx2", 200), ("mx3", 0)])  # fmt: skip
        self.assertIn("within 2 s", answer["nodes"][2]["trouble"])

    def test_pages_go_on_with_each_node(self) -> None:
        """Following ``after`` shows every row of every node once."""
        self.nodes["mx2"].appliance.messages["more"] = a_message("more", TENANT, 9e9)
        seen: list[tuple[str, str]] = []
        after = ""
        for _ in range(10):
            page = self.ask("GET", f"queue?everywhere=1&limit=1{after}").value
            seen += [(one["node"], one["id"]) for one in page["messages"]]
            if page["after"] is None:
                break
            after = f"&after={page['after']}"
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(len(seen), 10)
        for nonsense in ("x", "e30=", "W10="):
            self.assertEqual(self.ask("GET", f"queue?everywhere=true&after={nonsense}").status, 400)

    def test_anything_else_is_shown_node_by_node(self) -> None:
        """With each node's whole answer."""
        self.nodes["mx2"].silent = True
        nodes = self.ask("GET", "status?everywhere=true").value["nodes"]
        self.assertEqual([(one["node"], "answer" in one) for one in nodes],
                         [("mx1", True), ("mx2", False), ("mx3", True)])  # fmt: skip
        self.assertEqual(nodes[2]["answer"]["node"], "mx1.shield.example")

    def test_a_message_is_acted_on_where_it_is(self) -> None:
        """Once, by the node that has it, named in the answer; asked again it comes to the same."""
        for name in ("mx1", "mx3"):
            self.nodes[name].appliance.messages.clear()
        self.nodes["mx1"].silent = False
        for _ in range(2):
            answer = self.ask("POST", "messages/M0/hold?everywhere=true")
            self.assertEqual((answer.status, answer.value), (200, {"id": "M0", "state": "held", "node": "mx2"}))
        self.assertEqual([one.method for one in self.nodes["mx3"].errands], ["GET", "GET"])
        self.assertEqual(self.ask("GET", "messages/M0?everywhere=true").value["state"], "held")
        self.assertEqual(self.ask("DELETE", "messages/M0?everywhere=true").value["state"], "deleted")
        self.assertEqual(self.ask("DELETE", "messages/M0?everywhere=true").status, 404)

    def test_a_message_that_may_be_with_the_silent_one(self) -> None:
        """Then that is said, not that there is none."""
        self.nodes["mx2"].silent = True
        answer = self.ask("POST", "messages/other/hold?everywhere=true")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (503, "silent"))
        self.assertIn("mx2", answer.value["error"]["message"])

    def test_a_file_comes_from_where_it_is(self) -> None:
        """As the octets that the other node has."""
        for name in ("mx1", "mx3"):
            self.nodes[name].appliance.messages.clear()
        answer = self.ask("GET", "messages/M0/eml?everywhere=true")
        assert isinstance(answer.value, Document)
        self.assertEqual((answer.status, answer.kind), (200, "message/rfc822"))
        self.assertIn(b"Subject", answer.value.octets)
        self.assertEqual(self.nodes["mx2"].audit.page(1, None, None).entries[0].who, "alice")

    def test_an_action_on_all(self) -> None:
        """Each node does it, and says what came of it; a refusal by all is a refusal."""
        answer = self.ask("POST", f"domains/{TENANT}/flush?everywhere=true").value
        self.assertEqual([one["answer"]["due"] for one in answer["nodes"]], [2, 2, 2])
        refused = evolve(self.nodes["mx1"].appliance.reloaded, changes=(), errors=("line 3",))
        for node in self.nodes.values():
            node.appliance.reloaded = refused
        self.assertEqual(self.ask("POST", "reload?everywhere=true").status, 409)

    def test_nonsense_is_refused(self) -> None:
        """One of both parameters is wanted, and a truth value is one."""
        for query in ("node=mx2&everywhere=true", "everywhere=perhaps"):
            self.assertEqual(self.ask("GET", f"status?{query}").status, 400, query)


    def test_a_node_of_another_version_is_no_trouble_to_others(self) -> None:
        """Lists that are none, or whose rows lack what they are sorted by, are shown as not understood."""
        unlike = [{"domain": 1, "name": 2}, {"domain": "", "name": ""}]
        values: tuple[Any, ...] = (
            [], {}, {"messages": None}, {"messages": [1]}, {"messages": [{"domain": "x"}]}, {"messages": unlike},
            {"messages": [], "total": "x"},
        )  # fmt: skip
        for value in values:
            answer = self.with_strange(Response(200, value))
            self.assertEqual((answer.status, answer.value["total"]), (200, 6), value)
            self.assertIn("not understood", answer.value["nodes"][1]["trouble"])
        answer = self.with_strange(Response(200, {"messages": unlike[:1]}))
        self.assertEqual((answer.status, len(answer.value["messages"])), (200, 7))

    def with_strange(self, said: Response) -> Response:
        """Ask all for their queues; ``mx2`` says this."""

        async def strange(_octets: bytes) -> Response:
            return said

        self.patch(self.nodes["mx2"].warden, "errand", strange)
        return self.ask("GET", "queue?everywhere=true")


class ErrandTests(ClusterCase):
    """What goes from node to node."""

    def test_nonsense_from_a_peer_is_refused(self) -> None:
        """Octets that are no errand, and answers that are none, are faults and nothing else."""
        good = Errand(self.alice, "GET", b"/api/v1/status", b"", "mx1").encode()
        other = good.replace(b"admin", b"root"), good.replace(b'"target"', b'"t"')
        for octets in (b"", b"[]", b"{", b"[" * 9999, *other):
            self.assertRaises(ErrandFault, errand, octets)
            response = self.successResultOf(self.deferred(self.nodes["mx1"].warden.errand(octets)))
            self.assertEqual(response.status, 400)
        for value in ({}, {"status": 99, "allow": []}, {"status": 404, "allow": [], "value": {}}, None):
            self.assertRaises(ErrandFault, response_of, value)
            self.assertRaises(ErrandFault, told, {"node": "x", "answer": value})

    def test_an_errand_cannot_be_sent_on(self) -> None:
        """A node that is asked answers for itself alone."""
        asked = Errand(self.alice, "GET", b"/api/v1/status?everywhere=true", b"", "mx1").encode()
        self.successResultOf(self.deferred(self.nodes["mx2"].warden.errand(asked)))
        self.assertEqual(self.nodes["mx3"].errands, [])
