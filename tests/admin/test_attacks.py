"""Attacks on the administration: each is tried as an attacker would, over TCP."""

from __future__ import annotations

import json
import socket

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.threads import deferToThread

from shieldrelay.admin import web_channel
from shieldrelay.admin.limits import PERIOD_SECONDS, SOURCE_FAILURES, USER_FAILURES, Attempts
from shieldrelay.admin.roles import Role
from tests.admin.fakes import HOSTILE
from tests.admin.web_case import PASSWORD, TENANT, Steps, WebCase, session_of

FLUSH = f"/api/v1/domains/{TENANT}/flush"


class ForeignPageTests(WebCase):
    """CSRF: a browser that is logged in is led to a page of the attacker's."""

    @inlineCallbacks
    def test_a_foreign_page_changes_nothing(self) -> Steps:
        """Without the second secret, with a wrong one, or from another origin nothing is changed."""
        made = yield self.log_in()
        shown = session_of(made)
        cookie = {"Cookie": shown["Cookie"]}
        for fields, code in (
            (cookie, "csrf"),
            ({**cookie, "X-CSRF-Token": "x" * 43}, "csrf"),
            ({**shown, "Origin": "https://evil.example"}, "foreign_page"),
            ({**shown, "Origin": "null"}, "foreign_page"),
            ({**shown, "Sec-Fetch-Site": "cross-site"}, "foreign_page"),
            ({**shown, "Sec-Fetch-Site": "same-site"}, "foreign_page"),
        ):
            answer = yield self.ask("POST", FLUSH, {}, fields)
            self.assertEqual((answer.status, answer.code), (403, code), fields)
        self.assertEqual(self.appliance.flushed, [])
        answer = yield self.ask("POST", FLUSH, {}, {**shown, "Origin": f"http://127.0.0.1:{self.port}"})
        self.assertEqual(answer.status, 200)

    @inlineCallbacks
    def test_a_form_is_not_understood(self) -> Steps:
        """What a form of any page can send is no log-in and no action, whatever its fields are."""
        made = yield self.log_in()
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""):
            answer = yield self.ask("POST", FLUSH, b'{"a": 1}', {**session_of(made), "Content-Type": kind})
            self.assertEqual(answer.status, 415, kind)
            body = json.dumps({"user": "alice", "password": PASSWORD}).encode()
            answer = yield self.ask("POST", "/api/v1/session", body, {"Content-Type": kind})
            self.assertEqual(answer.status, 415, kind)

    @inlineCallbacks
    def test_no_page_may_read_or_frame_us(self) -> Steps:
        """No answer allows another origin, a frame, a script from elsewhere or a guessed type, the 401 as little."""
        for target, fields in (("/api/v1/status", self.token()), ("/api/v1/status", {}), ("/", {}), ("/x", {})):
            answer = yield self.ask("GET", target, None, {**fields, "Origin": "https://evil.example"})
            self.assertNotIn("access-control-allow-origin", answer.fields)
            self.assertEqual(answer.fields["x-content-type-options"], "nosniff")
            self.assertEqual(answer.fields["x-frame-options"], "DENY")
            self.assertNotIn("unsafe", answer.fields["content-security-policy"])
            self.assertIn("default-src 'none'", answer.fields["content-security-policy"])
        answer = yield self.ask("OPTIONS", "/api/v1/status", None, {"Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.status, 401)


class StoredTests(WebCase):
    """What strangers wrote in HELO, addresses and subjects, shown to an operator."""

    @inlineCallbacks
    def test_hostile_strings_stay_strings(self) -> Steps:
        """Scripts and control characters of senders come as JSON in ASCII, of a type that no browser runs."""
        self.appliance.messages["M0"] = self.appliance.messages["M0"].__class__(
            **{
                **{name: getattr(self.appliance.messages["M0"], name)
                   for name in self.appliance.messages["M0"].__annotations__},
                "sender": "<script>alert(1)</script>@x", "header": f"Subject: </script>{HOSTILE}\u2028\r\n",
            }
        )  # fmt: skip
        answer = yield self.ask("GET", "/api/v1/messages/M0", None, self.token())
        self.assertEqual(answer.fields["content-type"], "application/json")
        self.assertTrue(all(32 <= octet < 127 or octet == 10 for octet in answer.octets))
        self.assertEqual(answer.value["sender"], "<script>alert(1)</script>@x")

    @inlineCallbacks
    def test_nothing_of_a_request_gets_into_a_head(self) -> Steps:
        """Line ends in a path, a query or a cookie do not become header fields, and what is echoed is JSON."""
        shown = self.token()["Authorization"]
        for target in ("/api/v1/messages/a%0d%0aX-Evil:%201", "/api/v1/status?x=%0d%0aX-Evil:1", "/%0d%0aX-Evil:1"):
            answer = yield self.raw(
                f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {shown}\r\nCookie: a=\x0bX-Evil: 1\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            head = answer.partition(b"\r\n\r\n")[0]
            self.assertNotIn(b"x-evil", head.lower())

    @inlineCallbacks
    def test_paths_lead_nowhere(self) -> Steps:
        """Dots, slashes and NULs in a path reach no file and no other route."""
        for target in (
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/\\..\\x",
            "/api/../etc/passwd", "/api/v1/%2e%2e/%2e%2e/etc/passwd", "/api/v1/parts/..%2f..%2fx/adopt", "/%00",
            "/api/v1/messages/..%2fM0", "/api/v1/recipients/..%2f..%2fetc/import", "/api/v1/tokens/..%2fx",
        ):  # fmt: skip
            for method in ("GET", "POST"):
                answer = yield self.ask(method, target, None, self.token(name=f"{method}{abs(hash(target))}"))
                self.assertIn(answer.status, (404, 405), target)
                self.assertNotIn(b"root:", answer.octets)


class GuessingTests(WebCase):
    """Brute force."""

    @inlineCallbacks
    def test_guessing_is_stopped_by_source(self) -> Steps:
        """After some failures a source is not heard, with the right password either, until some time is over."""
        for _ in range(SOURCE_FAILURES):
            answer = yield self.log_in(password="wrong")
            self.assertEqual((answer.status, answer.code), (401, "wrong_password"))
        answer = yield self.log_in()
        self.assertEqual((answer.status, answer.code), (429, "too_many_failures"))
        self.assertGreater(int(answer.fields["retry-after"]), 0)
        self.seconds += PERIOD_SECONDS / SOURCE_FAILURES + 1
        answer = yield self.log_in()
        self.assertEqual(answer.status, 200)

    @inlineCallbacks
    def test_many_at_once_are_as_many_one_after_the_other(self) -> Steps:
        """Guesses that come at the same time are counted before the first is looked at."""
        answers = yield gatherResults([self.log_in(password=f"wrong{each}") for each in range(SOURCE_FAILURES + 5)])
        self.assertEqual(sum(each.status == 401 for each in answers), SOURCE_FAILURES)

    @inlineCallbacks
    def test_guessed_tokens_count(self) -> Steps:
        """Tokens that are none are counted like passwords, and the right one is not heard either meanwhile."""
        for each in range(SOURCE_FAILURES):
            yield self.ask("GET", "/api/v1/status", None, {"Authorization": f"Bearer srt_{each}"})
        answer = yield self.ask("GET", "/api/v1/status", None, self.token())
        self.assertEqual(answer.status, 429)

    def test_strangers_cannot_lock_a_user_out(self) -> None:
        """Failures in a user's name from many sources stop strangers, and not the source that the user comes from."""
        attempts = Attempts(lambda: 0.0)
        attempts.came_in("192.0.2.1", "alice")
        for each in range(USER_FAILURES):
            self.assertEqual(attempts.wait(f"198.51.100.{each}", "alice"), 0)
            attempts.failed(f"198.51.100.{each}", "alice")
        self.assertGreater(attempts.wait("198.51.100.99", "alice"), 0)
        self.assertEqual(attempts.wait("198.51.100.99", "bob"), 0)
        self.assertEqual(attempts.wait("192.0.2.1", "alice"), 0)

    @inlineCallbacks
    def test_unknown_users_are_answered_alike(self) -> Steps:
        """A user that is none is answered as one whose password is wrong, after the same work."""
        known = yield self.log_in(password="wrong")
        unknown = yield self.log_in("nobody", "wrong")
        self.assertEqual((known.status, known.octets), (unknown.status, unknown.octets))


class SizeTests(WebCase):
    """Large, slow and many."""

    @inlineCallbacks
    def test_strangers_send_little(self) -> Steps:
        """Who has not shown who they are gets 413 for a body of any size but a log-in's; it is not kept."""
        answer = yield self.ask("POST", "/api/v1/reload", b" " * 9000)
        self.assertEqual(answer.status, 413)
        head = b"POST /api/v1/recipients/example.test/push?change=add HTTP/1.1\r\nHost: x\r\n"
        answer = yield self.raw(head + b"Content-Length: 3000000\r\n\r\n" + bytes(3_000_000))
        self.assertNotIn(b" 200 ", answer)

    @inlineCallbacks
    def test_who_may_sends_no_more_than_a_route_takes(self) -> Steps:
        """A body beyond the route's is 413 for everybody, announced or in chunks."""
        answer = yield self.ask("POST", "/api/v1/reload", b" " * ((1 << 20) + 1), self.token())
        self.assertEqual(answer.status, 413)
        shown = self.token()["Authorization"].encode()
        head = b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nAuthorization: " + shown
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        answer = yield self.raw(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 80)
        self.assertNotIn(b" 200 ", answer)

    @inlineCallbacks
    def test_slow_clients_are_cut_off(self) -> Steps:
        """A client that sends its head octet by octet, or nothing, is cut off after the declared time."""
        self.patch(web_channel, "LIFE_SECONDS", 0.5)
        for first in (b"", b"GET /api/v1/status HT", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"):
            answer = yield self.raw(first)
            self.assertNotIn(b" 200 ", answer)
        self.assertEqual(len(self.factory._open), 0)

    @inlineCallbacks
    def test_many_connections_of_a_source_are_refused(self) -> Steps:
        """Beyond a number of connections a source gets none; the others are served on, and it is told once."""
        self.patch(web_channel, "CONNECTIONS_OF_SOURCE", 3)
        held = yield deferToThread(self._hold, 3)
        try:
            for _ in range(2):
                answer = yield self.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(answer, b"")
            self.assertEqual(len(self.journal.named("admin_connections")), 1)
        finally:
            for each in held:
                each.close()

    def test_a_network_is_one_source(self) -> None:
        """All addresses of an IPv6 /64 are one source, another /64 is not; places come free one by one."""
        self.patch(web_channel, "CONNECTIONS_OF_SOURCE", 2)
        made = [self.factory.buildProtocol(None) for _ in range(4)]
        hosts = ("2001:db8::1", "2001:db8::ffff:2", "2001:db8::3", "2001:db8:0:1::1")
        for channel, host in zip(made, hosts, strict=True):
            channel.host = host
        self.assertEqual([self.factory.admit(each) for each in made], [True, True, False, True])
        self.factory.let_go(made[0])
        self.assertTrue(self.factory.admit(made[2]))
        for each in made[1:]:
            self.factory.let_go(each)
        self.assertEqual(self.factory._of_source, {})

    @inlineCallbacks
    def test_nonsense_gets_nothing(self) -> Steps:
        """What is no HTTP, has too many fields or too long ones ends its connection; the next one is answered."""
        self.patch(web_channel, "LIFE_SECONDS", 0.5)
        for octets in (
            b"\x16\x03\x01\x02\x00\x01" + bytes(500), b"\0" * 70000,
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n",
            b"GET / HTTP/1.1\r\nA: " + b"x" * 20000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ):  # fmt: skip
            answer = yield self.raw(octets)
            self.assertNotIn(b" 200 ", answer)
        answer = yield self.ask("GET", "/api/v1/status", None, self.token(Role.VIEW))
        self.assertEqual(answer.status, 200)

    def _hold(self, count: int) -> list[socket.socket]:
        made = []
        for _ in range(count):
            caller = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            caller.recv(10)
            made.append(caller)
        return made


