"""Sessions over a wire in memory: answers in order, nothing piles up, and what is lost is forgotten."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Recipient
from shieldrelay.mail.outcome import Fate
from shieldrelay.ports import Attempt
from shieldrelay.smtp.replies import MESSAGE_OK, SHUTTING_DOWN, SPOOL_UNAVAILABLE
from shieldrelay.spool.content import MemoryContent
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.inbound import WAITING_OCTETS
from shieldrelay.wire.outbound_connection import OutboundConnection
from shieldrelay.wire.outbound_settings import NoTls, OutboundSettings
from tests.wire.inbound_fixture import HELLO_WORLD, MAIL, OPENING, RCPT, World

CHUNK = b"BDAT 5 LAST\r\nhello"


class SessionTests(SynchronousTestCase):
    """What a client sees."""

    def setUp(self) -> None:
        self.world = World()

    def test_greeting(self) -> None:
        """The greeting is the first thing said, before the client says anything."""
        client, _pump = self.world.connected()
        self.assertEqual(client.octets, b"220 mx.test ESMTP\r\n")

    @settings(deadline=None, derandomize=True, max_examples=40)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
    def test_pieces_are_invisible(self, pieces: list[int]) -> None:
        """However a whole session is cut into segments, its replies and its message are the same."""
        world = World()
        client, pump = world.connected(pieces)
        client.say(OPENING + b"DATA\r\n" + HELLO_WORLD + b".\r\nRSET\r\nQUIT\r\n")
        pump.flush()
        self.assertEqual(client.codes, [220, 250, 250, 250, 354, 250, 250, 221])
        (message, content), *others = world.taken
        self.assertEqual((others, content.endswith(HELLO_WORLD)), ([], True))
        self.assertTrue(content.startswith(b"Received: from client.test ([192.0.2.7])\r\n"), content)
        self.assertEqual(str(message.envelope.recipients[0].mailbox), "alice@example.test")
        self.assertEqual((client.lost is not None, len(world.sessions)), (True, 0))

    def test_our_sender_is_understood(self) -> None:
        """The sender that delivers to next hops delivers to us, in octets and in long pieces alike."""
        for pieces in (1, 7, None):
            world = World()
            owner = Owner()
            sender = OutboundConnection(world.clock, owner, OutboundSettings("us.test"), NoTls(), "host")
            pump = Pump(sender, world.session(), clock=world.clock, pieces=pieces)
            pump.start()
            pump.flush()
            recipients = tuple(Recipient(parse_mailbox(name)) for name in (b"bob@example.test", b"nobody@example.test"))
            envelope = Envelope(parse_mailbox(b"a@sender.test"), recipients)
            content = MemoryContent((b"Subject: dots\r\n\r\n.\r\n..two\r\n",), ascii_header=True)
            settled: list[Any] = []
            attempt = Attempt(Message("x", 0.0, "example.test", envelope), recipients, content)
            sender.offer(attempt, lambda *told, kept=settled: kept.append(told))
            pump.flush()
            self.assertEqual([one.fate for one in settled[0][1].outcomes], [Fate.TAKEN, Fate.REFUSED])
            self.assertTrue(world.taken[0][1].endswith(b"\r\n\r\n.\r\n..two\r\n"))

    def test_journal_tells_the_session(self) -> None:
        """A session ends in one line of the journal with what it did."""
        client, pump = self.world.connected()
        client.say(OPENING + b"RCPT TO:<nobody@example.test>\r\nFOO\r\n" + CHUNK + b"QUIT\r\n")
        pump.flush()
        (told,) = self.world.journal.named("session")
        expected = {
            "session": "id1", "peer": "192.0.2.7", "port": 40000, "helo": b"client.test", "tls": None, "seconds": 0.0,
            "end": "quit", "commands": 7, "errors": 1, "messages": 1, "refused": 1, "received": 158,
        }  # fmt: skip
        self.assertEqual(told | {"received": 158}, expected)
        self.assertGreater(int(str(told["received"])), 100)


class OrderTests(SynchronousTestCase):
    """Answers that have to be waited for."""

    def setUp(self) -> None:
        self.world = World()
        self.world.holds = True

    def test_a_pending_answer_stops_the_reading_of_commands(self) -> None:
        """What is pipelined behind a message waits for that message's answer, and is answered after it."""
        client, pump = self.world.connected()
        client.say(OPENING + CHUNK + MAIL + b"RCPT TO:<nobody@example.test>\r\nNOOP\r\n")
        pump.flush()
        self.assertEqual(client.codes, [220, 250, 250, 250])
        self.world.answer(SPOOL_UNAVAILABLE)
        pump.flush()
        self.assertEqual(client.codes[4:], [451, 250, 550, 250])

    def test_thousands_of_commands_in_one_segment(self) -> None:
        """Ten thousand recipients in one segment are all answered, in order, without recursion."""
        client, pump = self.world.connected()
        pair = RCPT + b"RCPT TO:<nobody@example.test>\r\n"
        client.say(b"EHLO client.test\r\n" + MAIL + pair * 5000)
        pump.flush()
        self.assertEqual(client.codes[3:], [250, 550] * 5000)

    def test_thousands_of_messages_in_one_segment(self) -> None:
        """Messages behind each other are all taken, whether their answers are there at once or come later."""
        for holds in (False, True):
            self.world = World()
            self.world.holds = holds
            client, pump = self.world.connected()
            client.say(b"EHLO client.test\r\n" + (MAIL + RCPT + CHUNK) * 2000)
            pump.flush()
            while self.world.pending:
                self.world.answer()
                pump.flush()
            self.assertEqual((client.codes, len(self.world.taken)), ([220, 250] + [250] * 6000, 2000))

    def test_the_session_is_in_a_transaction_while_content_comes_or_an_answer_is_owed(self) -> None:
        """Who would lose work by an end is told apart from who would not."""
        session = self.world.session()
        session.makeConnection(StringTransport())
        seen = [session.in_transaction]
        for octets in (OPENING, b"DATA\r\n", HELLO_WORLD, b".\r\n"):
            session.dataReceived(octets)
            seen.append(session.in_transaction)
        self.world.answer()
        self.assertEqual([*seen, session.in_transaction], [False, False, True, True, True, False])


