"""Who may do what over TCP: tokens, sessions, roles, domains; and what is noted of it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from shieldrelay.admin import audit, web_events
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.roles import Caller, Role
from tests.admin.fakes import NOW
from tests.admin.web_case import PASSWORD, TENANT, THE_REACTOR, Steps, WebCase, session_of

OTHER = "xn--mnchen-3ya.example"


class TokenTests(WebCase):
    """Programs."""

    @inlineCallbacks
    def test_nobody_gets_nothing(self) -> Steps:
        """Without a token or a session every path of the API is 401, known or not, and the answer says how to ask."""
        for method, target in (("GET", "/api/v1/status"), ("POST", "/api/v1/reload"), ("GET", "/api/v1/nothing")):
            answer = yield self.ask(method, target)
            self.assertEqual((answer.status, answer.code), (401, "unauthenticated"))
            self.assertIn("Bearer", answer.fields["www-authenticate"])

    @inlineCallbacks
    def test_a_token_opens_what_its_role_covers(self) -> Steps:
        """A viewer looks and changes nothing; an operator acts on mail and does not reload; an admin does."""
        flush, reload = f"/api/v1/domains/{TENANT}/flush", "/api/v1/reload"
        wanted = {Role.VIEW: (200, 403, 403), Role.OPERATE: (200, 200, 403), Role.ADMIN: (200, 200, 200)}
        for role, statuses in wanted.items():
            shown = self.token(role)
            got = []
            for method, target in (("GET", "/api/v1/status"), ("POST", flush), ("POST", reload)):
                answer = yield self.ask(method, target, None, shown)
                got.append(answer.status)
            self.assertEqual(tuple(got), statuses, role)

    @inlineCallbacks
    def test_a_revoked_token_opens_nothing(self) -> Steps:
        """A token that is revoked is nobody's at once, and after a restart; another one still is somebody's."""
        kept, lost = self.token(name="kept"), self.token(name="lost")
        answer = yield self.ask("DELETE", "/api/v1/tokens/lost", None, kept)
        self.assertEqual(answer.value, {"name": "lost", "revoked": True})
        answer = yield self.ask("GET", "/api/v1/status", None, lost)
        self.assertEqual((answer.status, answer.code), (401, "unknown_token"))
        again = Tokens(self.folder / "tokens.json", self.journal)
        again.load()
        self.assertEqual([each.name for each in again.all()], ["kept"])
        self.assertIsNotNone(again.caller(kept["Authorization"].split()[1], ""))

    @inlineCallbacks
    def test_tokens_are_kept_as_digests(self) -> Steps:
        """A token is shown once, when made; neither the list nor the file has it; only its user reads the file."""
        wanted = {"name": "ci", "role": "view", "domains": [TENANT.upper()]}
        answer = yield self.ask("POST", "/api/v1/tokens", wanted, self.token())
        secret = answer.value["token"]
        self.assertEqual((answer.value["domains"], answer.value["by"]), ([TENANT], "admin0"))
        answer = yield self.ask("GET", "/api/v1/tokens", None, self.token())
        kept = self.folder / "tokens.json"
        self.assertNotIn(secret, answer.octets.decode() + kept.read_text())
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)

    @inlineCallbacks
    def test_a_name_is_given_once(self) -> Steps:
        """A second token of one name, a role that is none and a name that is none are refused."""
        shown = self.token()
        for body, status in (
            ({"name": "admin0", "role": "view"}, 409),
            ({"name": "x", "role": "root"}, 400),
            ({"name": "../x", "role": "view"}, 400),
            ({"name": "x", "role": "view", "domains": []}, 400),
        ):
            answer = yield self.ask("POST", "/api/v1/tokens", body, shown)
            self.assertEqual(answer.status, status, body)

    def test_a_damaged_file_is_set_aside(self) -> None:
        """A file of tokens that makes no sense is kept aside and told; nobody comes in by it."""
        file = self.folder / "tokens.json"
        for written in ("{", '{"tokens": [{"name": "x"}]}', '{"tokens": {"x": 1}}', "[]"):
            file.write_text(written)
            tokens = Tokens(file, self.journal)
            tokens.load()
            self.assertEqual(tokens.all(), ())
            self.assertEqual(file.with_suffix(".damaged").read_text(), written)
        self.assertEqual(len(self.journal.named("tokens_unreadable")), 4)


class TenantTests(WebCase):
    """Who is limited to a domain."""

    def setUp(self) -> None:
        """Make a token of a tenant's operator."""
        super().setUp()
        self.shown = self.token(Role.ADMIN, TENANT)

    @inlineCallbacks
    def test_the_status_shows_the_tenants_domain(self) -> Steps:
        """A tenant's status has their domain alone, and nothing of the node's disk, alarms or sessions."""
        answer = yield self.ask("GET", "/api/v1/status", None, self.shown)
        value = answer.value
        self.assertEqual([each["domain"] for each in value["domains"]], [TENANT])
        self.assertEqual((value["alarms"], value["sessions"], value["spool"]["path"]), ([], 0, ""))
        self.assertNotIn(OTHER, answer.octets.decode())

    @inlineCallbacks
    def test_the_queue_is_the_tenants(self) -> Steps:
        """The queue is that of the tenant's domain without being asked; another's is as unknown as one that is none."""
        answer = yield self.ask("GET", "/api/v1/queue?limit=50", None, self.shown)
        self.assertEqual({each["domain"] for each in answer.value["messages"]}, {TENANT})
        other = yield self.ask("GET", f"/api/v1/queue?domain={OTHER}", None, self.shown)
        none = yield self.ask("GET", "/api/v1/queue?domain=nothing.example", None, self.shown)
        self.assertEqual((other.status, none.status, other.code), (404, 404, none.code))
        both = self.token(Role.VIEW, TENANT, OTHER)
        answer = yield self.ask("GET", "/api/v1/queue", None, both)
        self.assertEqual((answer.status, answer.code), (400, "domain_missing"))

    @inlineCallbacks
    def test_messages_of_others_are_unknown(self) -> Steps:
        """Another's message is answered as one that is not there, whatever is wanted; nothing happens to it."""
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/hold"), ("POST", "/release")):
            theirs = yield self.ask(method, f"/api/v1/messages/M2{path}", None, self.shown)
            none = yield self.ask(method, f"/api/v1/messages/M9{path}", None, self.shown)
            self.assertEqual((theirs.status, theirs.octets), (404, none.octets))
        self.assertEqual(self.appliance.messages["M2"].state, "waiting")
        own = yield self.ask("POST", "/api/v1/messages/M0/hold", None, self.shown)
        self.assertEqual((own.status, self.appliance.messages["M0"].state), (200, "held"))

    @inlineCallbacks
    def test_the_whole_node_is_out_of_reach(self) -> Steps:
        """What is the node's is refused to a tenant of whatever role, and what is another domain's is unknown."""
        for method, target in (
            ("POST", "/api/v1/reload"), ("GET", "/api/v1/sources"), ("GET", "/api/v1/sources/192.0.2.1"),
            ("GET", "/api/v1/entries"), ("GET", "/api/v1/tokens"), ("GET", "/api/v1/parts"),
        ):  # fmt: skip
            answer = yield self.ask(method, target, None, self.shown)
            self.assertEqual((answer.status, answer.code), (403, "limited"), target)
        answer = yield self.ask("POST", f"/api/v1/domains/{OTHER}/flush", None, self.shown)
        self.assertEqual((answer.status, answer.code, self.appliance.flushed), (404, "unknown_domain", []))
        self.assertNotIn("xn--", answer.value["error"]["hints"])

    @inlineCallbacks
    def test_the_audit_is_the_tenants(self) -> Steps:
        """A tenant sees what was done to their domain, by whomever, and nothing else."""
        admin = self.token(name="boss")
        yield self.ask("POST", f"/api/v1/domains/{OTHER}/flush", None, admin)
        yield self.ask("POST", f"/api/v1/domains/{TENANT}/flush", None, admin)
        answer = yield self.ask("GET", "/api/v1/audit", None, self.shown)
        self.assertEqual([(each["who"], each["domain"]) for each in answer.value["entries"]], [("boss", TENANT)])


