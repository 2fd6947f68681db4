"""What went wrong elsewhere and may not go wrong here: the defects of a well-known SMTP receiver, each by its name."""

from __future__ import annotations

import tracemalloc

from twisted.trial import unittest

from shieldrelay.smtp import replies
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.events import ContentCompleted, ContentReceived, Hello, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import ContentRules, Limits
from shieldrelay.smtp.receiver import Phase, Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.testing.dialogue import Owner

SETTINGS = ReceiverSettings(b"mx.test")
TO_CONTENT = b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<b@r.test>\r\nDATA\r\n"


class RegressionTests(unittest.SynchronousTestCase):
    def test_slow_sender_check_keeps_pipelined_order(self) -> None:
        """RCPT pipelined behind a MAIL whose answer takes its time is neither read nor refused before that answer."""
        receiver = Receiver(SETTINGS, tls_available=False)
        receiver.greet()
        receiver.feed(b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<b@r.test>\r\nRCPT TO:<c@r.test>\r\n")
        events = [receiver.next_event() for _ in range(3)]
        self.assertIsInstance(events[-1], MailRequested)
        receiver.output()
        self.assertIsNone(receiver.next_event())
        self.assertEqual((receiver.output(), receiver.phase), (b"", Phase.WAITING))
        receiver.answer(replies.SENDER_OK)
        self.assertIsInstance(receiver.next_event(), RecipientRequested)
        receiver.answer(replies.RECIPIENT_OK)
        self.assertIsInstance(receiver.next_event(), RecipientRequested)
        receiver.answer(replies.UNKNOWN_RECIPIENT)
        self.assertEqual([line[:3] for line in receiver.output().splitlines()], [b"250", b"250", b"550"])

    def test_plaintext_behind_starttls_is_not_answered_in_tls(self) -> None:
        """A command in the segment of STARTTLS ends the session before any handshake."""
        owner = Owner(SETTINGS, tls_available=True)
        said = owner.send(b"EHLO c.test\r\n", b"STARTTLS\r\nMAIL FROM:<injected@s.test>\r\n")
        self.assertTrue(said.endswith(b"503 5.5.1 Nothing may follow STARTTLS\r\n"))
        self.assertTrue(owner.receiver.closing)
        self.assertNotIn("MailRequested", [type(event).__name__ for event in owner.events])

    def test_plaintext_before_the_handshake_is_not_answered_in_tls(self) -> None:
        """Octets that come between 220 and the handshake end the session; half a command does too."""
        owner = Owner(SETTINGS, tls_available=True)
        owner.send(b"EHLO c.test\r\n", b"STARTTLS\r\n")
        self.assertEqual(owner.receiver.phase, Phase.HANDSHAKE)
        owner.send(b"MAIL FR")
        self.assertTrue(owner.receiver.closing)
        self.assertEqual(owner.violations(), ["PLAINTEXT_BEHIND_STARTTLS"])

    def test_introduction_and_sender_do_not_survive_starttls(self) -> None:
        """After the handshake RCPT needs MAIL and MAIL needs EHLO."""
        owner = Owner(SETTINGS, tls_available=True)
        owner.send(b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\n", b"STARTTLS\r\n")
        owner.receiver.tls_started()
        said = owner.send(b"RCPT TO:<b@r.test>\r\nMAIL FROM:<a@s.test>\r\n")
        self.assertEqual([line[:3] for line in said.splitlines()], [b"503", b"503"])

    def test_long_content_line_does_not_become_commands(self) -> None:
        """A content line over 16 384 octets leaves what follows in it content; so does one over the limit."""
        for length in (16385, 65535, 65536, 200000):
            owner = Owner(SETTINGS)
            owner.send(TO_CONTENT)
            said = owner.send(b"a" * length + b"\r\nMAIL FROM:<evil@s.test>\r\nRSET\r\n.\r\n")
            self.assertEqual(len(said.splitlines()), 1, length)
            self.assertEqual(said[:3], b"250" if length <= 65535 else b"554")
            self.assertEqual(sum(isinstance(event, MailRequested) for event in owner.events), 1)

    def test_lf_dot_lf_neither_ends_content_nor_passes(self) -> None:
        """Every almost-end of content is content, and is refused after the real end."""
        ends = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\r\n.\r\n", b"\n\n.\n\n")
        for almost in ends:
            owner = Owner(SETTINGS)
            owner.send(TO_CONTENT)
            said = owner.send(b"one" + almost + b"two\r\n.\r\n")
            first = said.splitlines()[0]
            self.assertTrue(first.startswith(b"554 5.6.0 Message contains a bare"), (almost, said))

    def test_only_crlf_ends_lines(self) -> None:
        """What other languages take for line ends passes as content: VT, FF, FS, GS, RS, NEL, LS, PS."""
        odd = b"a\x0b.\x0bb\x0c.\x0cc\x1c.\x1cd\x1d.\x1de\x1e.\x1ef\x85.\x85g\xe2\x80\xa8.\xe2\x80\xa8h\xe2\x80\xa9\r\n"
        owner = Owner(SETTINGS)
        owner.send(TO_CONTENT)
        self.assertEqual(owner.send(odd + b".\r\n"), b"250 2.0.0 Message accepted\r\n")
        self.assertEqual(owner.content, odd)

    def test_twenty_thousand_recipients_are_not_tolerated(self) -> None:
        """Recipients beyond the limit get 452 and are not asked about, in order and in one segment."""
        owner = Owner(SETTINGS)
        owner.send(b"EHLO c.test\r\nMAIL FROM:<>\r\n")
        said = owner.send(b"RCPT TO:<b@r.test>\r\n" * 19000).splitlines()
        self.assertEqual([line[:3] for line in said], [b"250"] * 100 + [b"452"] * 18900)
        self.assertEqual(sum(isinstance(event, RecipientRequested) for event in owner.events), 100)

    def test_thousand_unknown_verbs_are_not_tolerated(self) -> None:
        """The fourth unknown verb ends the session."""
        owner = Owner(SETTINGS)
        said = owner.send(b"XYZZY\r\n" * 1000)
        self.assertEqual([line[:3] for line in said.splitlines()], [b"220", b"500", b"500", b"500", b"421"])
        self.assertTrue(owner.receiver.closing)

    def test_eight_bit_verb_and_bare_auth_do_not_raise(self) -> None:
        """Octets that are no ASCII, and AUTH without an argument, are refused like anything unknown."""
        said = Owner(SETTINGS).send(b"\xff\xfe\r\n", b"AUTH\r\n", b"\xc3\x84HLO x\r\n")
        self.assertEqual([line[:3] for line in said.splitlines()], [b"220", b"500", b"502", b"500"])

    def test_fifty_megabytes_without_a_line_end_cost_no_memory(self) -> None:
        """An endless command line is swallowed in bounded memory and answered once."""
        owner = Owner(SETTINGS)
        segment = b"A" * 65536
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        owner.send(*([segment] * 800))
        self.assertLess(tracemalloc.get_traced_memory()[1], 2 * 2**20)
        self.assertEqual(owner.send(b"\r\nEHLO c.test\r\n").splitlines()[0], b"500 5.5.2 Line too long")

    def test_endless_content_costs_no_memory_and_ends(self) -> None:
        """Content without an end is read up to twice the size limit, in bounded memory, then refused and closed."""
        settings = ReceiverSettings(b"mx.test", rules=ContentRules(message_size=2**20))
        receiver = Owner(settings).receiver
        for octets in TO_CONTENT.splitlines(keepends=True):
            _pump(receiver, octets)
        receiver.output()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        sent = 0
        while not receiver.closing and sent < 5 * 2**20:
            _pump(receiver, b"0123456789abcde\n" * 4096)
            sent += 65536
        self.assertEqual(sent, 2 * 2**20 + 65536)
        self.assertLess(tracemalloc.get_traced_memory()[1], 2 * 2**20)
        self.assertEqual(receiver.output(), b"552 5.3.4 Message size exceeds the limit by far\r\n")

    def test_thousands_of_commands_in_one_segment_do_not_recurse(self) -> None:
        """Commands that the receiver answers itself are a loop, however many stand in one segment."""
        limits = Limits(junk_commands=10**6, commands=10**6)
        owner = Owner(ReceiverSettings(b"mx.test", limits=limits))
        owner.send(b"EHLO c.test\r\n")
        self.assertEqual(owner.send(b"NOOP\r\n" * 20000), b"250 2.0.0 Ok\r\n" * 20000)

    def test_tls_torn_down_within_a_chunk_ends_the_transaction(self) -> None:
        """A connection that ends in mid-content says so, and what is fed behind is not read."""
        owner = Owner(SETTINGS)
        owner.send(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@r.test>\r\nBDAT 100 LAST\r\nabc")
        self.assertTrue(owner.receiver.eof())
        self.assertEqual(owner.send(b"d" * 97), b"")
        self.assertFalse(any(isinstance(event, ContentCompleted) for event in owner.events))

    def test_events_are_what_was_said(self) -> None:
        """No event of a lawful message is lost or doubled."""
        owner = Owner(SETTINGS)
        owner.send(TO_CONTENT, b"x\r\n.\r\n")
        names = [type(event) for event in owner.events if type(event).__name__ != "Violation"]
        self.assertEqual(names[0], Hello)
        self.assertEqual(names[-2:], [ContentReceived, ContentCompleted])
        self.assertEqual(len(names), 6)

    def test_fault_is_told_by_the_same_reply_for_all(self) -> None:
        """No two faults share a reply, so none is an alias of another."""
        self.assertEqual(len({fault.reply for fault in ContentFault}), len(list(ContentFault)))


def _pump(receiver: Receiver, octets: bytes) -> None:
    """Drive a receiver without keeping what it tells."""
    receiver.feed(octets)
    while (event := receiver.next_event()) is not None:
        match event:
            case ContentCompleted(fault=ContentFault() as fault):
                receiver.answer(fault.reply)
            case MailRequested() | RecipientRequested():
                receiver.answer(replies.RECIPIENT_OK)
            case _ if event.wants_answer:
                receiver.answer(replies.START_CONTENT)
