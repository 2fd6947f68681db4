"""What scores come to: slower answers, refusals, bans; who is excused; what operators see and forgive."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.analysis import Analysis, Finding, Step
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.mode import Mode
from shieldrelay.smtp.content_fault import ContentFault
from tests.shield.analysis_session import ABROAD, Session

KINDS = ViolationKind
DAY = 86400.0


class ScoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.analysis = Analysis(AnalysisSettings())
        self.now = 1000.0

    def does(self, kind: ViolationKind, evidence: bytes = b"", *, known_good: bool = False) -> Finding:
        """Let the client do something."""
        finding = self.analysis.violation(ABROAD, kind, evidence, self.now, known_good=known_good)
        assert finding is not None
        return finding

    def test_a_client_without_fault_has_no_row(self) -> None:
        """Nothing is kept, delayed or said of who does nothing wrong."""
        self.assertIsNone(self.analysis.hello(ABROAD, b"client.test", self.now))
        self.assertIsNone(self.analysis.path(ABROAD, b"a@sender.test", self.now, parameter=b"QQ+2B1"))
        self.assertIsNone(self.analysis.content(ABROAD, ContentFault.SIZE, self.now))
        self.assertEqual(len(self.analysis.tables[0]), 0)
        self.assertEqual(self.analysis.delay(ABROAD, self.now), 0.0)
        self.assertEqual(self.analysis.explain(ABROAD, self.now), ())

    def test_scores_slow_then_refuse_then_ban(self) -> None:
        """The steps come in their order, at the declared thresholds."""
        steps = [self.does(KINDS.AUTH_NOT_OFFERED).step for _ in range(20)]
        self.assertEqual(steps[:2], [Step.NOTHING, Step.SLOW])
        self.assertEqual((steps.index(Step.REFUSE), steps.index(Step.BAN)), (7, 19))
        self.assertEqual(steps, sorted(steps))

    def test_delays_grow_with_the_score(self) -> None:
        """From the threshold on answers wait, longer and longer, up to the most."""
        delays = []
        for _ in range(12):
            self.does(KINDS.COMMAND_TOO_LONG)
            delays.append(self.analysis.delay(ABROAD, self.now))
        self.assertEqual(delays[:5], [2.0, 4.0, 6.0, 8.0, 10.0])
        self.assertEqual(max(delays), 10.0)

    def test_refused_sources_come_in_again(self) -> None:
        """A refusal at connect holds for its time and no longer; each violation after it begins a new one."""
        for _ in range(4):
            finding = self.does(KINDS.COMMAND_TOO_LONG)
        self.assertEqual((finding.step, finding.seconds, finding.ends_session), (Step.REFUSE, 600.0, True))
        self.assertIn("refused for 600 s yet", self.analysis.connect(ABROAD, self.now) or "")
        self.now += 601.0
        self.assertIsNone(self.analysis.connect(ABROAD, self.now))
        self.does(KINDS.COMMAND_TOO_LONG)
        self.assertIsNotNone(self.analysis.connect(ABROAD, self.now))

    def test_bans_double_up_to_a_day_and_are_forgotten(self) -> None:
        """Each ban within a week of the last is twice as long, a day at most; after a quiet time the first again."""
        seconds = []
        for _ in range(9):
            finding = self.does(KINDS.EXPLOIT_IN_COMMAND)
            self.assertEqual(finding.step, Step.BAN)
            seconds.append(finding.seconds)
            self.now += finding.seconds + 60.0
        self.assertEqual(seconds[:4], [1800.0, 3600.0, 7200.0, 14400.0])
        self.assertEqual(seconds[-1], DAY)
        self.now += 7 * DAY
        self.assertEqual(self.does(KINDS.EXPLOIT_IN_COMMAND).seconds, 1800.0)

    def test_a_slip_behind_a_ban_is_a_slip(self) -> None:
        """What brought a ban is paid for: a syntax error on the day after neither bans nor refuses."""
        self.does(KINDS.EXPLOIT_IN_COMMAND)
        self.now += 1801.0
        self.assertIsNone(self.analysis.connect(ABROAD, self.now))
        self.assertLess(self.does(KINDS.SYNTAX).step, Step.REFUSE)

    def test_scores_fade(self) -> None:
        """Slips are forgotten in hours, offences in days, attacks in weeks."""
        for kind, half_life in ((KINDS.SEQUENCE, 3600.0), (KINDS.EARLY_TALK, DAY), (KINDS.NUL_IN_COMMAND, 7 * DAY)):
            client = client_of(f"9.9.9.{len(kind.name)}")
            self.analysis.violation(client, kind, b"", self.now)
            before = self.analysis.score(client, self.now)
            self.assertAlmostEqual(self.analysis.score(client, self.now + half_life), before / 2)

    def test_known_good_relays_answer_for_themselves_only(self) -> None:
        """What a known-good source merely passes on is refused and weighs nothing; what it does itself weighs."""
        for _ in range(50):
            finding = self.does(KINDS.SYNTAX, b"MAIL FROM:<;sh;>\r\n", known_good=True)
        self.assertEqual((finding.kind, finding.weight, finding.heavy), (KINDS.EXPLOIT_IN_PATH, 0.0, False))
        path = self.analysis.path(ABROAD, b"${run{x}}@b.test", self.now, known_good=True)
        assert path is not None
        self.assertEqual((path.step, path.ends_session), (Step.NOTHING, False))
        self.assertTrue(self.does(KINDS.NUL_IN_COMMAND, known_good=True).heavy)

    def test_a_message_too_many_is_no_attack(self) -> None:
        """Who sends more messages in a session than we offer, as senders with long queues do, keeps its good name."""
        for _ in range(100):
            finding = self.does(KINDS.BUDGET, b"MAIL FROM:<a@b.test>\r\n")
        self.assertEqual((finding.heavy, finding.score), (False, 0.0))

    def test_members_add_up(self) -> None:
        """What a source did to other members counts, and their refusals hold here."""
        self.does(KINDS.EARLY_TALK)
        table = self.analysis.tables[0]
        row = table.row(ABROAD.source, self.now)
        row.others = [0.0, 35.0, 0.0, 4.0, 0.0, 0.0, self.now + 50.0]
        self.assertIn("refused for 50 s yet", self.analysis.connect(ABROAD, self.now) or "")
        self.assertEqual(self.does(KINDS.COMMAND_TOO_LONG).step, Step.REFUSE)

    def test_operators_see_and_forgive(self) -> None:
        """The score is told in clauses; a release takes all of it back."""
        self.does(KINDS.EXPLOIT_IN_COMMAND)
        told = "; ".join(self.analysis.explain(ABROAD, self.now + 3600.0))
        for words in ("1.0 violations of late", "score 10.0", "1 bans, the last 1.0 hours ago"):
            self.assertIn(words, told)
        self.assertIn("refused for 1800 s yet", "; ".join(self.analysis.explain(ABROAD, self.now)))
        self.analysis.release(ABROAD.source, self.now)
        self.assertEqual(self.analysis.explain(ABROAD, self.now), ())
        self.assertIsNone(self.analysis.connect(ABROAD, self.now))
        self.assertEqual(self.does(KINDS.EXPLOIT_IN_COMMAND).seconds, 1800.0)

    def test_headers_are_evidence_only(self) -> None:
        """A header that quotes an exploit string is noted, however often, and never slows anybody (R24)."""
        header = b"Subject: about ${jndi:ldap://x} and ${first_name}\r\n\r\n${run{x}}\r\n"
        for _ in range(100):
            finding = self.analysis.header(ABROAD, header, self.now)
        assert finding is not None and finding.signature is not None
        self.assertEqual((finding.kind, finding.signature.name), (KINDS.EXPLOIT_IN_HEADER, "jndi"))
        self.assertEqual((finding.step, finding.ends_session), (Step.NOTHING, False))
        for innocent in (b"Subject: ${first_name}\r\n\r\n${run{x}}", b"Subject: x\r\n\r\n() { :; }", b"${a} " * 9000):
            self.assertIsNone(self.analysis.header(ABROAD, innocent, self.now))

    def test_reasons_say_what_and_how_much(self) -> None:
        """The reason names the violation, the CVE of an exploit string, the score and the threshold."""
        finding = self.analysis.hello(ABROAD, b"${jndi:ldap://x}", self.now)
        assert finding is not None
        for words in ("exploit string in a command", "jndi", "CVE-2021-44228", "score is 100.0", "ban from 100"):
            self.assertIn(words, finding.reason)


class ModeTests(SynchronousTestCase):
    def test_observing_counts_apart(self) -> None:
        """In observe mode nothing is refused, delayed or shared; enforcing later begins with a clean slate (R27)."""
        analysis = Analysis(AnalysisSettings(mode=Mode.OBSERVE))
        finding = analysis.hello(ABROAD, b"${run{x}}", 1000.0)
        assert finding is not None
        self.assertEqual((finding.step, finding.acts, finding.ends_session), (Step.BAN, False, False))
        self.assertIsNone(analysis.connect(ABROAD, 1000.0))
        self.assertEqual((analysis.delay(ABROAD, 1000.0), len(analysis.tables[0])), (0.0, 0))
        self.assertIn("observed only", analysis.explain(ABROAD, 1000.0))
        analysis.settings = evolve(analysis.settings, mode=Mode.ENFORCE)
        self.assertEqual(analysis.score(ABROAD, 1000.0), 0.0)

    def test_off_is_off(self) -> None:
        """Nobody is asked, nothing is kept."""
        analysis = Analysis(AnalysisSettings(mode=Mode.OFF))
        self.assertIsNone(analysis.hello(ABROAD, b"${run{x}}", 1.0))
        self.assertIsNone(analysis.path(ABROAD, b"${run{x}}@b.test", 1.0))
        self.assertIsNone(analysis.violation(ABROAD, KINDS.NUL_IN_COMMAND, b"", 1.0))
        self.assertIsNone(analysis.content(ABROAD, ContentFault.NUL, 1.0))
        self.assertEqual(analysis.explain(ABROAD, 1.0), ())

    def test_memory_is_bounded(self) -> None:
        """A botnet of violators fills its table and no more."""
        analysis = Analysis(AnalysisSettings())
        for number in range(120_000):
            analysis.violation(client_of(f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}"),
                               KINDS.UNKNOWN_COMMAND, b"", 1000.0)  # fmt: skip
        table = analysis.tables[0]
        self.assertLessEqual(table.octets, table.kind.octets)
        self.assertGreater(table.forgotten, 0)


class LawfulClientTests(SynchronousTestCase):
    """Dialogues of lawful clients, as recorded: none has a score at its end."""

    def held(self, name: str, *segments: bytes, tls: bool = False, address: str = "8.8.4.4") -> None:
        """Play a dialogue and look at the score."""
        session = Session(client=client_of(address), tls=tls)
        session.say(*segments)
        self.assertEqual((session.kinds, session.score), ([], 0.0), name)
        self.assertTrue(session.receiver.closing, name)
        self.assertIn(b"RCPT TO:<alice@example.test>", session.onward, name)

    def test_swaks(self) -> None:
        """Plain, pipelined, with TLS, with HELO."""
        content = b"Date: x\r\nTo: alice@example.test\r\nX-Mailer: swaks\r\n\r\nThis is a test mailing\r\n\r\n\r\n.\r\n"
        to = b"RCPT TO:<alice@example.test>\r\n"
        self.held("swaks", b"EHLO box.sender.test\r\n", b"MAIL FROM:<a@sender.test>\r\n", to, b"DATA\r\n", content,
                  b"QUIT\r\n")  # fmt: skip
        self.held("swaks -pipeline", b"EHLO box.sender.test\r\n", b"MAIL FROM:<a@sender.test>\r\n" + to + b"DATA\r\n",
                  content, b"QUIT\r\n")  # fmt: skip
        self.held("swaks -tls", b"EHLO box\r\n", b"STARTTLS\r\n", b"EHLO box\r\n", b"MAIL FROM:<a@sender.test>\r\n", to,
                  b"DATA\r\n", content, b"QUIT\r\n", tls=True)  # fmt: skip
        self.held("swaks SMTP", b"HELO localhost\r\n", b"MAIL FROM:<a@sender.test>\r\n", to, b"DATA\r\n", content,
                  b"QUIT\r\n", address="127.0.0.1")  # fmt: skip

    def test_smtp_source(self) -> None:
        """Many messages over one connection, and more than a session may have."""
        message = (b"MAIL FROM:<foo@sender.test>\r\n", b"RCPT TO:<alice@example.test>\r\n", b"DATA\r\n",
                   b"Received: from x\r\nMessage-Id: <1@x>\r\n\r\nLa de da de da 1.\r\n.\r\n")  # fmt: skip
        self.held("smtp-source", b"HELO box.sender.test\r\n", *message * 3, b"QUIT\r\n")
        session = Session()
        session.say(b"HELO box.sender.test\r\n", *message * 101)
        self.assertEqual((session.kinds, session.score), (["MESSAGE_BUDGET"], 0.0))

    def test_python(self) -> None:
        """smtplib: lower-case verbs, an address literal, SIZE, RSET behind a refusal; aiosmtplib: the same."""
        self.held("smtplib", b"ehlo [127.0.1.1]\r\n", b"mail FROM:<a@sender.test> size=42\r\n",
                  b"rcpt TO:<alice@example.test>\r\n", b"data\r\n", b"Subject: x\r\n\r\ntext\r\n.\r\n", b"rset\r\n",
                  b"quit\r\n", address="127.0.0.1")  # fmt: skip
        self.held("smtplib UTF8", b"ehlo box.sender.test\r\n",
                  b"mail FROM:<\xc3\xbc@sender.test> size=42 SMTPUTF8 BODY=8BITMIME\r\n",
                  b"rcpt TO:<alice@example.test>\r\n", b"data\r\n", b"Subject: \xc3\xbc\r\n\r\nt\r\n.\r\n",
                  b"quit\r\n")  # fmt: skip
        self.held("aiosmtplib", b"EHLO box.sender.test\r\n", b"MAIL FROM:<a@sender.test> size=42 BODY=8BITMIME\r\n",
                  b"RCPT TO:<alice@example.test>\r\n", b"DATA\r\n", b"Subject: x\r\n\r\nt\r\n.\r\n",
                  b"QUIT\r\n")  # fmt: skip

    def test_postfix(self) -> None:
        """Pipelined groups, ORCPT, a refused recipient in the group, several messages, a notice."""
        group = (b"MAIL FROM:<owner-l=alice=example.test@lists.test> SIZE=600 BODY=8BITMIME ENVID=QQ314159 RET=HDRS\r\n"
                 b"RCPT TO:<alice@example.test> ORCPT=rfc822;alice+2Btag@example.test NOTIFY=FAILURE,DELAY\r\n"
                 b"DATA\r\n")  # fmt: skip
        notice = b"MAIL FROM:<> SIZE=600\r\nRCPT TO:<alice@example.test> NOTIFY=NEVER\r\nDATA\r\n"
        content = b"Subject: x\r\n\r\nt\r\n.\r\n"
        self.held("postfix", b"EHLO mail.sender.test\r\n", group, content, b"RSET\r\n", notice, content, b"QUIT\r\n")
        self.held("postfix, QUIT behind the dot", b"EHLO mail.sender.test\r\n", group, content + b"QUIT\r\n")

    def test_sendmail_and_exchange(self) -> None:
        """One command at a time with SIZE; BDAT; EHLO again behind TLS; NOOP and RSET between messages."""
        self.held("sendmail", b"EHLO mail.sender.test\r\n", b"STARTTLS\r\n", b"EHLO mail.sender.test\r\n",
                  b"MAIL From:<a@sender.test> SIZE=5\r\n",
                  b"RCPT To:<alice@example.test> NOTIFY=SUCCESS,FAILURE,DELAY\r\nDATA\r\n",
                  b"Subject: x\r\n\r\nt\r\n.\r\n", b"QUIT\r\n", tls=True)  # fmt: skip
        self.held("exchange", b"EHLO EXCH01.corp.sender.test\r\n",
                  b"MAIL FROM:<a@sender.test> SIZE=12 BODY=8BITMIME\r\nRCPT TO:<alice@example.test>\r\n",
                  b"BDAT 12 LAST\r\nSubject: x\r\n", b"NOOP\r\n", b"RSET\r\n", b"QUIT\r\n")  # fmt: skip
