"""One transaction with a next hop, reply by reply (R2, R5, R6, R9)."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.envelope import Body, Envelope, Notify, Recipient
from shieldrelay.mail.outcome import Fate, ServerHealth
from shieldrelay.smtp.sender import Sender
from shieldrelay.smtp.sender_events import ContentWanted, ReadyForMail, SessionOver, TransactionDone
from shieldrelay.smtp.sender_phases import Phase
from tests.smtp.sender_dialogue import ALICE, BOB, ENVELOPE, converse, events, ready, ready_for

BOTH = (ALICE, BOB)
TAKEN, TRANSIENT, REFUSED, CONTENT_REFUSED = Fate.TAKEN, Fate.TRANSIENT, Fate.REFUSED, Fate.CONTENT_REFUSED

ROWS = (
    # MAIL, RCPT, RCPT, DATA, final reply: the fates of both
    ("250 250 250 354 250", TAKEN, TAKEN),
    ("250 250 550 354 250", TAKEN, REFUSED),
    ("250 450 250 354 250", TRANSIENT, TAKEN),
    ("250 450 550 354 250", TRANSIENT, REFUSED),  # 354 for nobody: the lone dot is answered
    ("250 550 550 354 554", REFUSED, REFUSED),
    ("250 550 450 554 -", REFUSED, TRANSIENT),
    ("250 550 550 503 -", REFUSED, REFUSED),
    ("250 250 250 354 554", CONTENT_REFUSED, CONTENT_REFUSED),
    ("250 250 550 354 554", CONTENT_REFUSED, REFUSED),
    ("250 250 250 354 451", TRANSIENT, TRANSIENT),
    ("250 250 550 451 -", TRANSIENT, REFUSED),
    ("250 250 250 554 -", CONTENT_REFUSED, CONTENT_REFUSED),
    ("550 503 503 503 -", REFUSED, REFUSED),
    ("450 503 503 503 -", TRANSIENT, TRANSIENT),
    ("550 250 250 354 250", REFUSED, REFUSED),  # a refused sender is refused, whatever a confused server says then
    ("251 251 252 354 250", TAKEN, TAKEN),
    ("250 250 552 354 250", TAKEN, TRANSIENT),  # 552 may mean too many recipients
    ("250 552 250 354 250", REFUSED, TAKEN),
)
UNREACHED = "-"


def run(sender: Sender, codes: str, *, at_once: bool) -> tuple[bytes, list[object]]:
    """Send to both recipients against a row of codes; give what was written and told."""
    envelope = Envelope(ENVELOPE.reverse_path, BOTH)
    sender.begin(envelope, BOTH, 3)
    wrote = sender.output()
    queue = [code.encode() + b" words\r\n" for code in codes.split() if code != UNREACHED]
    told: list[object] = []
    if at_once:
        sender.feed(b"".join(queue[:4]))
        del queue[:4]
    while True:
        wrote += sender.output()
        told += events(sender)
        if told and told[-1] == ContentWanted() and sender.phase is Phase.CONTENT:
            wrote += sender.content(b".x\r\n") + sender.end_of_content()
        if not queue or sender.phase in (Phase.RESET, Phase.READY, Phase.CLOSED):
            return wrote, told
        sender.feed(queue.pop(0))


class OutcomeTests(SynchronousTestCase):
    """The outcome table of R2, as the sender's half of it."""

    def test_rows(self) -> None:
        """Every row gives its fates, whether the replies come in one segment or one by one."""
        for (codes, *fates), at_once in product(ROWS, (True, False)):
            _wrote, told = run(ready(), codes, at_once=at_once)
            done = [event for event in told if isinstance(event, TransactionDone)]
            self.assertEqual([outcome.fate for outcome in done[0].outcomes], fates, codes)
            self.assertEqual(done[0].health, ServerHealth.ANSWERED)

    def test_rows_step_by_step(self) -> None:
        """Without PIPELINING the same rows give the same fates; what is already known is not asked."""
        for codes, *fates in ROWS:
            mail, first, second, *rest = codes.split()
            if mail >= "400":
                codes = mail
            elif first >= "400" and second >= "400":
                codes = f"{mail} {first} {second}"
            _wrote, told = run(ready_for(), codes, at_once=False)
            done = [event for event in told if isinstance(event, TransactionDone)]
            self.assertEqual([outcome.fate for outcome in done[0].outcomes], fates, (codes, rest))

    def test_pipelined_commands_go_out_in_one_write(self) -> None:
        """MAIL, every RCPT and DATA at once; the content after 354."""
        wrote, _told = run(ready(), "250 250 250 354 250", at_once=True)
        self.assertEqual(
            wrote,
            b"MAIL FROM:<s@sender.example>\r\nRCPT TO:<alice@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"
            b"..x\r\n.\r\n",
        )

    def test_nobody_left_gets_a_lone_dot(self) -> None:
        """354 although all recipients are refused: a dot and no content (R2)."""
        wrote, told = run(ready(), "250 550 550 354 250", at_once=True)
        self.assertTrue(wrote.endswith(b"DATA\r\n.\r\n"))
        self.assertNotIn(ContentWanted(), told)

    def test_a_transaction_without_final_reply_is_reset(self) -> None:
        """RSET, its answer, and the session is ready; another answer ends it."""
        sender = ready()
        wrote, told = run(sender, "250 250 250 451", at_once=True)
        self.assertTrue(wrote.endswith(b"RSET\r\n"))
        self.assertIsInstance(told[-1], TransactionDone)
        sender.feed(b"250 flushed\r\n")
        self.assertEqual(events(sender), [ReadyForMail()])
        run(sender, "250 250 250 451", at_once=True)
        sender.feed(b"503 hm\r\n")
        self.assertIsInstance(events(sender)[0], SessionOver)

    def test_a_session_serves_many_transactions(self) -> None:
        """After the final reply the next MAIL may go out at once."""
        sender = ready()
        for _ in range(3):
            self.assertIsInstance(run(sender, "250 250 250 354 250", at_once=True)[1][-1], TransactionDone)
            self.assertEqual(sender.phase, Phase.READY)


