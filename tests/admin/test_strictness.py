"""Requests that are nearly right: what is no value of its kind is refused, and nothing is guessed."""

from __future__ import annotations

from twisted.internet.defer import inlineCallbacks

from shieldrelay.admin.errand import Errand
from shieldrelay.admin.roles import Caller, Role
from tests.admin.web_case import Steps, WebCase


class StrictnessTests(WebCase):
    """Found by requests made from the description."""

    @inlineCallbacks
    def test_a_token_for_no_domain_is_none_for_all(self) -> Steps:
        """Domains that are null, empty, or no strings make no token: without them named it is for all."""
        admin = self.token()
        for domains in (None, [], [None], [1], "example.test"):
            wanted = {"name": "x", "role": "view", "domains": domains}
            answer = yield self.ask("POST", "/api/v1/tokens", wanted, admin)
            self.assertEqual((answer.status, answer.code), (400, "invalid_parameter"), domains)
        answer = yield self.ask("POST", "/api/v1/tokens", {"name": "x", "role": "view"}, admin)
        self.assertEqual(answer.value["domains"], [])

    @inlineCallbacks
    def test_who_wants_it_is_a_line_of_text(self) -> Steps:
        """Also where it is replaced by who asks."""
        wanted = {"kind": "deny", "network": "192.0.2.1", "by": 1}
        answer = yield self.ask("POST", "/api/v1/entries", wanted, self.token())
        self.assertEqual((answer.status, answer.code), (400, "invalid_parameter"))

    @inlineCallbacks
    def test_another_method_is_told_which_there_are(self) -> Steps:
        """The session's path too."""
        answer = yield self.ask("PUT", "/api/v1/session", None, self.token(Role.VIEW))
        self.assertEqual((answer.status, answer.fields["allow"]), (405, "GET, HEAD, POST, DELETE"))

    @inlineCallbacks
    def test_a_target_that_is_too_long_is_said_to_be(self) -> Steps:
        """With a refusal, and the end of the connection."""
        answer = yield self.ask("GET", "/api/v1/queue?after=" + "x" * 20_000, None, self.token(Role.VIEW))
        self.assertEqual((answer.status, answer.code), (400, "too_long"))

    @inlineCallbacks
    def test_nobody_speaks_for_another_over_tcp(self) -> Steps:
        """What a peer's request comes in by at the control socket is no path here, whatever the role."""
        asked = Errand(Caller("alice", Role.ADMIN), "POST", b"/api/v1/reload", b"", "mx2").encode()
        for path in ("errand", "elsewhere", "errand?", "errand/"):
            answer = yield self.ask("POST", f"/api/v1/{path}", asked, self.token())
            self.assertEqual(answer.status, 404, path)
        answer = yield self.ask("POST", "/peer/v1/api", asked, self.token())
        self.assertEqual(answer.status, 405)
        self.assertEqual([each["who"] for each in self.journal.named("audit") if each["who"] == "alice"], [])
