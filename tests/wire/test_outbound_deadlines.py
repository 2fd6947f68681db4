"""Deadlines of next-hop connections, in virtual time (RFC 5321 §4.5.3.2, R1)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.outcome import AttemptResult, Fate, ServerHealth
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.nexthop import ScriptedNextHop, Step, say, silence
from shieldrelay.testing.pump import Pump
from shieldrelay.wire.deadlines import SWEEP_SECONDS, Deadlines
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.outbound_settings import OutboundSettings, Timeouts
from tests.wire.next_hop_fixture import MemoryContent, TableResolver, attempt_for

TIMEOUTS = Timeouts(greeting=10, hello=20, mail=30, rcpt=40, data=50, content=60, final=70, quit=5)


class DeadlineTests(SynchronousTestCase):
    """Each step has its time, and no more."""

    def setUp(self) -> None:
        """Build a next hop whose reactor is in memory."""
        self.reactor: Any = MemoryReactorClock()
        self.server = ScriptedNextHop(self.reactor)
        deadlines = Deadlines(self.reactor, ListJournal())
        deadlines.start()
        self.next_hop = PooledNextHop(
            self.reactor,
            "192.0.2.25",
            25,
            resolver=TableResolver(),
            settings=OutboundSettings("relay.example", timeouts=TIMEOUTS, idle_seconds=30, source="192.0.2.1"),
            deadlines=deadlines,
            journal=ListJournal(),
        )

    def begin(self) -> Deferred[AttemptResult]:
        """Offer a letter, and connect."""
        result = self.next_hop.attempt(attempt_for(MemoryContent(b"hello\r\n")))
        factory = self.reactor.tcpClients.pop()[2]
        self.pump = Pump(factory.buildProtocol(None), self.server.buildProtocol(), clock=self.reactor)
        self.pump.start()
        self.pump.flush()
        return result

    def pass_time(self, seconds: float) -> None:
        """Let time pass in sweeps, and octets with it."""
        for _ in range(int(seconds / SWEEP_SECONDS)):
            self.reactor.advance(SWEEP_SECONDS)
            self.pump.flush()

    def test_every_step_has_its_own_time(self) -> None:
        """A next hop that falls silent is given up when the step's time is over, not before."""
        for step, seconds, health in (
            (Step.GREETING, 10, ServerHealth.FAULT),
            (Step.EHLO, 20, ServerHealth.FAULT),
            (Step.MAIL, 30, ServerHealth.FAULT),
            (Step.RCPT, 40, ServerHealth.ANSWERED),
            (Step.DATA, 50, ServerHealth.ANSWERED),
            (Step.CONTENT, 70, ServerHealth.ANSWERED),
        ):
            self.server.script.once(step, silence())
            result = self.begin()
            self.pass_time(seconds - SWEEP_SECONDS)
            self.assertNoResult(result)
            self.pass_time(2 * SWEEP_SECONDS)
            outcome = self.successResultOf(result)
            self.assertEqual((outcome.outcomes[0].fate, outcome.health), (Fate.TRANSIENT, health))
            self.assertIn("in time", outcome.outcomes[0].reason)
            self.assertEqual(self.next_hop.connections, 0)

    def test_a_dripping_next_hop_gains_nothing(self) -> None:
        """Octets that complete no reply do not move the deadline."""
        self.server.script.once(Step.GREETING, silence())
        result = self.begin()
        for _ in range(12):
            self.pump.server.write(b"2")
            self.pass_time(1)
        self.assertEqual(self.successResultOf(result).health, ServerHealth.FAULT)

    def test_a_slow_reply_to_the_content_is_waited_for(self) -> None:
        """Within the limit of the final dot the message is taken once (R1)."""
        self.server.script.once(Step.CONTENT, say("250 2.0.0 at last", delay=60))
        result = self.begin()
        self.pass_time(61)
        self.assertEqual(self.successResultOf(result).outcomes[0].fate, Fate.TAKEN)
        self.assertEqual(len(self.server.messages), 1)

    def test_an_idle_connection_leaves_in_time(self) -> None:
        """QUIT after the idle time; without an answer it is closed all the same."""
        for answer in (None, silence()):
            if answer is not None:
                self.server.script.once(Step.QUIT, answer)
            self.successResultOf(self.begin())
            self.pass_time(29)
            self.assertEqual(self.next_hop.idle_connections, 1)
            self.pass_time(2)
            self.assertEqual(self.next_hop.idle_connections, 0)
            self.assertTrue(self.server.connections[-1].quit)
            self.pass_time(7)
            self.assertEqual(self.next_hop.connections, 0)

    def test_it_dials_from_its_own_address(self) -> None:
        """The source address and the time to connect are passed on."""
        result = self.next_hop.attempt(attempt_for(MemoryContent(b"hello\r\n")))
        host, port, _factory, timeout, source = self.reactor.tcpClients[0]
        self.assertEqual((host, port, timeout, source), ("192.0.2.25", 25, 30.0, ("192.0.2.1", 0)))
        self.assertNoResult(result)

    def test_no_message_costs_a_delayed_call(self) -> None:
        """However many commands: the sweep's one call is all there is."""
        self.successResultOf(self.begin())
        for _ in range(5):
            result = self.next_hop.attempt(attempt_for(MemoryContent(b"hello\r\n")))
            self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
            self.pump.flush()
            self.successResultOf(result)
