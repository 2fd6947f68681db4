"""Claims about telling a next hop who sent a message: XFORWARD within a transaction, XCLIENT before it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.outcome import Fate, ServerHealth
from shieldrelay.smtp.sender import Sender
from shieldrelay.smtp.sender_context import COMMAND_OCTETS, Handover, xclient, xforward
from shieldrelay.smtp.sender_events import SessionOver, TransactionDone
from shieldrelay.smtp.sender_opening import Terms
from shieldrelay.smtp.sender_phases import Phase
from tests.smtp.sender_dialogue import ENVELOPE, converse, events

ORIGIN = Origin("192.0.2.9", 4025, "client.test", "ESMTPS")
SIX = Origin("2001:db8::9", 4025, "a b=c+é", "SMTP")
OFFERED = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"})
EHLO = (
    b"250-mx\r\n250-PIPELINING\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n"
    b"250 XCLIENT NAME ADDR PORT\r\n"
)
PIPELINED = b"MAIL FROM:<s@sender.example>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n"
TOLD = b"ADDR=192.0.2.9 NAME=[UNAVAILABLE] PORT=4025 PROTO=ESMTP HELO=client.test IDENT=M1 SOURCE=REMOTE\r\n"


def opened(handover: Handover, ehlo: bytes = EHLO) -> Sender:
    """Open a session."""
    sender = Sender(Terms("relay.example", handover=handover))
    converse(sender, b"220 mx\r\n", ehlo)
    events(sender)
    return sender


def begun(sender: Sender, origin: Origin | None = ORIGIN) -> bytes:
    """Begin a transaction; gives what is written first."""
    sender.begin(ENVELOPE, ENVELOPE.recipients, 6, origin=origin, message_id="M1")
    return sender.output()


class XforwardTests(SynchronousTestCase):
    def test_it_goes_before_mail(self):
        """Where XFORWARD is offered it goes before MAIL, in one group with it; the message is delivered."""
        sender = opened(Handover.XFORWARD)
        self.assertEqual(begun(sender), b"XFORWARD " + TOLD + PIPELINED)
        self.assertEqual(sender.phase, Phase.CONTEXT)
        converse(sender, b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n", content=b"x\r\n")
        (done,) = [event for event in events(sender) if isinstance(event, TransactionDone)]
        self.assertEqual([outcome.fate for outcome in done.outcomes], [Fate.TAKEN])

    def test_without_pipelining_it_is_waited_for(self):
        """A server that takes one command at a time gets MAIL when it has answered."""
        sender = opened(Handover.XFORWARD, b"250-mx\r\n250 XFORWARD ADDR\r\n")
        self.assertEqual(begun(sender), b"XFORWARD ADDR=192.0.2.9\r\n")
        self.assertEqual(converse(sender, b"250 ok\r\n"), [b"MAIL FROM:<s@sender.example>\r\n"])

    def test_a_refusal_changes_nothing(self):
        """A server that refuses to be told gets the message all the same."""
        for refusal in (b"501 what\r\n", b"450 later\r\n", b"550 not you\r\n"):
            sender = opened(Handover.XFORWARD)
            begun(sender)
            converse(sender, refusal, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n", content=b"x\r\n")
            (done,) = [event for event in events(sender) if isinstance(event, TransactionDone)]
            self.assertEqual(done.outcomes[0].fate, Fate.TAKEN)

    def test_only_where_it_is_offered_and_known(self):
        """Nothing is said where nothing is offered, where it is switched off, and of our own messages."""
        self.assertEqual(begun(opened(Handover.XFORWARD, b"250-mx\r\n250 PIPELINING\r\n")), PIPELINED)
        self.assertEqual(begun(opened(Handover.NONE)), PIPELINED)
        self.assertEqual(begun(opened(Handover.XFORWARD), origin=None), PIPELINED)

    def test_values_are_xtext(self):
        """IPv6 is marked as such, and whatever a client called itself cannot leave its attribute."""
        self.assertEqual(
            xforward(SIX, "M1", frozenset({"ADDR", "HELO", "PROTO"})),
            b"XFORWARD ADDR=IPV6:2001:db8::9 PROTO=SMTP HELO=a+20b+3Dc+2B+C3+A9\r\n",
        )

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(max_size=255), st.sampled_from([xforward, lambda origin, _, offered: xclient(origin, offered)]))
    def test_no_name_can_break_out(self, helo, command):
        """Whatever the name, the command is one line of printable ASCII, short enough, one word for each attribute."""
        made = command(Origin("192.0.2.9", 1, helo), "M1", OFFERED)
        self.assertLessEqual(len(made), COMMAND_OCTETS)
        self.assertRegex(made, rb"\A[!-~]+(?: [A-Z]+=[!-~]+)+\r\n\Z")


class XclientTests(SynchronousTestCase):
    def test_a_session_of_the_client(self):
        """XCLIENT, its 220, EHLO in the client's name, and only then MAIL; so again where XCLIENT is offered again."""
        sender = opened(Handover.XCLIENT)
        for _ in range(2):
            self.assertEqual(begun(sender), b"XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE] PORT=4025\r\n")
            self.assertEqual(converse(sender, b"220 mx\r\n", EHLO), [b"EHLO client.test\r\n", PIPELINED])
            replies = (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n")
            converse(sender, *replies, content=b"x\r\n")
            (done,) = [event for event in events(sender) if isinstance(event, TransactionDone)]
            self.assertEqual((done.outcomes[0].fate, sender.phase), (Fate.TAKEN, Phase.READY))

    def test_our_own_message_is_nobody_elses(self):
        """A message of our own, behind one of a client's, does not go in that client's name."""
        sender = opened(Handover.XCLIENT)
        self.assertEqual(begun(sender, None), b"XCLIENT ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE] PORT=[UNAVAILABLE]\r\n")

    def test_refused_it_is_for_later(self):
        """XCLIENT or the EHLO behind it refused: the session ends, a fault of the server; the message waits (R5)."""
        for replies in ((b"550 not you\r\n",), (b"421 busy\r\n",), (b"220 mx\r\n", b"554 no\r\n")):
            sender = opened(Handover.XCLIENT)
            begun(sender)
            converse(sender, *replies)
            done, over = events(sender)
            assert isinstance(done, TransactionDone)
            self.assertEqual((done.outcomes[0].fate, done.health), (Fate.TRANSIENT, ServerHealth.FAULT))
            self.assertIsInstance(over, SessionOver)

    def test_closed_while_idle_it_is_tried_anew(self):
        """A kept connection that dies at XCLIENT was dead before: the message is offered over a fresh one (R6)."""
        sender = opened(Handover.XCLIENT)
        begun(sender)
        converse(sender, b"220 mx\r\n", EHLO, *(b"250 ok\r\n",) * 2, b"354 go\r\n", b"250 ok\r\n", content=b"x\r\n")
        events(sender)
        begun(sender)
        sender.give_up("the connection was lost")
        done, _over = events(sender)
        assert isinstance(done, TransactionDone)
        self.assertEqual(done.health, ServerHealth.STALE)

    def test_what_is_no_name_is_not_said(self):
        """A client that called itself something odd is introduced by our name."""
        sender = opened(Handover.XCLIENT)
        begun(sender, SIX)
        self.assertEqual(converse(sender, b"220 mx\r\n"), [b"EHLO relay.example\r\n"])

    def test_a_renamed_session_is_for_nobody_else(self):
        """Where XCLIENT is not offered behind XCLIENT, the next message goes over a fresh connection."""
        sender = opened(Handover.XCLIENT)
        begun(sender)
        renewed = (b"220 mx\r\n", b"250-mx\r\n250 PIPELINING\r\n")
        replies = (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n")
        converse(sender, *renewed, *replies, content=b"x\r\n")
        events(sender)
        self.assertEqual(begun(sender), b"")
        done, over = events(sender)
        assert isinstance(done, TransactionDone)
        self.assertEqual((done.health, sender.phase), (ServerHealth.STALE, Phase.CLOSED))
        self.assertIsInstance(over, SessionOver)

    def test_what_does_not_fit_is_said_before(self):
        """A message that is larger than the renewed session takes is declined, and the session can go on."""
        sender = opened(Handover.XCLIENT)
        begun(sender)
        converse(sender, b"220 mx\r\n", b"250-mx\r\n250 SIZE 5\r\n")
        (done,) = events(sender)
        assert isinstance(done, TransactionDone)
        self.assertEqual((done.outcomes[0].fate, sender.phase), (Fate.CONTENT_REFUSED, Phase.READY))