class SessionTests(WebCase):
    """People."""

    @inlineCallbacks
    def test_log_in_and_out(self) -> Steps:
        """A log-in gives a cookie that no script reads and no other page sends; it holds until the log-out."""
        made = yield self.log_in()
        self.assertEqual((made.status, made.value["user"], made.value["role"]), (200, "alice", "admin"))
        self.assertRegex(made.fields["set-cookie"], r"^shieldrelay=[\w-]{43}; Path=/; .*HttpOnly; SameSite=Strict$")
        shown = session_of(made)
        status = yield self.ask("GET", "/api/v1/status", None, shown)
        self.assertEqual(status.status, 200)
        changed = yield self.ask("POST", "/api/v1/reload", {}, shown)
        self.assertEqual(changed.status, 200)
        ended = yield self.ask("DELETE", "/api/v1/session", None, shown)
        self.assertEqual(ended.value, {"ended": True})
        status = yield self.ask("GET", "/api/v1/status", None, shown)
        self.assertEqual(status.status, 401)

    @inlineCallbacks
    def test_sessions_end(self) -> Steps:
        """A session ends when it is idle, when its lifetime is over, and when its user is not one any more."""
        made = yield self.log_in("tom")
        self.seconds += 601
        answer = yield self.ask("GET", "/api/v1/session", None, session_of(made))
        self.assertEqual(answer.status, 401)
        made = yield self.log_in("tom")
        for _ in range(7):
            self.seconds += 500
            answer = yield self.ask("GET", "/api/v1/session", None, session_of(made))
        self.assertEqual(answer.status, 200)
        self.seconds += 101
        answer = yield self.ask("GET", "/api/v1/session", None, session_of(made))
        self.assertEqual(answer.status, 401)
        made = yield self.log_in("tom")
        del self.users["tom"]
        answer = yield self.ask("GET", "/api/v1/session", None, session_of(made))
        self.assertEqual((answer.status, len(self.sessions)), (401, 0))

    @inlineCallbacks
    def test_a_user_has_their_role_and_domains(self) -> Steps:
        """A user is held to what the configuration says of them now."""
        made = yield self.log_in("tom")
        self.assertEqual((made.value["role"], made.value["domains"]), ("operate", [TENANT]))
        answer = yield self.ask("POST", f"/api/v1/domains/{OTHER}/flush", {}, session_of(made))
        self.assertEqual(answer.status, 404)
        answer = yield self.ask("POST", f"/api/v1/domains/{TENANT}/flush", {}, session_of(made))
        self.assertEqual((answer.status, self.appliance.flushed), (200, [TENANT]))

    @inlineCallbacks
    def test_an_unreadable_hash_lets_nobody_in(self) -> Steps:
        """A user whose hash is missing or none is not let in, and the journal says why."""
        for written in (None, "", PASSWORD, "scrypt$ln=40,r=8,p=1$AAAA$AAAA", "scrypt$ln=1,r=8,p=1$AAAA$AAA"):
            file = self.folder / "hash"
            file.unlink(missing_ok=True)
            if written is not None:
                file.write_text(written)
            answer = yield self.log_in()
            self.assertEqual(answer.status, 401)
        self.assertEqual(len(self.journal.named("password_unreadable")), 5)


