"""Every kind of violation has an entry, is played by a client, and comes to what its entry says."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.analysis import Analysis, Step
from shieldrelay.shield.analysis_catalogue import CATALOGUE, NEVER_REFUSES, NEVER_SLOWS, Memory
from shieldrelay.shield.analysis_exploits import SIGNATURES
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.smtp.limits import ContentRules, Limits
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from tests.shield.analysis_session import ABROAD, Session

PAGE = Path(__file__).parents[2] / "docs" / "defence-analysis.md"
HALVED = {Memory.SLIP: "an hour", Memory.OFFENCE: "a day", Memory.ATTACK: "7 days"}
OURS = AnalysisSettings(own_names=frozenset(("mx.example.test",)), own_addresses=frozenset(("8.8.8.8",)))
SMALL = ReceiverSettings(
    b"mx.example.test",
    limits=Limits(messages=1, command_line=1024),
    rules=ContentRules(message_size=2000, line=998, header_block=500, header_fields=9, header_field=200),
)
EHLO = b"EHLO client.test\r\n"
DATA = EHLO + b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
KINDS = ViolationKind

PLAYS: tuple[tuple[ViolationKind, bytes], ...] = (
    (KINDS.UNAUTHORISED_PIPELINING, EHLO + b"NOOP\r\nNOOP\r\n"),
    (KINDS.SEQUENCE, EHLO + b"RCPT TO:<alice@example.test>\r\n"),
    (KINDS.FOREIGN_PROTOCOL, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    (KINDS.FOREIGN_PROTOCOL, b"CONNECT example.test:25 HTTP/1.0\r\n"),
    (KINDS.TLS_CLIENT_HELLO, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    (KINDS.UNKNOWN_COMMAND, b"HALLO client\r\n"),
    (KINDS.UNKNOWN_COMMAND, b"\xff\xf4\xff\xfd\x06\r\n"),
    (KINDS.NOT_OFFERED, EHLO + b"STARTTLS\r\n"),
    (KINDS.NOT_OFFERED, EHLO + b"TURN\r\n"),
    (KINDS.AUTH_NOT_OFFERED, EHLO + b"AUTH LOGIN\r\n"),
    (KINDS.AUTH_NOT_OFFERED, EHLO + b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
    (KINDS.CHUNK_ABUSE, EHLO + b"BDAT -1\r\n"),
    (KINDS.CHUNK_ABUSE, EHLO + b"BDAT 99999999999999999999 LAST\r\n"),
    (KINDS.CHUNK_ABUSE, EHLO + b"BDAT 0x10\r\n"),
    (KINDS.SYNTAX, EHLO + b"MAIL FROM:a b\r\n"),
    (KINDS.NUL_IN_COMMAND, EHLO + b"MAIL FROM:<a\0@b.test>\r\n"),
    (KINDS.BARE_NEWLINE_IN_COMMAND, b"EHLO client.test\n"),
    (KINDS.BARE_NEWLINE_IN_COMMAND, EHLO + b"MAIL FROM:<a@b.test>\rRCPT TO:<c@d.test>\r\n"),
    (KINDS.COMMAND_TOO_LONG, b"NOOP " + b"ab" * 900 + b"\r\n"),
    (KINDS.PATH_TOO_LONG, EHLO + b"MAIL FROM:<%b@b.test>\r\n" % (b"ab" * 33)),
    (KINDS.PATH_TOO_LONG, EHLO + b"MAIL FROM:<a@%b>\r\n" % (b"ab.cd." * 50)),
    (KINDS.EIGHT_BIT_IN_COMMAND, EHLO + b"MAIL FROM:<m\xfcller@b.test>\r\n"),
    (KINDS.CONTROL_IN_COMMAND, EHLO + b"MAIL FROM:<a\x08b@b.test>\r\n"),
    (KINDS.HELLO_MALFORMED, b"EHLO cli(ent\r\n"),
    (KINDS.HELLO_MALFORMED, b"EHLO -client-.test\r\n"),
    (KINDS.HELLO_MALFORMED, b"EHLO [8.8.4.4\r\n"),
    (KINDS.HELLO_MALFORMED, b"EHLO 1.2.3\r\n"),
    (KINDS.HELLO_MALFORMED, b"EHLO\r\n"),
    (KINDS.HELLO_OURS, b"EHLO MX.Example.test\r\n"),
    (KINDS.HELLO_OURS, b"HELO [8.8.8.8]\r\n"),
    (KINDS.HELLO_BARE_ADDRESS, b"HELO 8.8.4.4\r\n"),
    (KINDS.HELLO_BARE_ADDRESS, b"HELO 2001:4860::1\r\n"),
    (KINDS.HELLO_BOGON, b"EHLO [10.1.2.3]\r\n"),
    (KINDS.HELLO_BOGON, b"EHLO [IPv6:fe80::1]\r\n"),
    (KINDS.HELLO_BOGON, b"EHLO localhost\r\n"),
    (KINDS.RECONNAISSANCE, EHLO + b"VRFY root\r\n"),
    (KINDS.RECONNAISSANCE, EHLO + b"EXPN staff\r\n"),
    (KINDS.BUDGET, EHLO + b"NOOP\r\n" * 22),
    (KINDS.BUDGET, b"NONSENSE\r\n" * 5),
    (KINDS.MESSAGE_BUDGET, DATA + b"x\r\n.\r\n" + DATA),
    (KINDS.EXPLOIT_IN_COMMAND, b"EHLO ${run{x}}\r\n"),
    (KINDS.EXPLOIT_IN_COMMAND, EHLO + b"XEXCH50 2 2\r\n"),
    (KINDS.EXPLOIT_IN_PATH, EHLO + b"MAIL FROM:<${run{x}}@b.test>\r\n"),
    (KINDS.EXPLOIT_IN_PATH, EHLO + b"MAIL FROM:<;sh;>\r\n"),
    (KINDS.BARE_NEWLINE_IN_CONTENT, DATA + b"x\n.\nMAIL FROM:<c@d.test>\r\n.\r\n"),
    (KINDS.BARE_NEWLINE_IN_CONTENT, DATA + b"x\r.\r\n.\r\n"),
    (KINDS.NUL_IN_CONTENT, DATA + b"x\0\r\n.\r\n"),
    (KINDS.CONTENT_LIMIT, DATA + b"a: b\r\n" * 12 + b"\r\nx\r\n.\r\n"),
    (KINDS.CONTENT_LIMIT, DATA + b"a: %b\r\n\r\nx\r\n.\r\n" % (b"b" * 300)),
    (KINDS.CONTENT_LIMIT, DATA + b"\r\n%b\r\n.\r\n" % (b"b" * 1500)),
    (KINDS.ENDLESS_CONTENT, DATA + b"\r\n" + b"bbbb\r\n" * 1000),
)
"""What a client sends, and the kind that is found first."""


def play(octets: bytes, client: Client = ABROAD, analysis: Analysis | None = None) -> Session:
    """Send octets, a line a segment, as far as the session goes."""
    session = Session(analysis or Analysis(OURS), client=client, settings=SMALL)
    pipelined = octets.endswith(b"NOOP\r\nNOOP\r\n") and octets.count(b"NOOP") == 2
    session.say(*([octets] if pipelined or b"\n" not in octets else octets.splitlines(keepends=True)))
    return session


class CatalogueTests(SynchronousTestCase):
    def test_every_kind_has_an_entry(self) -> None:
        """Nothing can be seen that has no weight, and nothing has a weight that cannot be seen."""
        self.assertEqual(set(CATALOGUE), set(ViolationKind))

    def test_the_page_has_the_weights(self) -> None:
        """`docs/defence-analysis.md` has a row for every kind and every signature, with what stands here."""
        page = PAGE.read_text("utf-8")
        for kind, entry in CATALOGUE.items():
            most = "" if entry.most >= 1000 else f"{entry.most:g}"
            self.assertIn(f"\n| {kind.value} | {entry.weight:g} | {HALVED[entry.memory]} | {most} | ", page)
            self.assertIn(f" | {entry.source} |\n", page)
        for signature in SIGNATURES:
            self.assertIn(f"| `{signature.name}` | {signature.aim} | {signature.sources} |\n", page)

    def test_every_kind_is_played(self) -> None:
        """Each entry is reached by what a client sends; the rest by tests of their own below."""
        apart = {KINDS.EARLY_TALK, KINDS.PLAINTEXT_BEHIND_STARTTLS, KINDS.EXPLOIT_IN_HEADER}
        self.assertEqual({kind for kind, _octets in PLAYS} | apart, set(ViolationKind))

    def test_plays_come_to_what_the_entry_says(self) -> None:
        """Each play is found as its kind, brings the weight of the entry, and ends the session if the entry says so."""
        for kind, octets in PLAYS:
            session = play(octets)
            found = [finding for finding in session.findings if finding.kind is kind]
            self.assertTrue(found, (kind, octets[:80], session.kinds))
            entry = CATALOGUE[kind]
            self.assertEqual((found[0].weight, found[0].heavy), (entry.weight, entry.heavy), octets[:80])
            self.assertIn(kind.value, found[0].reason)
            if entry.ends:
                self.assertTrue(session.receiver.closing, octets[:80])

    def test_early_talk(self) -> None:
        """Who talks before the greeting is found."""
        session = Session()
        session.say(EHLO, greeted=False)
        session.say(b"")
        self.assertEqual(session.kinds[0], "EARLY_TALK")

    def test_plaintext_behind_starttls(self) -> None:
        """What stands behind STARTTLS ends the session and is heavy."""
        session = Session(tls=True)
        session.say(EHLO, b"STARTTLS\r\nRSET\r\n")
        self.assertIn("PLAINTEXT_BEHIND_STARTTLS", session.kinds)
        self.assertTrue(session.receiver.closing)
        self.assertTrue(session.findings[-1].heavy)

    def test_bad_habits_are_never_refused_for(self) -> None:
        """What lawful servers do wrong day in, day out, brings no score that acts, however often they come."""
        for kind, octets in PLAYS:
            most = CATALOGUE[kind].most
            if most > NEVER_REFUSES:
                continue
            analysis = Analysis(OURS)
            for _ in range(300):
                finding = analysis.violation(ABROAD, kind, b"", 1000.0)
            assert finding is not None
            self.assertLessEqual(finding.score, most, octets)
            self.assertLess(finding.step, Step.SLOW if most <= NEVER_SLOWS else Step.REFUSE)
            self.assertIsNone(analysis.connect(ABROAD, 1000.0))

    def test_attacks_are_banned_for(self) -> None:
        """What nobody does by mistake comes to a ban when it goes on."""
        for kind, entry in CATALOGUE.items():
            if entry.memory is Memory.ATTACK or kind in (KINDS.AUTH_NOT_OFFERED, KINDS.BUDGET, KINDS.FOREIGN_PROTOCOL):
                analysis = Analysis(OURS)
                steps = [analysis.violation(ABROAD, kind, b"", 1000.0) for _ in range(20)]
                self.assertIn(Step.BAN, [each and each.step for each in steps], kind)


class IntroductionTests(SynchronousTestCase):
    def test_lawful_names_pass(self) -> None:
        """Names of hosts as they are, single labels and underscores too, and one's own address, weigh nothing."""
        for name in (b"client.test", b"mail", b"WIN-AB12", b"my_pc", b"a.b.c.test.", b"xn--mller-kva.test", b"3com.com",
                     b"[8.8.4.4]", b"[9.9.9.9]", b"[IPv6:2620:fe::fe]", b"client-1.2.3.4.test"):  # fmt: skip
            session = Session(Analysis(OURS))
            session.lines(b"EHLO " + name)
            self.assertEqual((session.kinds, session.score), ([], 0.0), name)

    def test_who_is_inside_may_say_so(self) -> None:
        """A client on this machine or in a private network may use addresses of such, and be called localhost."""
        for address in ("127.0.0.1", "::1", "10.0.0.7", "fd00::7"):
            for name in (b"localhost", b"[127.0.0.1]", b"[10.9.9.9]", b"[IPv6:::1]"):
                session = Session(Analysis(OURS), client=client_of(address))
                session.lines(b"EHLO " + name)
                self.assertEqual(session.kinds, [], (address, name))

    def test_we_may_be_called_as_we_are(self) -> None:
        """Our own name is a lie from elsewhere only."""
        for address in ("127.0.0.1", "8.8.8.8"):
            for name in (b"mx.example.test", b"[8.8.8.8]"):
                session = Session(Analysis(OURS), client=client_of(address))
                session.lines(b"EHLO " + name)
                self.assertEqual(session.kinds, [], (address, name))