class TroubleTests(SynchronousTestCase):
    """Servers in trouble: all is transient, and the server is judged (R6)."""

    def assert_trouble(self, told: list[object], health: ServerHealth) -> None:
        """One `TransactionDone` with transient outcomes, then the end of the session."""
        done, over = told[-2:]
        assert isinstance(done, TransactionDone) and isinstance(over, SessionOver), told
        self.assertEqual([outcome.fate for outcome in done.outcomes], [TRANSIENT, TRANSIENT])
        self.assertEqual(done.health, health)
        self.assertTrue(done.reason)

    def test_421_anywhere_is_a_fault(self) -> None:
        """At every step, the final reply included, also after others were refused for good."""
        for codes in ("421", "250 421", "250 550 421", "250 250 250 421", "250 250 250 354 421"):
            sender = ready()
            self.assert_trouble(run(sender, codes, at_once=False)[1], ServerHealth.FAULT)

    def test_lost_before_an_answer_is_a_fault_and_after_it_is_not(self) -> None:
        """The breaker judges whether the server answered, not what became of the message."""
        for codes, health in (
            ("-", ServerHealth.FAULT),
            ("250", ServerHealth.ANSWERED),
            ("250 250 250 354", ServerHealth.ANSWERED),
        ):
            sender = ready()
            run(sender, codes, at_once=False)
            sender.give_up("the connection was lost")
            self.assert_trouble(list(events(sender)), health)

    def test_replies_without_meaning_are_a_fault(self) -> None:
        """3yz to MAIL, RCPT or the content, 2yz to DATA, and what is no reply at all."""
        for codes in ("354", "250 354", "250 250 250 250", "250 250 250 354 354", "250 hello"):
            self.assert_trouble(run(ready(), codes, at_once=False)[1], ServerHealth.FAULT)

    def test_a_refusal_in_mid_content_is_about_the_message(self) -> None:
        """A reply before the dot: transient, and no mark against the server."""
        sender = ready()
        converse(sender, begin=True)
        converse(sender, b"250 a\r\n250 b\r\n354 c\r\n")
        sender.content(b"x\r\n")
        sender.feed(b"552 too large\r\n")
        done = events(sender)[1]
        assert isinstance(done, TransactionDone)
        self.assertEqual((done.outcomes[0].fate, done.health), (TRANSIENT, ServerHealth.ANSWERED))

    def test_no_octets_raise(self) -> None:
        """Whatever a next hop says, each transaction ends in outcomes, one for every recipient."""
        words = st.sampled_from([b"250 a\r\n", b"354 b\r\n", b"550 c\r\n", b"421 d\r\n", b"250-", b"\r\n", b"nonsense"])

        @settings(deadline=None, derandomize=True, max_examples=300)
        @given(st.booleans(), st.lists(words, max_size=12))
        def check(pipelining: bool, segments: list[bytes]) -> None:
            sender = ready() if pipelining else ready_for()
            sender.begin(Envelope(NULL, BOTH), BOTH, 3)
            told: list[object] = []
            for segment in segments:
                sender.output()
                sender.feed(segment)
                told += events(sender)
                if sender.phase is Phase.CONTENT:
                    sender.end_of_content()
            sender.give_up("the connection was lost")
            told += events(sender)
            done = [event for event in told if isinstance(event, TransactionDone)]
            self.assertEqual(len(done), 1)
            self.assertEqual(len(done[0].outcomes), 2)
            self.assertIsInstance(told[-1], SessionOver)

        check()


