"""How long a client may take: arithmetic first, then whole sessions under a clock that is moved by hand."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.smtp.receiver import Phase
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.inbound_timing import ClientPatience, Patience
from tests.wire.inbound_fixture import HELLO_WORLD, MAIL, OPENING, RCPT, Client, World

TERMS = Patience(command=300, session=600, silence=180, rate=500, window=30)
CHUNK = b"BDAT 5 LAST\r\nhello"


class ArithmeticTests(SynchronousTestCase):
    """`ClientPatience` alone; its session begins at 1000."""

    def setUp(self) -> None:
        self.time = ClientPatience(TERMS)
        self.time.begin(1000.0)

    def turn(self, phase: Phase, now: float, octets: int = 0, waiting: bool = False) -> float:
        self.time.octets += octets
        self.time.phase(phase, now, waiting=waiting)
        return self.time.deadline

    def test_each_command_has_its_time(self) -> None:
        """A command's time begins when its predecessor was answered, and never outlasts the session."""
        self.assertEqual(self.time.deadline, 1300.0)
        self.assertEqual(self.turn(Phase.COMMAND, 1100.0), 1400.0)
        self.assertEqual(self.turn(Phase.COMMAND, 1399.0), 1600.0)
        self.assertEqual(self.time.passed(1600.0, waiting=False), "the session took too long")

    def test_octets_extend_nothing(self) -> None:
        """What comes without completing a command moves no deadline."""
        self.time.octets += 100
        self.assertEqual(self.time.deadline, 1300.0)
        self.assertEqual(self.time.passed(1300.5, waiting=False), "a command took too long")

    def test_stress_shortens_what_is_open(self) -> None:
        """Shorter times hold from the moment on when they are declared, for the command and for the session."""
        self.turn(Phase.COMMAND, 1100.0)
        self.time.hurry(Patience(command=10, session=60), 1200.0)
        self.assertEqual(self.time.deadline, 1210.0)
        self.assertEqual(self.turn(Phase.COMMAND, 1205.0), 1215.0)
        self.assertEqual(self.turn(Phase.COMMAND, 1255.0), 1260.0)
        self.turn(Phase.WAITING, 1256.0, waiting=True)
        self.time.hurry(Patience(command=1, session=60), 1257.0)
        self.assertEqual(self.time.deadline, math.inf)

    def test_time_that_we_take_is_ours(self) -> None:
        """While we owe an answer nothing strikes, and the session lasts longer by as much."""
        self.assertEqual(self.turn(Phase.WAITING, 1010.0, waiting=True), math.inf)
        self.assertIsNone(self.time.passed(2000.0, waiting=True))
        self.assertEqual(self.turn(Phase.COMMAND, 2000.0), 2300.0)
        self.assertEqual(self.turn(Phase.COMMAND, 2300.0), 2590.0)

    def test_content_has_a_minimum_rate(self) -> None:
        """Within each window as many octets must come as the rate says; the window before earns nothing."""
        self.assertEqual(self.turn(Phase.CONTENT, 1000.0), 1030.0)
        self.time.octets += 1_000_000
        self.assertIsNone(self.time.passed(1030.0, waiting=False))
        self.assertEqual(self.time.deadline, 1060.0)
        self.time.octets += 14_999
        self.assertEqual(self.time.passed(1060.0, waiting=False), "content came too slowly")

    def test_a_late_look_is_no_stricter(self) -> None:
        """A sweep that comes late asks for a window's octets, not for more."""
        self.turn(Phase.CONTENT, 1000.0)
        self.time.octets += 15_000
        self.assertIsNone(self.time.passed(1045.0, waiting=False))

    def test_silence_strikes_where_no_rate_is_set(self) -> None:
        """Without a minimum rate, content that stops is noticed all the same."""
        self.time = ClientPatience(Patience(rate=0))
        self.time.begin(0.0)
        self.turn(Phase.CONTENT, 0.0)
        verdicts: list[str | None] = []
        while not verdicts or verdicts[-1] is None:
            verdicts.append(self.time.passed(self.time.deadline, waiting=False))
        self.assertEqual((verdicts[-1], len(verdicts)), ("content stopped coming", 6))

    def test_our_disk_does_not_count_against_the_client(self) -> None:
        """A window in which we were slow is begun anew when we are done."""
        self.turn(Phase.CONTENT, 1000.0)
        self.assertEqual(self.turn(Phase.CONTENT, 1001.0, octets=60_000, waiting=True), math.inf)
        self.assertEqual(self.turn(Phase.CONTENT, 1200.0), 1230.0)

    def test_content_at_the_rate_does_not_end_the_session(self) -> None:
        """An hour of content at a lawful rate leaves the session its time for commands."""
        self.turn(Phase.CONTENT, 1000.0)
        self.assertEqual(self.turn(Phase.COMMAND, 4600.0, octets=3600 * 500), 4900.0)

    def test_small_contents_earn_little_time(self) -> None:
        """Contents that are each just shorter than a window do not hold a session for ever."""
        now, contents = 1000.0, 0
        while self.time.deadline > now:
            self.turn(Phase.CONTENT, now)
            now += 29
            self.turn(Phase.COMMAND, now, octets=20)
            contents += 1
        self.assertEqual(contents, 21)


