"""`ScriptedNextHop`: a decent server by itself, a wicked one on command, and strict in both."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from email.message import EmailMessage
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.testing.authority import Authority
from shieldrelay.testing.nexthop import (
    End,
    Gate,
    Occasion,
    ScriptedNextHop,
    Step,
    close,
    endless,
    lose_reply,
    say,
    silence,
    stall,
)
from shieldrelay.testing.pump import Pump, RunsAway

FRAGMENTS = [
    b"EHLO c\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<b@x>\r\n",
    b"DATA\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN =\r\n",
    b"AHUAcA==\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
]


class Talker(Protocol):
    """A client that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None

    def dataReceived(self, octets: bytes) -> None:
        self.heard += octets

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class Joined(SynchronousTestCase):
    """A talker joined to a next hop in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.hop = ScriptedNextHop(self.clock)
        self.join()

    def join(self, pieces: int | None = None) -> None:
        self.talker = Talker()
        self.pump = Pump(self.talker, self.hop.buildProtocol(), clock=self.clock, pieces=pieces)
        self.pump.start()
        self.pump.flush()

    def say(self, octets: bytes) -> bytes:
        """Write octets and give what is heard because of them."""
        before = len(self.talker.heard)
        self.pump.client.write(octets)
        self.pump.flush()
        return self.talker.heard[before:]

    def transaction(self, content: bytes, recipient: bytes = b"b@example.test") -> bytes:
        self.say(b"EHLO client.test\r\n")
        self.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % recipient)
        return self.say(content)


class DecentTests(Joined):
    """What it does without a script."""

    def test_takes_a_message_as_it_was_before_stuffing(self) -> None:
        """Dots are taken off, and nothing else is changed."""
        reply = self.transaction(b"Subject: x\r\n\r\n..\r\n..two\r\n \r\n.\r\n")
        self.assertEqual(reply, b"250 2.0.0 stored\r\n")
        (message,) = self.hop.messages
        self.assertEqual(message.content, b"Subject: x\r\n\r\n.\r\n.two\r\n \r\n")
        self.assertEqual((message.reverse_path, message.recipients), (b"a@example.org", (b"b@example.test",)))
        self.assertEqual(self.hop.violations, [])

    def test_takes_content_in_any_pieces(self) -> None:
        """A message octet by octet, beginning with a dot, is the same message."""
        self.join(pieces=1)
        self.transaction(b"..first\r\n..\r\nlast\r\n.\r\n")
        self.assertEqual(self.hop.messages[0].content, b".first\r\n.\r\nlast\r\n")
        self.assertEqual(self.hop.violations, [])

    def test_takes_empty_content(self) -> None:
        """A lone dot right behind DATA is an empty message."""
        self.transaction(b".\r\n")
        self.assertEqual(self.hop.messages[0].content, b"")

    def test_keeps_parameters(self) -> None:
        """Parameters of MAIL and RCPT are kept as they came, in order."""
        self.say(b"EHLO c\r\n")
        self.say(b"MAIL FROM:<> SIZE=3 BODY=8BITMIME RET=HDRS\r\nRCPT TO:<b@x> NOTIFY=NEVER\r\nDATA\r\n")
        self.say(b"x\r\n.\r\n")
        (message,) = self.hop.messages
        self.assertEqual(message.reverse_path, b"")
        self.assertEqual(message.mail_parameters, (b"SIZE=3", b"BODY=8BITMIME", b"RET=HDRS"))
        self.assertEqual(message.recipient_parameters, ((b"NOTIFY=NEVER",),))
        self.assertEqual(self.hop.violations, [])

    def test_offers_what_it_is_told(self) -> None:
        """The EHLO answer lists the extensions, STARTTLS only with a certificate."""
        self.hop.extensions = ["SIZE 10", "STARTTLS"]
        self.assertEqual(self.say(b"EHLO c\r\n"), b"250-next-hop.test\r\n250 SIZE 10\r\n")

    def test_knows_users(self) -> None:
        """PLAIN and LOGIN let in who is known, and nobody else."""
        self.hop.extensions.append("AUTH PLAIN LOGIN")
        self.hop.credentials[b"u"] = b"p"
        self.say(b"EHLO c\r\n")
        self.assertEqual(self.say(b"AUTH PLAIN AHUAeA==\r\n")[:3], b"535")
        self.assertEqual(self.say(b"AUTH PLAIN\r\n"), b"334 \r\n")
        self.assertEqual(self.say(b"AHUAcA==\r\n")[:3], b"235")
        self.assertEqual(self.say(b"AUTH LOGIN\r\n"), b"334 VXNlcm5hbWU6\r\n")
        self.assertEqual(self.say(b"dQ==\r\n"), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(self.say(b"cA==\r\n")[:3], b"235")
        self.assertEqual(self.hop.connections[0].user, b"u")
        self.assertEqual(self.hop.violations, [])


class ScriptTests(Joined):
    """What it does on command."""

    def test_answers_a_recipient_as_declared(self) -> None:
        """One recipient is refused, the other one stays in the message."""
        self.hop.script.on_recipient(b"ghost@x", "550 5.1.1 unknown")
        self.say(b"EHLO c\r\n")
        heard = self.say(b"MAIL FROM:<a@x>\r\nRCPT TO:<ghost@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
        self.assertEqual([line[:3] for line in heard.splitlines()], [b"250", b"550", b"250", b"354"])
        self.say(b"x\r\n.\r\n")
        self.assertEqual(self.hop.messages[0].recipients, (b"b@x",))

    def test_asks_a_callable(self) -> None:
        """A callable sees the occasion, and ``None`` from it means decency."""

        def every_second(occasion: Occasion) -> str | None:
            return "451 4.3.0 later" if occasion.ordinal % 2 else None

        self.hop.script.on(Step.CONTENT, every_second)
        replies = [self.transaction(b"x\r\n.\r\n")[:3] for _ in range(4)]
        self.assertEqual(replies, [b"250", b"451", b"250", b"451"])
        self.assertEqual((len(self.hop.messages), len(self.hop.refused)), (2, 2))

    def test_does_once_what_is_declared_once(self) -> None:
        """Queued answers are used up in order before the standing one."""
        self.hop.script.on(Step.NOOP, "250 standing")
        self.hop.script.once(Step.NOOP, "451 first", "452 second")
        self.say(b"EHLO c\r\n")
        self.assertEqual([self.say(b"NOOP\r\n")[:3] for _ in range(3)], [b"451", b"452", b"250"])

    def test_delays_a_reply(self) -> None:
        """A delayed reply holds back those behind it, and the message counts as taken at once."""
        self.hop.script.on(Step.CONTENT, say("250 slow", delay=15))
        self.assertEqual(self.transaction(b"x\r\n.\r\n"), b"")
        self.assertEqual(len(self.hop.messages), 1)
        self.assertEqual(self.say(b"MAIL FROM:<>\r\n"), b"")
        self.pump.advance(14.9)
        self.assertNotIn(b"slow", self.talker.heard)
        self.pump.advance(0.2)
        self.assertTrue(self.talker.heard.endswith(b"250 slow\r\n250 2.1.0 sender heard\r\n"))

    def test_waits_for_a_gate(self) -> None:
        """A reply behind a gate comes when the gate is released."""
        gate = Gate()
        self.hop.script.on(Step.GREETING, say("220 at last", gate=gate))
        self.join()
        self.assertEqual((self.talker.heard, gate.waiting), (b"", 1))
        gate.release()
        self.pump.flush()
        self.assertEqual(self.talker.heard, b"220 at last\r\n")

    def test_is_silent(self) -> None:
        """Silence keeps the connection and answers nothing any more."""
        self.hop.script.on(Step.EHLO, silence())
        self.assertEqual(self.say(b"EHLO c\r\n"), b"")
        self.pump.advance(100000)
        self.assertIsNone(self.talker.lost)

    def test_ends_the_connection_at_any_step(self) -> None:
        """Close and reset work at every step of a session."""
        for step in (Step.GREETING, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.MIDST, Step.CONTENT):
            for how in (End.CLOSE, End.RESET):
                self.hop.script.clear()
                self.hop.script.on(step, say(b"", end=how))
                self.join()
                self.transaction(b"x\r\n.\r\n")
                self.assertIsNotNone(self.talker.lost, (step, how))
        self.assertEqual(self.hop.messages, [])
        self.assertEqual(self.hop.open_connections, 1)  # the one of setUp

    def test_takes_a_message_and_loses_the_reply(self) -> None:
        """The message is stored, its reply is never written."""
        self.hop.script.on(Step.CONTENT, lose_reply())
        self.assertEqual(self.transaction(b"x\r\n.\r\n"), b"")
        self.assertIsNotNone(self.talker.lost)
        self.assertEqual(len(self.hop.messages), 1)

    def test_stops_in_the_midst_of_content(self) -> None:
        """The connection ends once so many octets of content are here."""
        self.hop.midst_octets = 100
        self.hop.script.on(Step.MIDST, close())
        self.transaction(b"x" * 98)
        self.assertIsNone(self.talker.lost)
        self.say(b"yy")
        self.assertIsNotNone(self.talker.lost)

    def test_goes_on_after_the_midst(self) -> None:
        """A delay in the midst of content costs nothing but time."""
        self.hop.midst_octets = 3
        self.hop.script.on(Step.MIDST, silence())
        gate = Gate()
        self.hop.script.on(Step.MIDST, say(b"", gate=gate))
        self.transaction(b"abcdef\r\n.\r\n")
        self.assertEqual(self.hop.messages, [])
        gate.release()
        self.pump.flush()
        self.assertEqual(self.hop.messages[0].content, b"abcdef\r\n")

    def test_never_comes_to_an_end(self) -> None:
        """An endless reply goes on until the client has enough."""
        self.hop.script.on(Step.EHLO, endless(b"250-more\r\n"))
        self.pump.client.write(b"EHLO c\r\n")
        self.assertRaises(RunsAway, self.pump.flush, 50)
        self.assertGreater(len(self.talker.heard), 100_000)
        self.pump.client.abortConnection()
        self.pump.flush()
        self.assertEqual(self.hop.open_connections, 0)

    def test_stops_reading(self) -> None:
        """A stalled server keeps the connection and takes nothing off the wire."""
        self.hop.script.on(Step.DATA, stall())
        self.transaction(b"x" * 100)
        self.assertTrue(self.pump.client.has_octets)
        self.assertIsNone(self.talker.lost)

    def test_speaks_unasked(self) -> None:
        """It says 421 on an idle connection and closes."""
        self.hop.say_to_all("421 4.3.2 closing", End.CLOSE)
        self.pump.flush()
        self.assertTrue(self.talker.heard.endswith(b"421 4.3.2 closing\r\n"))
        self.assertIsNotNone(self.talker.lost)


class StrictTests(Joined):
    """What it holds against the client."""

    def blamed(self, octets: bytes) -> str:
        """Give the violations that ``octets`` cause, joined."""
        self.hop.violations.clear()
        self.say(octets)
        return "; ".join(self.hop.violations)

    def test_blames_manners(self) -> None:
        """Each liberty with commands is written down, and what is allowed is not."""
        self.assertIn("before EHLO", self.blamed(b"MAIL FROM:<a@x>\r\n"))
        self.assertIn("behind EHLO", self.blamed(b"EHLO c\r\nMAIL FROM:<a@x>\r\n"))
        self.say(b"RSET\r\n")
        self.assertIn("not a path", self.blamed(b"MAIL FROM: <a@x>\r\n"))
        self.say(b"RSET\r\n")
        self.assertIn("unknown command", self.blamed(b"FROB\r\n"))
        self.assertIn("bare LF", self.blamed(b"RSET\nNOOP\r\n"))
        self.assertIn("523 octets", self.blamed(b"NOOP " + b"x" * 516 + b"\r\n"))
        self.assertIn("behind DATA", self.blamed(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nearly"))

    def test_blames_pipelining_that_was_not_offered(self) -> None:
        """Two commands at once are a liberty without PIPELINING, and so is a command before the reply."""
        self.hop.extensions = []
        self.say(b"EHLO c\r\n")
        self.assertIn("pipelined behind MAIL", self.blamed(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"))
        self.hop.script.on(Step.RCPT, silence())
        self.assertEqual(self.blamed(b"RCPT TO:<b@x>\r\n"), "")
        self.assertIn("pipelined behind RCPT", self.blamed(b"RSET\r\n"))

    def test_blames_parameters_that_were_not_offered(self) -> None:
        """Every parameter needs its extension."""
        self.hop.extensions = ["8BITMIME"]
        self.say(b"EHLO c\r\n")
        self.assertEqual(self.blamed(b"MAIL FROM:<a@x> BODY=8BITMIME\r\n"), "")
        blamed = self.blamed(b"RCPT TO:<b@x> NOTIFY=NEVER\r\n")
        self.assertIn("NOTIFY", blamed)

    def test_blames_content(self) -> None:
        """Bare line ends, NUL and lines that were not stuffed are written down."""
        for content, fault in ((b"a\nb", "bare LF"), (b"a\rb", "bare CR"), (b"\0", "NUL"), (b".x", "not stuffed")):
            self.hop.violations.clear()
            self.transaction(content + b"\r\n.\r\n")
            self.assertIn(fault, "; ".join(self.hop.violations))
            self.assertEqual(len(self.hop.violations), 1)

    def test_blames_talk_before_the_greeting(self) -> None:
        """Who talks before the 220 is impatient."""
        self.hop.script.on(Step.GREETING, say("220 slow", delay=1))
        self.join()
        self.assertIn("behind greeting", self.blamed(b"EHLO c\r\n"))


class AnyOctetsTests(SynchronousTestCase):
    """Whatever a sender's bug may write."""

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=12), st.integers(1, 60))
    def test_octets_never_raise_and_pieces_do_not_matter(self, fragments: list[bytes], pieces: int) -> None:
        """The replies and what is stored are the same in any pieces, and nothing is ever raised."""
        outcomes = []
        for size in (None, pieces):
            hop = ScriptedNextHop(Clock(), extensions=["PIPELINING", "AUTH PLAIN LOGIN"])
            talker = Talker()
            pump = Pump(talker, hop.buildProtocol(), pieces=size)
            pump.start()
            pump.flush()
            pump.client.write(b"".join(fragments))
            pump.flush()
            outcomes.append((talker.heard, hop.messages, hop.connections[0].commands))
        self.assertEqual(*outcomes)