class AuditTests(WebCase):
    """What is noted."""

    @inlineCallbacks
    def test_every_action_is_noted(self) -> Steps:
        """Actions, refusals of rights and log-ins are noted with who, where from, what and the result; looks not."""
        viewer = self.token(Role.VIEW, name="viewer")
        boss = self.token(name="boss")
        yield self.ask("GET", "/api/v1/status", None, viewer)
        yield self.ask("POST", "/api/v1/reload", None, viewer)
        yield self.ask("POST", f"/api/v1/domains/{TENANT}/flush", None, boss)
        yield self.log_in(password="wrong")
        yield self.log_in()
        answer = yield self.ask("GET", "/api/v1/audit?limit=10", None, boss)
        entries = [(one["who"], one["way"], one["action"], one["status"], one["code"], one["domain"])
                   for one in answer.value["entries"]]  # fmt: skip
        self.assertEqual(
            entries,
            [
                ("alice", "session", "log in", 200, "", ""),
                ("alice", "none", "log in", 401, "wrong_password", ""),
                ("boss", "token", f"POST /api/v1/domains/{TENANT}/flush", 200, "", TENANT),
                ("viewer", "token", "POST /api/v1/reload", 403, "role_too_low", ""),
            ],
        )
        self.assertEqual({one["source"] for one in answer.value["entries"]}, {"127.0.0.1"})
        self.assertEqual(len(self.journal.named("audit")), 4)

    @inlineCallbacks
    def test_pages_follow_each_other(self) -> Steps:
        """Pages of the log follow each other without gap or repetition, after a restart too."""
        boss = self.token(name="boss")
        for _ in range(5):
            yield self.ask("POST", f"/api/v1/domains/{TENANT}/flush", None, boss)
        self.audit = AuditLog(self.folder / "audit.jsonl", lambda: NOW, self.journal)
        self.audit.load()
        seen, before = [], None
        while True:
            page = self.audit.page(2, before, None)
            seen += [each.number for each in page.entries]
            if page.after is None:
                break
            before = int(page.after)
        self.assertEqual(seen, [5, 4, 3, 2, 1])

    def test_the_file_is_bounded(self) -> None:
        """The file has two halves of a declared size, torn lines are passed over, and numbers go on."""
        caller = self.tokens.create("x", Role.VIEW, (), "test", NOW)
        who = self.tokens.caller(caller, "192.0.2.1")
        assert who is not None
        self.patch(audit, "FILE_OCTETS", 2000)
        for _ in range(100):
            self.audit.note(who, "POST /x", "", 200)
        files = sorted(self.folder.glob("audit*"))
        self.assertEqual([each.name for each in files], ["audit.jsonl", "audit.jsonl.1"])
        self.assertTrue(all(each.stat().st_size <= 2000 for each in files))
        with files[0].open("ab") as stream:
            stream.write(b'{"number": 7, "at"')
        again = AuditLog(self.folder / "audit.jsonl", lambda: NOW, self.journal)
        again.load()
        self.assertEqual(again.page(1, None, None).entries[0].number, 100)

    def test_a_disk_that_fails_costs_no_entry(self) -> None:
        """Where the file cannot be written the entry is in memory and in the journal, and that is told once."""
        log = AuditLog(self.folder / "hash" / "audit.jsonl", lambda: NOW, self.journal)
        for _ in range(3):
            log.note_stranger("x", "192.0.2.1", "log in", 401, "wrong_password")
        self.assertEqual(len(log.page(10, None, None).entries), 3)
        self.assertEqual(len(self.journal.named("audit_unwritten")), 1)

    def test_a_disk_that_hangs_holds_up_nothing(self) -> None:
        """Lines wait for it, so many at most, and one writer at a time; when it goes on they are written in order."""
        works: list[tuple[Callable[[], None], Deferred[None]]] = []

        def later(work: Callable[[], None]) -> Deferred[None]:
            works.append((work, Deferred()))
            return works[-1][1]

        log = AuditLog(self.folder / "late.jsonl", lambda: NOW, self.journal, later)
        caller = Caller("alice", Role.ADMIN)
        for number in range(audit.PENDING_MOST + 10):
            log.note(caller, f"POST {number}", "", 200)
        self.assertEqual((len(works), len(self.journal.named("audit_unwritten"))), (1, 1))
        self.assertEqual(log.page(1, None, None).entries[0].action, f"POST {audit.PENDING_MOST + 9}")
        written = log.written()
        for _ in range(2):
            self.assertNoResult(written)
            work, done = works.pop()
            work()
            done.callback(None)
        self.successResultOf(written)
        lines = (self.folder / "late.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["number"] for line in lines], list(range(1, audit.PENDING_MOST + 2)))


class EventTests(WebCase):
    """Live events."""

    timeout = 20

    @inlineCallbacks
    def test_events_tell_the_status_and_changes(self) -> Steps:
        """A stream begins with the status, and tells a change with what was before; a tenant hears of theirs."""
        self.patch(web_events, "TICK_SECONDS", 0.05)
        mine = deferToThread(self._listen, self.token(Role.VIEW), b"event: change")
        tenants = deferToThread(self._listen, self.token(Role.VIEW, TENANT), b"event: change")
        yield self._until(lambda: len(self.events) == 2)
        yield self.appliance_drills()
        heard = yield mine
        self.assertIn(b"content-type: text/event-stream", heard.lower())
        change = re.search(rb"event: change\ndata: (.*)\n", heard)
        assert change is not None
        told = json.loads(change[1])
        self.assertEqual((told["what"], told["domain"], told["after"]), ("drill_until", TENANT, NOW + 600))
        heard = yield tenants
        self.assertIn(b"drill_until", heard)
        self.assertNotIn(OTHER.encode(), heard)
        yield self._until(lambda: len(self.events) == 0)

    @inlineCallbacks
    def test_a_client_that_does_not_read_is_dropped(self) -> Steps:
        """A client that stops reading gets nothing more into its buffer, is dropped after a while, and that is told."""
        self.patch(web_events, "PAUSED_SECONDS", 0.2)
        self.patch(web_events, "TICK_SECONDS", 0.01)
        self.patch(web_events, "SHARE", 0)
        caller = yield deferToThread(self._frozen, self.token(Role.VIEW))
        try:
            yield self._until(lambda: bool(self.journal.named("admin_stream_dropped")))
            self.assertEqual(len(self.events), 0)
        finally:
            caller.close()

    def appliance_drills(self) -> Deferred[object]:
        """Begin a drill a moment later, when the first status has been told."""
        return deferLater(THE_REACTOR, 0.3, self.appliance.drills.__setitem__, TENANT, NOW + 600)

    def _until(self, done: Callable[[], bool]) -> Deferred[None]:
        def look() -> None:
            if done():
                looking.stop()

        looking = LoopingCall(look)
        return looking.start(0.02).addCallback(lambda _done: None)

    def _listen(self, shown: dict[str, str], until: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as caller:
            self._greet(caller, shown)
            heard = b""
            while until not in heard or not heard.endswith(b"\n\n"):
                block = caller.recv(65536)
                if not block:
                    break
                heard += block
            return heard.replace(b"\r\n", b"\n")

    def _frozen(self, shown: dict[str, str]) -> socket.socket:
        caller = socket.socket()
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect(("127.0.0.1", self.port))
        self._greet(caller, shown)
        return caller

    def _greet(self, caller: socket.socket, shown: dict[str, str]) -> None:
        head = f"GET /api/v1/events HTTP/1.0\r\nHost: x\r\nAuthorization: {shown['Authorization']}\r\n\r\n"
        caller.sendall(head.encode())