class SessionTests(SynchronousTestCase):
    """The same by the sweep of `wire.deadlines`."""

    def setUp(self) -> None:
        self.world = World(in_memory=1000)
        self.client: Client
        self.pump: Pump
        self.client, self.pump = self.world.connected()

    def say(self, octets: bytes) -> None:
        self.client.say(octets)
        self.pump.flush()

    def drip(self, octets: bytes, seconds: float) -> float:
        """Send octet by octet with so much time between two; give the seconds until the connection ended."""
        began = self.world.clock.seconds()
        for octet in octets:
            self.say(bytes((octet,)))
            self.pump.advance(seconds, 1)
            if self.client.lost:
                break
        return self.world.clock.seconds() - began

    def test_a_command_that_drips(self) -> None:
        """A command that comes octet by octet ends at the time of a silent one."""
        took = self.drip(b"EHLO " + b"x" * 500, 10)
        self.assertEqual(self.client.last, "421 4.4.2 Too slow, closing connection")
        self.assertEqual((self.world.ended(), 300 <= took <= 312), (["a command took too long"], True))

    def test_commands_without_end(self) -> None:
        """A client with ever another command ends when the session's time is over."""
        took = self.drip(b"N" + b"OOP\r\nN" * 500, 20)
        self.assertEqual((self.world.ended(), 600 <= took <= 622), (["the session took too long"], True))

    def test_content_that_drips(self) -> None:
        """Content that comes octet by octet ends within a window, and nothing of it is kept."""
        self.say(OPENING + b"DATA\r\n")
        took = self.drip(HELLO_WORLD * 10, 1)
        self.assertEqual((self.world.ended(), 30 <= took <= 33), (["content came too slowly"], True))
        self.assertEqual((self.world.budget.used, self.client.codes[-1]), (0, 421))

    def test_content_at_the_minimum_rate(self) -> None:
        """Content at just the minimum rate goes through, however long it takes."""
        self.say(OPENING + b"DATA\r\n")
        for _ in range(1300):
            self.say(b"x" * 548 + b"\r\n")
            for draft in self.world.drafts:
                draft.go_on()
            self.pump.advance(1)
        self.say(b".\r\nQUIT\r\n")
        self.world.drafts[0].go_on()
        self.pump.flush()
        self.assertEqual((self.client.codes[-2:], len(self.world.taken)), ([250, 221], 1))

    def test_our_slow_disk(self) -> None:
        """A disk that takes ten minutes for a block costs the client nothing but time."""
        self.say(OPENING + b"DATA\r\n" + b"x" * 900 + b"\r\n" + b"y" * 900 + b"\r\n")
        self.say(b"z" * 900 + b"\r\n.\r\n")
        self.pump.advance(600, 1)
        while self.world.drafts[0].waiting:
            self.world.drafts[0].go_on()
        self.pump.flush()
        self.assertEqual((self.client.codes[-1], self.client.lost), (250, None))

    def test_an_answer_that_we_owe(self) -> None:
        """A client that waits for our answer is waited with, and has all its time after it."""
        self.world.holds = True
        self.say(OPENING + CHUNK)
        self.pump.advance(3000, 1)
        self.world.answer()
        self.pump.advance(299, 1)
        self.say(MAIL + RCPT)
        self.assertEqual((self.client.codes[4:], self.client.lost), ([250, 250, 250], None))