class LoopbackTests(TestCase):
    """On real sockets."""

    def setUp(self) -> None:
        self.hop = ScriptedNextHop(reactor)
        self.hop.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.hop.down()))

    def send(self) -> None:
        mail = EmailMessage()
        mail["Subject"] = "x"
        mail.set_content(".dots\n..more\n")
        with smtplib.SMTP(self.hop.host, self.hop.port, timeout=5) as client:
            client.send_message(mail, "a@example.org", ["b@example.test"])

    async def test_takes_mail_of_a_foreign_client(self) -> None:
        """Python's own client delivers, and commits no violation."""
        sent = deferToThread(self.send)
        await self.hop.until(lambda: len(self.hop.messages) == 1)
        await sent
        self.assertTrue(self.hop.messages[0].content.endswith(b"\r\n\r\n.dots\r\n..more\r\n"))
        self.assertEqual(self.hop.violations, [])
        self.assertTrue(self.hop.connections[0].quit)

    async def test_goes_down_and_comes_back(self) -> None:
        """Down, it refuses connections; up again, it has the port it had."""
        port = self.hop.port
        await self.hop.down()
        try:
            await deferToThread(self.send)
        except ConnectionRefusedError:
            pass
        else:
            self.fail("a connection though it is down")
        self.hop.up()
        self.assertEqual(self.hop.port, port)
        await deferToThread(self.send)
        self.assertEqual(len(self.hop.messages), 1)

    async def test_resets(self) -> None:
        """A reset reaches the client as such."""
        self.hop.script.on(Step.DATA, say(b"", end=End.RESET))
        with self.assertRaises((ConnectionResetError, smtplib.SMTPServerDisconnected)):
            await deferToThread(self.send)


