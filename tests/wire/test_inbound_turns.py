"""Claims about one connection among many: it has its turn, and it ends when it is to end."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial import unittest

from shieldrelay.mail.client import client_of
from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp.limits import Limits
from shieldrelay.smtp.receiver import STEPS
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.testing.gate import OpenGate
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.inbound import FAREWELL_SECONDS, WAITING_OCTETS, InboundConnection
from shieldrelay.wire.inbound_timing import ClientPatience, Patience
from shieldrelay.wire.inbound_tools import InboundTools


class _Tools:
    """What a session's intake is begun with: no plugin sees the session."""

    early = None


class _Terms:
    """What is configured; no transaction is ever begun, so the intake needs nothing."""

    intake: Any = _Tools()
    balancer = None

    def __init__(self) -> None:
        self.gate = OpenGate()

    def receiver_settings(self, address: str) -> ReceiverSettings:
        """Let everybody say RSET as often as they like."""
        return ReceiverSettings(b"mx.test", limits=Limits(junk_commands=10**6))

    def patience(self, address: str) -> ClientPatience:
        """Be as patient as by default."""
        return ClientPatience(Patience())


class TurnTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        """Connect."""
        self.clock = Clock()
        journal = ListJournal()
        self.sessions = Deadlines(self.clock, journal)
        terms, client = _Terms(), client_of("192.0.2.1")
        visit = terms.gate.admit(client, 0, 0.0)
        assert not isinstance(visit, Refusal)
        tools = InboundTools(terms, self.sessions, None, self.clock, journal)
        self.connection = InboundConnection(tools, terms, visit, client, 4711)
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)
        self.connection.dataReceived(b"EHLO client.test\r\n")
        self.transport.clear()

    def replies(self) -> int:
        """Count the lines said so far."""
        return self.transport.value().count(b"\r\n")

    def test_one_segment_is_answered_in_turns(self) -> None:
        """A segment of a thousand commands is answered a share a turn, in the end whole."""
        self.connection.dataReceived(b"RSET\r\n" * 1000)
        self.assertEqual(self.replies(), STEPS)
        self.connection.dataReceived(b"RSET\r\n")
        self.assertEqual(self.replies(), STEPS)
        self.clock.advance(0)
        self.assertEqual(self.replies(), 1001)

    def test_reading_waits_for_the_turn(self) -> None:
        """What comes between two turns is bounded: more is read once all that came was looked at."""
        self.connection.dataReceived(b"RSET\r\n" * (STEPS + 1))
        self.connection.dataReceived(b"RSET\r\n" * (WAITING_OCTETS // 6 + 1))
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(0)
        self.assertEqual((self.replies(), self.transport.producerState), (STEPS + WAITING_OCTETS // 6 + 2, "producing"))

    def test_nothing_is_read_after_the_end(self) -> None:
        """A connection that is lost between two turns has no further one."""
        self.connection.dataReceived(b"RSET\r\n" * 1000)
        self.connection.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_client_that_does_not_close_is_broken_off(self) -> None:
        """A client that keeps the connection after we have closed it has it for a declared time only."""
        self.connection.dataReceived(b"QUIT\r\n")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.connection.deadline, self.clock.seconds() + FAREWELL_SECONDS)
        self.assertFalse(self.transport.disconnected)
        self.connection.deadline_passed(FAREWELL_SECONDS)
        self.assertTrue(self.transport.disconnected)
