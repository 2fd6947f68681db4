"""What follows from a finding: replies, bans, good names, the journal; and who is exempt from what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.analysis import Analysis
from shieldrelay.shield.analysis_examination import Examination
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.connections_settings import ConnectionsSettings
from shieldrelay.shield.history import History
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.telling import Telling
from shieldrelay.shield.visit import Visit
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.testing.journal import ListJournal

KINDS = ViolationKind
CLIENT = client_of("8.8.4.4")
EXPLOIT = b"${run{x}}@sender.test"


class ExaminationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.made(Mode.ENFORCE)

    def made(self, mode: Mode) -> None:
        """Make an examination with its surroundings."""
        self.journal = ListJournal()
        self.bans: list[tuple[bytes, float]] = []
        self.connections = Connections(ConnectionsSettings())
        self.history = History()
        self.examination = Examination(
            Analysis(AnalysisSettings(mode=mode)),
            self.history,
            self.connections,
            Calendar(1_800_000_000.0),
            Telling(lambda: "R"),
            self.journal,
            lambda source, seconds, _reason: self.bans.append((source, seconds)),
        )
        self.now = 1000.0

    def visit(self, *, allowed: bool = False, known_good: bool = False) -> Visit:
        """Make the gate's note of a connection."""
        acquaintance = Acquaintance.KNOWN_GOOD if known_good else Acquaintance.STRANGER
        visit = Visit(CLIENT, acquaintance, "S1")
        visit.allowed = allowed
        return visit

    def score(self) -> float:
        """Of the client."""
        return self.examination.analysis.score(CLIENT, self.now)

    def test_lawful_commands_pass(self) -> None:
        """Nothing is said or told of lawful paths and names."""
        visit, ask = self.visit(), self.examination
        self.assertIsNone(ask.hello(visit, b"mail.sender.test", self.now))
        self.assertIsNone(ask.sender(visit, b"a@sender.test", b"QQ+2B1", self.now))
        self.assertIsNone(ask.recipient(visit, b"alice@example.test", b"rfc822;alice@example.test", self.now))
        self.assertIsNone(ask.pace(visit, self.now))
        self.assertIsNone(ask.connect(CLIENT, self.now))
        self.assertEqual(self.journal.events, [])

    def test_exploit_strings_are_refused_then_closed(self) -> None:
        """The first is refused for good, the second ends the session, a later one comes to a ban; each is told."""
        visit, ask = self.visit(), self.examination
        said = [ask.sender(visit, EXPLOIT, None, self.now), ask.recipient(visit, EXPLOIT, None, self.now)]
        self.assertEqual([each and (each.reply.code, each.defence) for each in said],
                         [(501, "analysis"), (421, "analysis")])  # fmt: skip
        ask.recipient(visit, b"a@b.test", b"rfc822;+24+7Brun+7Bid+7D+7D@b.test", self.now)
        ask.sender(visit, b"a@b.test", b"+24+7Brun+7Bid+7D+7D", self.now)
        self.assertEqual(self.bans, [(CLIENT.source, 1800.0)])
        self.assertEqual([line["step"] for line in self.journal.named("sentence")], ["slow", "refuse", "ban"])
        (told,) = self.journal.named("exploit")
        self.assertEqual((told["signature"], told["evidence"], told["session"]), ("expansion", EXPLOIT, "S1"))
        self.assertTrue(self.connections.marked(CLIENT.source, self.now))

    def test_the_name_of_an_attacker_ends_the_session(self) -> None:
        """An exploit string in EHLO is a ban at once, with the reference in the reply."""
        refusal = self.examination.hello(self.visit(), b"${jndi:ldap://x}", self.now)
        assert refusal is not None
        self.assertEqual(refusal.reply.code, 421)
        self.assertIn("S1", refusal.reply.lines[-1])
        self.assertEqual(len(self.bans), 1)

    def test_scores_slow_and_close(self) -> None:
        """MAIL waits, then is refused, whatever the session did by itself."""
        visit, ask = self.visit(), self.examination
        ask.violation(visit, KINDS.EARLY_TALK, b"x", self.now)
        pace = ask.pace(visit, self.now)
        self.assertEqual(pace and (pace.refusal, pace.delay), (None, 2.0))
        for _ in range(3):
            ended = ask.violation(visit, KINDS.COMMAND_TOO_LONG, b"x", self.now)
        assert ended is not None
        pace = ask.pace(visit, self.now)
        assert pace is not None and pace.refusal is not None
        self.assertEqual((ended.reply.code, pace.refusal.reply.code), (421, 421))
        self.assertIn("score", ask.connect(CLIENT, self.now) or "")

    def test_the_allowed_have_no_score(self) -> None:
        """The allow-list beats the score; an exploit string of theirs is refused all the same (R18)."""
        visit, ask = self.visit(allowed=True), self.examination
        for _ in range(9):
            self.assertIsNone(ask.violation(visit, KINDS.NUL_IN_COMMAND, b"", self.now))
            self.assertIsNone(ask.hello(visit, b"${run{x}}", self.now))
            ask.content(visit, ContentFault.NUL, self.now)
            ask.header(visit, b"A: ${run{x}}\r\n\r\n", self.now)
            refusal = ask.recipient(visit, EXPLOIT, None, self.now)
            self.assertEqual(refusal and refusal.reply.code, 501)
        self.assertEqual((self.score(), self.bans), (0.0, []))
        self.assertFalse(self.connections.marked(CLIENT.source, self.now))
        self.assertIsNone(ask.pace(visit, self.now))

    def test_a_known_good_relay_keeps_its_name(self) -> None:
        """What it carries is refused each time and costs it nothing; what only itself can have done costs its name."""
        visit, ask = self.visit(known_good=True), self.examination
        for _ in range(99):
            refusal = ask.sender(visit, EXPLOIT, None, self.now)
            self.assertEqual(refusal and refusal.reply.code, 501)
        self.assertEqual((self.score(), self.bans), (0.0, []))
        self.assertFalse(self.connections.marked(CLIENT.source, self.now))
        ask.violation(visit, KINDS.PLAINTEXT_BEHIND_STARTTLS, b"", self.now)
        self.assertTrue(self.connections.marked(CLIENT.source, self.now))

    def test_content_and_headers_count(self) -> None:
        """Broken content brings points, quoted exploits are told; neither acts by itself (R24)."""
        visit, ask = self.visit(), self.examination
        for _ in range(99):
            ask.content(visit, ContentFault.BARE_LF, self.now)
            ask.header(visit, b"A: ${run{x}}\r\n\r\n", self.now)
        self.assertEqual((self.score(), self.bans), (9.0, []))
        self.assertEqual(len(self.journal.named("exploit")), 1)

    def test_the_journal_is_not_flooded(self) -> None:
        """A source that goes on has a line a minute for each matter."""
        visit, ask = self.visit(), self.examination
        for _ in range(600):
            ask.recipient(visit, EXPLOIT, None, self.now)
            self.now += 0.5
        self.assertLess(len(self.journal.events), 30)

    def test_observing_tells_only(self) -> None:
        """In observe mode nothing is refused or banned; once a minute it is told what would have been."""
        self.made(Mode.OBSERVE)
        visit, ask = self.visit(), self.examination
        for _ in range(9):
            self.assertIsNone(ask.sender(visit, EXPLOIT, None, self.now))
            self.assertIsNone(ask.violation(visit, KINDS.NUL_IN_COMMAND, b"", self.now))
        self.assertEqual((self.bans, ask.pace(visit, self.now)), ([], None))
        (told,) = self.journal.named("would_refuse")
        self.assertEqual(told["defence"], "analysis")

    def test_off_keeps_good_names_honest(self) -> None:
        """Without the analysis heavy violations still cost a good name (R19)."""
        self.made(Mode.OFF)
        self.assertIsNone(self.examination.violation(self.visit(), KINDS.NUL_IN_COMMAND, b"", self.now))
        self.assertIsNone(self.examination.sender(self.visit(), EXPLOIT, None, self.now))
        self.assertTrue(self.connections.marked(CLIENT.source, self.now))