class ParameterTests(SynchronousTestCase):
    """Extensions: used when offered, declined when needed and missing (R9)."""

    FULL = Envelope(
        parse_mailbox(b"s@sender.example"), (ALICE,), body=Body.EIGHTBITMIME, smtputf8=True, ret=b"HDRS", envid=b"QQ+2B"
    )
    FUSSY = Recipient(ALICE.mailbox, frozenset({Notify.DELAY, Notify.FAILURE}), b"rfc822;a@example.com")

    def wrote(self, sender: Sender, envelope: Envelope, *recipients: Recipient, ascii_header: bool = True) -> bytes:
        """Begin; give what was written."""
        sender.begin(envelope, recipients, 77, ascii_header=ascii_header)
        return sender.output()

    def test_everything_offered(self) -> None:
        """All parameters of MAIL and RCPT are passed on."""
        sender = ready(b"SIZE 1000", b"8BITMIME", b"SMTPUTF8", b"DSN")
        self.assertEqual(
            self.wrote(sender, self.FULL, self.FUSSY, ascii_header=False),
            b"MAIL FROM:<s@sender.example> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B\r\n"
            b"RCPT TO:<alice@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@example.com\r\nDATA\r\n",
        )

    def test_nothing_offered(self) -> None:
        """No parameter is given; 8-bit content goes as it is (declared deviation), and SMTPUTF8 is not needed."""
        self.assertEqual(
            self.wrote(ready(), self.FULL, self.FUSSY),
            b"MAIL FROM:<s@sender.example>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n",
        )

    def test_smtputf8_is_given_only_when_needed(self) -> None:
        """An ASCII message of a client that said SMTPUTF8 is an ordinary one."""
        self.assertNotIn(b"SMTPUTF8", self.wrote(ready(b"SMTPUTF8"), self.FULL, ALICE))

    def test_smtputf8_needed_and_missing_is_refused(self) -> None:
        """Header, sender or recipient beyond ASCII: 550 5.6.7 for the content, and nothing was written."""
        jose = Recipient(parse_mailbox("josé@example.com".encode(), utf8=True))
        foreign = Envelope(jose.mailbox, (ALICE,), smtputf8=True)
        for envelope, recipient, ascii_header in (
            (self.FULL, ALICE, False),
            (self.FULL, jose, True),
            (foreign, ALICE, True),
        ):
            sender = ready()
            self.assertEqual(self.wrote(sender, envelope, recipient, ascii_header=ascii_header), b"")
            self.assert_declined(sender, 550, (5, 6, 7))

    def test_too_large_is_refused(self) -> None:
        """Above the declared SIZE: 552 5.3.4; at it, and with SIZE 0, it is offered."""
        sender = ready(b"SIZE 76")
        self.assertEqual(self.wrote(sender, ENVELOPE, ALICE), b"")
        self.assert_declined(sender, 552, (5, 3, 4))
        for limit in (b"SIZE 77", b"SIZE 0", b"SIZE"):
            self.assertIn(b" SIZE=77", self.wrote(ready(limit), ENVELOPE, ALICE))

    def assert_declined(self, sender: Sender, code: int, enhanced: tuple[int, int, int]) -> None:
        """Our own refusal, and a session that is as ready as before."""
        done = events(sender)[0]
        assert isinstance(done, TransactionDone)
        outcome = done.outcomes[0]
        assert outcome.reply is not None
        self.assertEqual((outcome.fate, outcome.reply.code, outcome.reply.enhanced), (CONTENT_REFUSED, code, enhanced))
        self.assertEqual(sender.phase, Phase.READY)

    def test_nothing_can_be_injected(self) -> None:
        """A parameter with a control octet, wherever it came from, is not written and leaves the session as it was."""
        sender = ready(b"DSN")
        for envelope in (Envelope(NULL, (ALICE,), envid=b"x\r\nRSET"), Envelope(NULL, (ALICE,), envid=b"x\0")):
            self.assertRaises(ValueError, sender.begin, envelope, (ALICE,), 3)
            self.assertEqual((sender.output(), sender.phase), (b"", Phase.READY))
        hostile = Recipient(ALICE.mailbox, None, b"rfc822;a\nDATA")
        self.assertRaises(ValueError, sender.begin, ENVELOPE, (hostile,), 3)
        self.assertEqual((sender.output(), sender.phase), (b"", Phase.READY))
