"""What sessions ask the gate, when, and what its answers do to them; over a wire in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp.replies import SHUTTING_DOWN, TLS_UNAVAILABLE, TOO_MANY_ERRORS
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.deadlines import SWEEP_SECONDS
from shieldrelay.wire.inbound import WAITING_OCTETS
from tests.wire.inbound_fixture import HELLO_WORLD, MAIL, OPENING, RCPT, Client, World
from tests.wire.test_inbound_tls import TlsCase

DELAY = 3.0
CHUNK = b"BDAT 5 LAST\r\nhello"
TALKED = Refusal(Reply(421, (4, 7, 0), ("Wait for the greeting (reference id1)",)), "talked within 3 s", "greeting")
LATER = Reply(450, (4, 7, 1), ("Try again later",))


class GateCase(SynchronousTestCase):
    """A world whose gate the test sets."""

    def setUp(self) -> None:
        self.world = World()
        self.gate = self.world.gate
        self.client: Client
        self.pump: Pump

    def connect(self, pieces: int | None = None) -> None:
        self.client, self.pump = self.world.connected(pieces)

    def say(self, octets: bytes) -> None:
        self.client.say(octets)
        self.pump.flush()

    def tearDown(self) -> None:
        if not self.client.lost:
            self.pump.cut()
        self.assertEqual((len(self.gate.departures), self.gate.present), (len(self.gate.visits), []))


class GreetingTests(GateCase):
    """The greeting delay and the early-talk test (R22)."""

    def setUp(self) -> None:
        super().setUp()
        self.gate.greeting_delay = DELAY
        self.connect()

    def test_the_greeting_is_held_back(self) -> None:
        """A stranger is greeted after its delay, to within a sweep, and the gate hears that it waited."""
        self.pump.advance(DELAY - 0.01, SWEEP_SECONDS)
        self.assertEqual((self.client.octets, self.gate.greetings), (b"", []))
        self.pump.advance(SWEEP_SECONDS, SWEEP_SECONDS / 2)
        self.assertEqual(self.client.codes, [220])
        self.assertEqual((self.gate.greetings, self.gate.early_talkers), ([self.gate.visits[0]], []))
        self.say(OPENING + CHUNK)
        self.assertEqual(self.client.codes[1:], [250] * 4)

    def test_the_clients_time_begins_with_the_greeting(self) -> None:
        """The time for the first command is counted from the delay's end."""
        self.pump.advance(DELAY + 299, SWEEP_SECONDS)
        self.assertIsNone(self.client.lost)
        self.say(b"EHLO client.test\r\n")
        self.assertEqual(self.client.codes, [220, 250])

    def test_early_talk_that_is_refused(self) -> None:
        """A client that talks first gets the gate's reply instead of a greeting, with the evidence in the journal."""
        self.pump.advance(1)
        self.gate.early = TALKED
        self.say(b"EHLO spam.test\r\n" + MAIL)
        self.assertEqual((self.client.codes, self.client.lost is not None), ([421], True))
        self.assertEqual(self.gate.greetings, [])
        self.assertEqual(self.world.journal.named("violation")[-1]["evidence"], b"EHLO spam.test\r\n" + MAIL)
        told = self.world.journal.named("refused")[-1]
        self.assertEqual((told["reason"], told["defence"], told["code"]), ("talked within 3 s", "greeting", 421))
        self.assertEqual(self.world.ended(), ["talked within 3 s"])

    def test_early_talk_that_is_let_pass(self) -> None:
        """Otherwise it is greeted when its time has come, answered then, and earns no pass; it is judged once."""
        self.say(b"EHLO client.test\r\n")
        self.say(MAIL + RCPT + CHUNK)
        self.assertEqual(self.client.codes, [])
        self.pump.advance(DELAY + SWEEP_SECONDS, SWEEP_SECONDS)
        self.assertEqual((self.client.codes, len(self.world.taken)), ([220] + [250] * 4, 1))
        self.assertEqual((len(self.gate.early_talkers), self.gate.greetings), (1, []))

    def test_early_talk_is_bounded(self) -> None:
        """Of a client that talked early no more is read before its greeting, and nothing is lost."""
        self.say(b"NOOP\r\n")
        self.assertTrue(self.pump.server.paused)
        self.say(b"RSET\r\n" * 1000)
        self.assertLess(self.pump.server.protocol._received, 10)
        self.pump.advance(DELAY + SWEEP_SECONDS, SWEEP_SECONDS)
        self.assertEqual(self.client.codes, [220] + [250] * 1001)
        self.assertFalse(self.pump.server.paused)

    def test_who_leaves_before_the_greeting(self) -> None:
        """It is over with the connection; nobody greets it, and it has no pass."""
        self.pump.cut()
        self.pump.advance(DELAY * 2, SWEEP_SECONDS)
        self.assertEqual((self.world.ended(), self.gate.greetings, len(self.world.sessions)), (["lost"], [], 0))

    def test_the_node_stops_before_the_greeting(self) -> None:
        """A client that still waits is told 421 in the greeting's place."""
        self.pump.server.protocol.end("the node stops", SHUTTING_DOWN)
        self.pump.flush()
        self.assertEqual((self.client.codes, self.world.ended()), ([421], ["the node stops"]))

    def test_nobody_waits_without_a_delay(self) -> None:
        """Who has none is greeted at once; nothing is learnt from that."""
        self.gate.greeting_delay = 0.0
        self.pump.cut()
        self.connect()
        self.assertEqual((self.client.codes, self.gate.greetings), ([220], []))


