"""Claims about next hops that take connections, or not even that, and say nothing (R6)."""

from __future__ import annotations

from shieldrelay.delivery.breaker import State
from shieldrelay.delivery.lane import Lane, Machines
from shieldrelay.delivery.route import Route
from shieldrelay.mail.outcome import ServerHealth
from shieldrelay.testing.hop import FakeNextHop
from tests.delivery.relay import DomainRelay, RelayTests, a_message


class SilenceTests(RelayTests):
    """A silent next hop costs a few senders their wait, and then nobody."""

    def silent(self, **options: int) -> DomainRelay:
        relay = self.relay(FakeNextHop(conduct=None, shows=ServerHealth.SILENT), **options)
        relay.queue.start()
        return relay

    def test_three_senders_wait_and_the_fourth_does_not(self) -> None:
        """Three in turn wait the ten seconds; then the breaker is open, and the fourth has its 250 at once."""
        relay = self.silent()
        for number in range(3):
            reply = relay.accept(a_message(f"M{number}"))
            relay.clock.advance(9.9)
            self.assertNoResult(reply)
            relay.clock.advance(0.1)
            self.assertEqual(self.answered(reply), 250)
        self.assertIs(relay.lane.machines.breaker.state, State.OPEN)
        self.assertEqual(self.answered(relay.accept(a_message("M3"))), 250)
        self.assertEqual(len(relay.spooled()), 4)

    def test_of_a_crowd_only_those_in_the_slots_wait(self) -> None:
        """Of a hundred at once as many wait as there are connections; the rest go to the spool within the slot wait."""
        relay = self.silent(connections=5)
        replies = [relay.accept(a_message(f"M{number}")) for number in range(100)]
        relay.clock.advance(0.1)
        self.assertEqual(sum(reply.called for reply in replies), 95)
        relay.clock.advance(9.9)
        self.assertEqual({self.answered(reply) for reply in replies}, {250})
        self.assertIs(relay.lane.machines.breaker.state, State.OPEN)
        self.assertEqual(len(relay.spooled()), 100)

    def test_an_answer_in_between_keeps_it_closed(self) -> None:
        """One that answers now and then is up: silence counts only in a row."""
        relay = self.silent()
        for number in range(8):
            reply = relay.accept(a_message(f"M{number}"))
            if number % 3 == 2:
                relay.hop.answer(index=len(relay.hop.held) - 1)
            relay.clock.advance(10)
            self.assertEqual(self.answered(reply), 250)
        self.assertIs(relay.lane.machines.breaker.state, State.CLOSED)

    def test_given_up_half_way_says_nothing(self) -> None:
        """A next hop that spoke, and was too slow for the client all the same, is not taken to be down."""
        relay = self.relay(FakeNextHop(conduct=None, shows=ServerHealth.UNTRIED))
        for number in range(5):
            relay.accept(a_message(f"M{number}"))
            relay.clock.advance(10)
        self.assertIs(relay.lane.machines.breaker.state, State.CLOSED)

    def test_a_given_up_attempt_goes_to_no_other_host(self) -> None:
        """The client has gone: the next of several hosts is not troubled, but is the one that the next message gets."""
        first, second = FakeNextHop(conduct=None, shows=ServerHealth.SILENT), FakeNextHop()
        relay = self.relay(first)
        machines = relay.lane.machines
        two = Machines(machines.breaker, machines.ramp, machines.pace, machines.guard, Route((1, 1)))
        relay.bind(
            Lane(
                relay.name, [first, second], two, relay.ledger, slot_wait=0.1, clock=relay.clock, journal=relay.journal
            )
        )
        relay.accept(a_message("M1"))
        relay.clock.advance(10)
        self.assertEqual((len(first.given_up), len(second.attempts)), (1, 0))
        self.assertEqual(self.answered(relay.accept(a_message("M2"))), 250)
        self.assertEqual([attempt.message.id for attempt in second.attempts], ["M2"])