class TlsTests(TestCase):
    """With a certificate, against a foreign client."""

    def setUp(self) -> None:
        self.authority = Authority(now=time.time())
        self.ca = Path(self.mktemp())
        self.authority.write(self.ca)
        self.hop = ScriptedNextHop(reactor, tls=self.authority.issue("localhost", "127.0.0.1").server_options())
        self.hop.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.hop.down()))

    def send(self) -> None:
        with smtplib.SMTP(self.hop.host, self.hop.port, timeout=5) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(self.ca)))
            client.sendmail("a@example.org", ["b@example.test"], b"x\r\n")

    async def test_takes_mail_through_tls(self) -> None:
        """Python's own client verifies the certificate and delivers; STARTTLS is not offered a second time."""
        await deferToThread(self.send)
        (connection,) = self.hop.connections
        self.assertEqual((connection.tls, self.hop.messages[0].tls), ("TLSv1.3", True))
        self.assertEqual(self.hop.violations, [])

    async def test_refuses_the_handshake_on_command(self) -> None:
        """The client's handshake fails, whether by garbage or by a close."""
        for act in (say("not TLS"), close()):
            self.hop.script.once(Step.HANDSHAKE, act)
            with self.assertRaises((ssl.SSLError, OSError)):
                await deferToThread(self.send)
        self.assertEqual(self.hop.messages, [])

    async def test_blames_plaintext_behind_starttls(self) -> None:
        """Commands in the segment of STARTTLS are a violation and are thrown away."""

        def inject() -> None:
            with socket.create_connection((self.hop.host, self.hop.port), timeout=5) as raw:
                raw.recv(100)
                raw.sendall(b"EHLO c\r\n")
                raw.recv(1000)
                raw.sendall(b"STARTTLS\r\nRSET\r\n")
                raw.recv(100)
                ssl._create_unverified_context().wrap_socket(raw).close()

        await deferToThread(inject)
        self.assertEqual(self.hop.connections[0].verbs, [b"EHLO", b"STARTTLS"])
        self.assertIn("plaintext behind STARTTLS", "; ".join(self.hop.violations))

    async def test_speaks_behind_its_own_220(self) -> None:
        """Octets behind the 220 go out in the same write, as an injecting server would send them."""
        self.hop.script.on(Step.STARTTLS, say("220 go", behind=b"250 injected\r\n"))

        def listen() -> bytes:
            with socket.create_connection((self.hop.host, self.hop.port), timeout=5) as raw:
                raw.recv(100)
                raw.sendall(b"EHLO c\r\n")
                raw.recv(1000)
                raw.sendall(b"STARTTLS\r\n")
                return raw.recv(100)

        self.assertEqual(await deferToThread(listen), b"220 go\r\n250 injected\r\n")
