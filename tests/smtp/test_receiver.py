"""Claims about the receiver's face to its owner: questions, answers, phases, ends."""

from __future__ import annotations

from collections import deque

from attrs import evolve
from twisted.trial import unittest

from shieldrelay.mail.reply import Reply
from shieldrelay.ports import BLOCK_OCTETS
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import INTERLUDE, ContentCompleted, ContentReceived, MailRequested, TransactionReset
from shieldrelay.smtp.limits import BareNewlines, Limits
from shieldrelay.smtp.receiver import STEPS, NotAsked, Phase, Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.testing.dialogue import Owner

SETTINGS = ReceiverSettings(b"mx.test")
TO_RECIPIENT = b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<b@r.test>\r\n"


def receiver_with_question() -> Receiver:
    """Give a receiver that asks about MAIL."""
    receiver = Receiver(SETTINGS, tls_available=False)
    receiver.greet()
    receiver.feed(b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nNOOP\r\n")
    while not isinstance(receiver.next_event(), MailRequested):
        pass
    receiver.output()
    return receiver


class TurnTests(unittest.SynchronousTestCase):
    def test_much_that_needs_nobody_has_interludes(self) -> None:
        """Thousands of commands that are no events are answered in turns, and none is lost."""
        receiver = Receiver(evolve(SETTINGS, limits=Limits(junk_commands=10**6)), tls_available=False)
        receiver.greet()
        receiver.feed(b"EHLO c.test\r\n")
        receiver.next_event()
        receiver.output()
        receiver.feed(b"RSET\r\n" * (3 * STEPS + 1))
        said = []
        while (event := receiver.next_event()) is not None:
            self.assertIs(event, INTERLUDE)
            said.append(receiver.output().count(b"\r\n"))
        self.assertEqual((said, receiver.output().count(b"\r\n")), ([STEPS] * 3, 1))


class QuestionTests(unittest.SynchronousTestCase):
    def test_answer_to_no_question_is_a_bug(self) -> None:
        """An answer that nobody asked for raises."""
        receiver = Receiver(SETTINGS, tls_available=False)
        receiver.greet()
        with self.assertRaises(NotAsked):
            receiver.answer(replies.SENDER_OK)

    def test_answer_after_the_end_is_dropped(self) -> None:
        """A verdict that comes after the session failed says nothing and raises nothing."""
        receiver = receiver_with_question()
        receiver.fail(replies.TIMED_OUT)
        receiver.answer(replies.SENDER_OK)
        self.assertEqual(receiver.output(), b"421 4.4.2 Timeout, closing connection\r\n")

    def test_421_as_an_answer_ends_the_session(self) -> None:
        """What is pipelined behind a 421 is not read."""
        receiver = receiver_with_question()
        receiver.answer(replies.SHUTTING_DOWN)
        self.assertIsNone(receiver.next_event())
        self.assertEqual(receiver.output(), b"421 4.3.2 Shutting down, try again\r\n")
        self.assertTrue(receiver.closing)

    def test_fail_takes_the_place_of_the_answer(self) -> None:
        """After `fail` nothing but its reply is said, and only once."""
        receiver = receiver_with_question()
        receiver.fail(replies.TIMED_OUT)
        receiver.fail(replies.SHUTTING_DOWN)
        receiver.feed(b"NOOP\r\n")
        self.assertIsNone(receiver.next_event())
        self.assertEqual(receiver.output(), b"421 4.4.2 Timeout, closing connection\r\n")
        self.assertEqual(receiver.phase, Phase.CLOSING)

    def test_fail_before_the_greeting_is_the_greeting(self) -> None:
        """A session that is refused from the start says that only."""
        receiver = Receiver(SETTINGS, tls_available=False)
        receiver.fail(replies.OVERLOADED)
        receiver.greet()
        self.assertEqual(receiver.output(), b"421 4.3.2 Too busy, try again\r\n")

    def test_several_replies_are_one_output(self) -> None:
        """Replies to what came in one segment are written together."""
        receiver = receiver_with_question()
        receiver.answer(replies.SENDER_OK)
        self.assertIsNone(receiver.next_event())
        self.assertEqual(receiver.output(), b"250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n")
        self.assertEqual(receiver.output(), b"")

    def test_answers_of_several_lines_are_said_whole(self) -> None:
        """Each line of a reply has its code, and its enhanced code."""
        receiver = receiver_with_question()
        receiver.answer(Reply(450, (4, 7, 1), ("one", "two")))
        self.assertEqual(receiver.output(), b"450-4.7.1 one\r\n450 4.7.1 two\r\n")


class PhaseTests(unittest.SynchronousTestCase):
    def test_phase_follows_the_session(self) -> None:
        """Each wait has its phase, so the edge finds its deadline."""
        owner = Owner(SETTINGS, tls_available=True)
        receiver = owner.receiver
        self.assertEqual(Receiver(SETTINGS, tls_available=False).phase, Phase.GREETING)
        self.assertEqual(receiver.phase, Phase.COMMAND)
        owner.send(TO_RECIPIENT, b"DATA\r\n")
        self.assertEqual(receiver.phase, Phase.CONTENT)
        owner.send(b".\r\n", b"MAIL FROM:<>\r\nRCPT TO:<b@r.test>\r\nBDAT 3\r\nab")
        self.assertEqual(receiver.phase, Phase.CONTENT)
        owner.send(b"c")
        self.assertEqual(receiver.phase, Phase.COMMAND)
        owner.send(b"STARTTLS\r\n")
        self.assertEqual(receiver.phase, Phase.HANDSHAKE)
        receiver.tls_started()
        self.assertEqual((receiver.phase, receiver.tls), (Phase.COMMAND, True))
        owner.send(b"QUIT\r\n")
        self.assertEqual(receiver.phase, Phase.CLOSING)

    def test_eof_tells_whether_content_was_under_way(self) -> None:
        """A client that is gone in mid-content is told apart, between two chunks too."""
        cases = ((b"", False), (b"DATA\r\nabc", True), (b"BDAT 3\r\nabc", True), (b"DATA\r\n.\r\n", False))
        for octets, midst in cases:
            owner = Owner(SETTINGS)
            owner.send(TO_RECIPIENT + octets)
            self.assertEqual(owner.receiver.eof(), midst, octets)
            self.assertTrue(owner.receiver.closing)

    def test_early_talk_is_noted_and_waits_for_the_greeting(self) -> None:
        """What comes before the greeting is a violation, told at once, and is answered after it."""
        receiver = Receiver(SETTINGS, tls_available=False)
        receiver.feed(b"EHLO ")
        receiver.feed(b"c.test\r\n")
        self.assertEqual(str(receiver.next_event()).count("EARLY_TALK"), 1)
        self.assertIsNone(receiver.next_event())
        self.assertEqual(receiver.output(), b"")
        receiver.greet()
        self.assertIn("Hello", str(receiver.next_event()))
        self.assertTrue(receiver.output().startswith(b"220 mx.test ESMTP\r\n250-mx.test\r\n"))

    def test_counters_tell_what_was_done(self) -> None:
        """The journal finds commands, errors, recipients and messages of a session."""
        owner = Owner(SETTINGS)
        owner.answers["RCPT"] = deque([replies.UNKNOWN_RECIPIENT])
        owner.send(TO_RECIPIENT, b"RCPT TO:<c@r.test>\r\nXYZZY\r\nRCPT TO:\r\nDATA\r\n", b".\r\n")
        counters = owner.receiver.counters
        self.assertEqual((counters.commands, counters.errors), (7, 2))
        self.assertEqual((counters.recipients, counters.refused_recipients), (1, 1))
        self.assertEqual((counters.messages, counters.accepted_messages), (1, 1))


class TransactionTests(unittest.SynchronousTestCase):
    def test_refused_data_leaves_the_transaction(self) -> None:
        """DATA that the owner refuses may be asked again."""
        owner = Owner(SETTINGS)
        owner.send(TO_RECIPIENT)
        owner.answers["DATA"] = deque([replies.SPOOL_UNAVAILABLE])
        self.assertEqual(owner.send(b"DATA\r\n")[:3], b"451")
        self.assertEqual(owner.send(b"DATA\r\n")[:3], b"354")

    def test_reset_is_told_once_and_only_in_a_transaction(self) -> None:
        """The owner hears of every transaction that is given up, and of nothing else."""
        owner = Owner(SETTINGS)
        owner.send(b"RSET\r\n", TO_RECIPIENT, b"RSET\r\nRSET\r\n", b"MAIL FROM:<>\r\n", b"HELO c.test\r\n")
        self.assertEqual(sum(isinstance(event, TransactionReset) for event in owner.events), 2)

    def test_rules_of_one_transaction_are_its_own(self) -> None:
        """The owner may set the rules of a message's content; the next one has those of the session."""
        owner = Owner(SETTINGS)
        owner.send(TO_RECIPIENT)
        receiver = owner.receiver
        receiver.content_rules = evolve(receiver.content_rules, bare_newlines=BareNewlines.NORMALIZE)
        owner.send(b"DATA\r\n")
        self.assertEqual(owner.send(b"a\nb\r.\nc\n.\n\r\n.\r\n")[:3], b"250")
        self.assertEqual(owner.content, b"a\r\nb\r\n.\r\nc\r\n.\r\n\r\n")
        owner.send(b"MAIL FROM:<>\r\nRCPT TO:<b@r.test>\r\n", b"DATA\r\n")
        self.assertEqual(owner.send(b"a\nb\r\n.\r\n")[:3], b"554")

    def test_whole_message_in_one_segment_is_one_block(self) -> None:
        """A small message that comes at once is told at once."""
        owner = Owner(SETTINGS)
        owner.send(TO_RECIPIENT, b"DATA\r\n", b"Subject: x\r\n\r\n" + b"a line\r\n" * 500 + b".\r\n")
        blocks = [event for event in owner.events if isinstance(event, ContentReceived)]
        self.assertEqual(len(blocks), 1)

    def test_blocks_are_bounded(self) -> None:
        """However much is fed at once, and however much normalizing adds, no block is longer than blocks are."""
        rules = evolve(SETTINGS.rules, bare_newlines=BareNewlines.NORMALIZE)
        owner = Owner(evolve(SETTINGS, rules=rules))
        content = b"a\nb" * 200000
        owner.send(TO_RECIPIENT, b"DATA\r\n", content + b"\r\n.\r\n")
        blocks = [event.block for event in owner.events if isinstance(event, ContentReceived)]
        self.assertLessEqual(max(map(len, blocks)), BLOCK_OCTETS)
        self.assertEqual(b"".join(blocks), content.replace(b"\n", b"\r\n") + b"\r\n")

    def test_no_block_follows_a_fault(self) -> None:
        """What is refused is not passed on any further, and its end is found all the same."""
        owner = Owner(SETTINGS)
        owner.send(TO_RECIPIENT, b"DATA\r\n", b"good\r\n", b"bad\0\r\n", b"good again\r\n", b".\r\nNOOP\r\n")
        self.assertEqual(owner.content, b"good")
        [completed] = [event for event in owner.events if isinstance(event, ContentCompleted)]
        self.assertEqual(completed.fault and completed.fault.name, "NUL")

    def test_completion_tells_facts(self) -> None:
        """Size, 8-bit header and hops are known at the end."""
        owner = Owner(SETTINGS)
        content = b"Received: a\r\nreceived: b\r\nSubject: \xc3\xa4\r\n\r\nReceived: body\r\n"
        owner.send(TO_RECIPIENT, b"DATA\r\n", content + b".\r\n")
        self.assertEqual(owner.events[-1], ContentCompleted(None, len(content), False, 2))

    def test_hundred_recipients_at_least(self) -> None:
        """A limit under 100 recipients cannot be built (RFC 5321 §4.5.3.1.8)."""
        with self.assertRaises(ValueError):
            Limits(recipients=99)

    def test_settings_do_not_inject(self) -> None:
        """A name or banner that would break the greeting cannot be built."""
        for hostname, banner in ((b"a\r\nb", b""), (b"a b", b""), (b"mx", b"x\r\n250 y"), (b"", b"")):
            with self.assertRaises(ValueError):
                ReceiverSettings(hostname, banner)