class BoundTests(SynchronousTestCase):
    """What a client can make us keep."""

    def setUp(self) -> None:
        self.world = World(in_memory=1000)
        self.world.holds = True
        self.session = self.world.session()
        self.transport = StringTransport()
        self.session.makeConnection(self.transport)

    def test_a_client_is_paused_while_its_answer_is_pending(self) -> None:
        """What comes behind an unanswered message is read up to a bound, and all of it is answered in the end."""
        self.session.dataReceived(OPENING + CHUNK)
        self.session.dataReceived(b"NOOP\r\n" * 10000)
        self.assertEqual(self.transport.producerState, "producing")
        self.session.dataReceived(b"NOOP\r\n" * (WAITING_OCTETS // 6 - 9000))
        self.assertEqual(self.transport.producerState, "paused")
        self.transport.clear()
        self.world.answer()
        while self.world.clock.getDelayedCalls()[0].getTime() <= self.world.clock.seconds():
            self.world.clock.advance(0)
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.transport.value().count(b"250 2.0.0 Ok"), WAITING_OCTETS // 6 + 1000)

    def test_answers_do_not_let_a_client_pile_up(self) -> None:
        """A client with a thousand tiny messages ahead is not read again before all of them are answered."""
        self.session.dataReceived(b"EHLO client.test\r\n" + (MAIL + RCPT + CHUNK) * 1000)
        self.session.dataReceived((MAIL + RCPT + CHUNK) * 1000)
        for _ in range(1000):
            self.world.answer()
            self.world.clock.advance(0)
            self.assertEqual(self.transport.producerState, "paused")

    def test_content_that_waits_for_the_disk_is_not_read_on(self) -> None:
        """While the disk is slow the client is slowed down; then both go on, and nothing is lost."""
        self.session.dataReceived(OPENING + b"DATA\r\n" + b"x" * 70 + b"\r\n")
        block = (b"y" * 70 + b"\r\n") * 900
        for _ in range(3):
            self.session.dataReceived(block)
        (draft,) = self.world.drafts
        self.assertEqual((self.transport.producerState, len(draft.waiting)), ("paused", 1))
        while draft.waiting:
            draft.go_on()
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(b"".join(draft.blocks).count(b"y" * 70), 2700)

    def test_a_client_that_does_not_read_is_answered_no_more(self) -> None:
        """Replies that nobody reads stop the session: no more is answered, no more is read, memory is bounded."""
        client, pump = self.world.connected()
        pump.client.paused = True  # the client's side reads no more
        client.say(b"EHLO client.test\r\n" + b"HELP\r\n" * 100_000)
        pump.flush()
        under_way = len(pump.server._under_way)
        self.assertLess(under_way, 200_000)
        self.assertTrue(pump.server.paused)
        pump.client.paused = False
        pump.flush()
        self.assertEqual(client.codes[2:], [214] * 100_000)

    def test_a_client_that_never_reads_is_ended_by_its_deadline(self) -> None:
        """It is broken off without a word, for it would not hear one."""
        client, pump = self.world.connected()
        pump.client.paused = True
        client.say(b"HELP\r\n" * 100_000)
        pump.flush()
        pump.advance(302)
        self.assertEqual((self.world.ended(), pump.server.connected), (["a command took too long"], False))


class LossTests(SynchronousTestCase):
    """What is left of a connection that is lost: nothing."""

    def setUp(self) -> None:
        self.world = World(in_memory=1000)
        self.world.holds = True
        self.client, self.pump = self.world.connected()

    def say(self, octets: bytes) -> None:
        self.client.say(octets)
        self.pump.flush()

    def test_lost_in_the_midst_of_content_in_memory(self) -> None:
        """The memory is given back."""
        self.say(OPENING + b"DATA\r\n" + b"x" * 500)
        self.assertGreater(self.world.budget.used, 0)
        self.pump.cut()
        self.assertEqual((self.world.budget.used, len(self.world.sessions), self.world.ended()), (0, 0, ["lost"]))

    def test_lost_in_the_midst_of_content_on_the_disk(self) -> None:
        """The draft is discarded, whether the disk was at work or not."""
        for goes_on in (True, False):
            self.setUp()
            self.say(OPENING + b"DATA\r\n" + b"x" * 50 + b"\r\n" + b"y" * 5000 + b"\r\n" + b"z" * 5000)
            (draft,) = self.world.drafts
            while goes_on and draft.waiting:
                draft.go_on()
            self.pump.cut()
            draft.go_on()
            self.assertEqual((draft.discarded, self.world.budget.used), (True, 0))

    def test_what_was_pipelined_behind_a_pending_answer_is_dropped(self) -> None:
        """A client that is gone before its answer has no further message taken and leaves no content behind."""
        self.say(OPENING + CHUNK + MAIL + RCPT + CHUNK + MAIL + RCPT + b"BDAT 900\r\n" + b"x" * 700)
        self.pump.cut()
        self.world.answer()
        self.world.clock.advance(0)
        self.assertEqual((len(self.world.taken), self.world.budget.used, self.world.drafts), (1, 0, []))

    def test_a_complete_message_survives_its_client(self) -> None:
        """What was complete when the client left is answered, to nobody, and counted."""
        self.say(OPENING + CHUNK)
        self.pump.cut()
        self.world.answer(MESSAGE_OK)
        self.assertEqual([one["result"] for one in self.world.journal.named("transaction")], ["accepted"])


class EndTests(SynchronousTestCase):
    """Ends that are ours."""

    def setUp(self) -> None:
        self.world = World()

    def test_a_bug_ends_this_session_alone(self) -> None:
        """A bug is told with where it is, its client gets 421, and another client is served on."""
        client, pump = self.world.connected()
        other, other_pump = self.world.connected()
        self.world.gate.bug = KeyError("boo")
        client.say(OPENING + RCPT)
        pump.flush()
        self.world.gate.bug = None
        other.say(OPENING)
        other_pump.flush()
        self.assertEqual((client.codes[-1], other.codes), (421, [220, 250, 250, 250]))
        self.assertIsNotNone(client.lost)
        (told,) = self.world.journal.named("bug")
        self.assertEqual((told["where"], told["error"], told["session"]), ("inbound", "KeyError('boo')", "id1"))
        self.assertIn("in recipient", str(told["traceback"]))
        self.assertEqual(self.world.ended(), ["a bug of ours"])

    def test_a_bug_in_an_answer_that_is_waited_for(self) -> None:
        """An answer that fails ends its session with 421, never with 5yz."""
        self.world.holds = True
        client, pump = self.world.connected()
        client.say(OPENING + CHUNK)
        pump.flush()
        self.world.pending.pop().errback(ZeroDivisionError())
        pump.flush()
        self.assertEqual((client.codes[-1], client.lost is not None), (421, True))
        self.assertEqual(len(self.world.journal.named("bug")), 1)

    def test_the_stop_of_the_node(self) -> None:
        """A session that is ended is told why, and what it had begun is dropped."""
        client, pump = self.world.connected()
        client.say(OPENING + b"DATA\r\n" + HELLO_WORLD)
        pump.flush()
        pump.server.protocol.end("the node stops", SHUTTING_DOWN)
        pump.flush()
        self.assertEqual((client.last, self.world.taken), ("421 4.3.2 Shutting down, try again", []))
        self.assertEqual((self.world.ended(), self.world.budget.used), (["the node stops"], 0))

    def test_an_answer_that_comes_after_the_end_is_not_said(self) -> None:
        """A session that was ended while its answer was pending hears 421 and nothing else."""
        self.world.holds = True
        client, pump = self.world.connected()
        client.say(OPENING + CHUNK)
        pump.flush()
        pump.server.protocol.end("the node stops", SHUTTING_DOWN)
        self.world.answer()
        pump.flush()
        self.assertEqual(client.codes[4:], [421])


class Owner:
    """Whom an outbound connection tells of itself; this one only lets it be."""

    def free(self, connection: OutboundConnection) -> None:
        """Hear that it is free."""

    def leaving(self, connection: OutboundConnection) -> None:
        """Hear that it leaves."""

    def closed(self, connection: OutboundConnection) -> None:
        """Hear that it is closed."""