class ViolationTests(GateCase):
    """What a lawful client does not do."""

    def test_a_violation_is_judged_with_its_evidence(self) -> None:
        """The gate hears of each, and the session goes on unless it says otherwise."""
        self.connect()
        self.say(b"FOO bar\r\nNOOP\r\n")
        self.assertEqual(self.gate.violations, [(ViolationKind.UNKNOWN_COMMAND, b"FOO bar\r\n")])
        self.assertEqual(self.client.codes, [220, 500, 250])

    def test_a_violation_that_ends_the_session(self) -> None:
        """A refusal is the session's last reply; what was pipelined behind it is not read."""
        self.gate.broken = Refusal(TOO_MANY_ERRORS, "3 violations, limit 3", "analysis")
        self.connect()
        self.say(b"EHLO client.test\r\n")
        self.say(MAIL + RCPT + b"FOO\r\n" + RCPT)
        self.assertEqual(self.client.codes, [220, 250, 250, 250, 500, 421])
        self.assertEqual((self.world.ended(), self.gate.abandonments), (["3 violations, limit 3"], [1]))
        self.assertEqual([told["stage"] for told in self.world.journal.named("refused")], ["violation"])


class HeldTests(GateCase):
    """Answers to MAIL and RCPT that are not there at once."""

    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_a_delayed_answer_stops_the_commands_behind_it(self) -> None:
        """Pipelined commands wait for the answer before theirs, and all come in order."""
        self.gate.recipient_verdicts["alice@example.test"] = Verdict(Refusal(LATER, "a tarpit", "harvest"), delay=4.0)
        self.say(b"EHLO client.test\r\n" + MAIL + RCPT + b"RCPT TO:<bob@example.test>\r\nNOOP\r\n")
        self.pump.advance(3.9)
        self.assertEqual(self.client.codes, [220, 250, 250])
        self.pump.advance(0.2)
        self.assertEqual(self.client.codes[3:], [450, 250, 250])

    def test_a_delayed_answer_to_mail(self) -> None:
        """MAIL can wait as well, and its transaction is as usual."""
        self.gate.mail_verdict = Verdict(delay=2.0)
        self.say(OPENING + CHUNK)
        self.assertEqual(self.client.codes, [220, 250])
        self.pump.advance(2.0)
        self.assertEqual((self.client.codes[2:], len(self.world.taken)), ([250, 250, 250], 1))

    def test_a_held_answer(self) -> None:
        """A held answer comes with the exchange, as it is judged then."""
        self.world.exchange = Deferred()
        self.gate.recipient_verdicts["alice@example.test"] = Verdict(held=True)
        self.gate.decisions["alice@example.test"] = Verdict(Refusal(LATER, "a harvest", "harvest"))
        self.say(OPENING + b"NOOP\r\n")
        self.assertEqual(self.client.codes, [220, 250, 250])
        self.world.exchange.callback(None)
        self.pump.flush()
        self.assertEqual(self.client.codes[3:], [450, 250])

    def test_reading_pauses_while_an_answer_is_held(self) -> None:
        """What comes meanwhile is bounded, and answered in the end."""
        self.gate.recipient_verdicts["alice@example.test"] = Verdict(delay=5.0)
        self.say(OPENING)
        self.say(b"NOOP\r\n" * (WAITING_OCTETS // 6 + 1))
        self.assertTrue(self.pump.server.paused)
        self.pump.advance(5.0)
        self.assertEqual((len(self.client.codes), self.pump.server.paused), (4 + WAITING_OCTETS // 6 + 1, False))

    def test_a_client_that_leaves_meanwhile(self) -> None:
        """Its answer is given up: nothing is left on the clock, and it is no bug."""
        for verdict in (Verdict(delay=5.0), Verdict(held=True)):
            self.world.exchange = Deferred()
            self.gate.recipient_verdicts["alice@example.test"] = verdict
            self.say(OPENING)
            self.pump.cut()
            self.assertEqual(len(self.world.clock.getDelayedCalls()), 1)  # the sweep
            self.connect()
        self.assertEqual((self.world.journal.named("bug"), self.gate.decided), ([], []))

    def test_a_session_that_is_ended_meanwhile(self) -> None:
        """It hears 421 and nothing else."""
        self.gate.recipient_verdicts["alice@example.test"] = Verdict(delay=5.0)
        self.say(OPENING)
        self.pump.server.protocol.end("the node stops", SHUTTING_DOWN)
        self.pump.flush()
        self.pump.advance(6.0)
        self.assertEqual((self.client.codes, self.client.lost is not None), ([220, 250, 250, 421], True))

    def test_a_thousand_delayed_answers_in_one_segment(self) -> None:
        """They come one after the other, each after its own delay, without recursion."""
        self.gate.recipient_verdicts["alice@example.test"] = Verdict(delay=1.0)
        self.say(b"EHLO client.test\r\n" + MAIL + RCPT * 1000)
        self.pump.advance(999.5, 0.5)
        self.assertEqual(len(self.client.codes), 3 + 999)


class DepartureTests(GateCase):
    """The end of a visit, told once on every path."""

    def test_octets_are_told(self) -> None:
        """The gate hears how many octets came."""
        self.connect()
        said = OPENING + b"DATA\r\n" + HELLO_WORLD + b".\r\nQUIT\r\n"
        self.say(said)
        self.assertEqual(self.gate.departures, [("id1", len(said))])
        self.assertEqual(self.gate.completions, [1])

    def test_every_end_is_told_once(self) -> None:
        """By the client, by us, by a bug, by a lost or broken connection."""
        sayings = (b"QUIT\r\n", b"GET / HTTP/1.1\r\n", OPENING, OPENING + b"DATA\r\nhalf", b"")
        for ends, octets in enumerate(sayings, 1):
            self.connect()
            self.say(octets)
            if octets == OPENING:
                self.pump.server.protocol.break_off()
                self.pump.flush()
            elif not octets:
                self.gate.bug = KeyError("boo")
                self.say(OPENING)
            if not self.client.lost:
                self.pump.cut()
            self.assertEqual(len(self.gate.departures), ends)

    def test_recipients_without_a_message_are_told(self) -> None:
        """A client that leaves after its recipients has abandoned them, before it has left."""
        self.connect()
        self.say(OPENING + b"RCPT TO:<bob@example.test>\r\nQUIT\r\n")
        self.assertEqual((self.gate.abandonments, len(self.gate.departures)), ([2], 1))


class HandshakeTests(TlsCase):
    """STARTTLS."""

    def test_each_handshake_is_judged(self) -> None:
        """The gate is asked before we agree to it."""
        self.encrypt()
        self.say(b"EHLO client.test\r\n")
        self.assertEqual((self.client.codes, len(self.world.gate.handshakes)), ([220, 220, 250], 1))

    def test_a_handshake_that_is_refused(self) -> None:
        """The client is told why in general, and may go on in the clear."""
        self.world.gate.tls = Refusal(TLS_UNAVAILABLE, "21 handshakes in a minute, limit 20", "connections")
        self.say(b"EHLO client.test\r\nSTARTTLS\r\n")
        self.say(OPENING + CHUNK)
        self.assertEqual(self.client.codes, [220, 250, 454, 250, 250, 250, 250])
        self.assertEqual([told["stage"] for told in self.world.journal.named("refused")], ["starttls"])

    def test_a_handshake_that_drips(self) -> None:
        """A TLS handshake that comes octet by octet ends at the time of a command."""
        self.say(b"STARTTLS\r\n")
        began, hello = self.world.clock.seconds(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
        for octet in hello:
            self.client.say(bytes((octet,)))
            self.pump.advance(10, 1)
            if self.client.lost:
                break
        took = self.world.clock.seconds() - began
        self.assertEqual((self.world.ended(), 300 <= took <= 312), (["a command took too long"], True))
