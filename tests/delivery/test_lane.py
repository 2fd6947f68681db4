"""The way to one domain's next hops, with its machines, under a clock moved by hand."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.breaker import Breaker, State
from shieldrelay.delivery.guard import BounceGuard
from shieldrelay.delivery.lane import Lane, Machines
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.ramp import Ramp
from shieldrelay.delivery.route import Route
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Precedence, Recipient
from shieldrelay.mail.outcome import AttemptResult, Fate, ServerHealth
from shieldrelay.ports import Attempt
from shieldrelay.spool.content import MemoryContent
from shieldrelay.testing.hop import REFUSED as REFUSED_OUTCOME
from shieldrelay.testing.hop import FakeNextHop, answered, down, taken
from shieldrelay.testing.journal import ListJournal


def attempt(
    number: int = 0, sender: bytes = b"s@sender.test", precedence: Precedence = Precedence.ORDINARY
) -> Attempt:
    """Give an attempt for one recipient."""
    recipients = (Recipient(parse_mailbox(b"alice@example.test")),)
    envelope = Envelope(parse_mailbox(sender), recipients)
    message = Message(f"m{number}", 0.0, "example.test", envelope, precedence=precedence)
    return Attempt(message, recipients, MemoryContent((b"Subject: x\r\n\r\n",), ascii_header=True))


class _Ledger:
    """Notes outages."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, float]] = []

    def down(self, domain: str, seconds_ago: float) -> None:
        """Note that one began."""
        self.lines.append(("down", seconds_ago))

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """Note that it is over."""
        self.lines.append(("up", seconds_ago))


class LaneTests(SynchronousTestCase):
    """`Lane` over fake next hops."""

    def lane(
        self, *hops: FakeNextHop, connections: int = 20, groups: tuple[int, ...] = (1,), pace: Pace | None = None
    ) -> Lane:
        """Make a lane."""
        self.clock = Clock()
        self.journal = ListJournal()
        self.ledger = _Ledger()
        machines = Machines(
            Breaker(failures=3, probe=60.0),
            Ramp(connections),
            Pace(connections) if pace is None else pace,
            BounceGuard(),
            Route(groups),
        )
        return Lane("example.test", hops, machines, self.ledger, slot_wait=0.1, clock=self.clock, journal=self.journal)

    def test_three_faults_open_the_breaker_and_nothing_is_offered(self) -> None:
        """After three faults in a row new mail is not offered any more, and the ledger has the outage."""
        lane = self.lane(FakeNextHop(down))
        for _ in range(3):
            self.assertIsNotNone(lane.offer(attempt()))
        self.assertIs(lane.machines.breaker.state, State.OPEN)
        self.assertIsNone(lane.offer(attempt()))
        self.assertEqual(self.ledger.lines, [("down", 0.0)])

    def test_new_mail_is_the_probe_when_the_backlog_is_empty(self) -> None:
        """With nothing in the spool a new message probes after the interval, and closes the breaker."""
        hop = FakeNextHop(down)
        lane = self.lane(hop)
        for _ in range(3):
            lane.offer(attempt())
        self.clock.advance(60)
        hop.conduct = taken
        offered = lane.offer(attempt(7))
        assert offered is not None
        self.assertIs(self.successResultOf(offered).outcomes[0].fate, Fate.TAKEN)
        self.assertIs(lane.machines.breaker.state, State.RAMPING)
        self.assertEqual([kind for kind, _ in self.ledger.lines], ["down", "up"])

    def test_ramp_gives_half_of_its_slots_to_the_backlog(self) -> None:
        """While mail waits in the backlog new mail gets at most half of the slots, a stranger's less (R4, R6)."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=5)
        lane.backlog_due = lambda precedence=None: True
        offers = [lane.offer(attempt(number)) for number in range(4)]
        self.assertEqual((len(hop.held), lane.backlog_room()), (1, 4))
        lane.offer(attempt(9, precedence=Precedence.KNOWN_GOOD))
        self.assertEqual((len(hop.held), lane.backlog_room()), (2, 3))
        self.clock.advance(0.2)
        waited = [self.successResultOf(offer) for offer in offers[1:] if offer is not None]
        self.assertEqual([result.health for result in waited], [ServerHealth.UNTRIED] * 3)

    def test_a_message_in_line_gets_the_next_slot(self) -> None:
        """New mail that finds no slot waits for the slot wait, and takes a slot that comes free."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=1)
        first, second = lane.offer(attempt(1)), lane.offer(attempt(2))
        assert first is not None and second is not None
        self.clock.advance(0.05)
        hop.answer()
        self.successResultOf(first)
        self.clock.advance(1)
        self.assertNoResult(second)
        hop.answer()
        self.assertIs(self.successResultOf(second).outcomes[0].fate, Fate.TAKEN)
        self.assertEqual((hop.most_at_once, lane.slots.used), (1, 0))

    def test_the_declared_connections_are_never_passed(self) -> None:
        """However much is offered, no more attempts run than the pace declares (R4)."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=3)
        for number in range(50):
            lane.offer(attempt(number))
            lane.begin(attempt(1000 + number), probe=False)
        self.assertEqual(hop.most_at_once, 3)

    def test_the_pace_sends_the_rest_to_the_spool(self) -> None:
        """Above the declared rate new mail is not offered, and its slot is free again."""
        hop = FakeNextHop()
        lane = self.lane(hop, pace=Pace(20, messages_per_minute=60))
        offered = [lane.offer(attempt(number)) for number in range(10)]
        self.assertTrue(0 < sum(one is not None for one in offered) < 10)
        self.assertEqual(lane.slots.used, 0)

    def test_the_second_host_is_tried_when_the_first_is_down(self) -> None:
        """A host that faults before the dot passes the message to the next one in the same attempt."""
        first, second = FakeNextHop(down, "a:25"), FakeNextHop(taken, "b:25")
        lane = self.lane(first, second, groups=(1, 1))
        offered = lane.offer(attempt())
        assert offered is not None
        self.assertIs(self.successResultOf(offered).outcomes[0].fate, Fate.TAKEN)
        self.assertEqual((len(first.attempts), len(second.attempts)), (1, 1))
        self.assertIs(lane.machines.breaker.state, State.CLOSED)

    def test_after_the_dot_no_other_host_is_tried(self) -> None:
        """A fault after the final dot is not carried to another host: it may have the message."""

        def lost_after_dot(one: Attempt) -> AttemptResult:
            one.final_dot()
            return down(one)

        first, second = FakeNextHop(lost_after_dot, "a:25"), FakeNextHop(taken, "b:25")
        lane = self.lane(first, second, groups=(1, 1))
        lane.offer(attempt())
        self.assertEqual(second.attempts, [])

    def test_refusals_of_everybody_are_doubted(self) -> None:
        """A server that refuses all its listed recipients is doubted from the tenth message of five senders on (R5)."""
        hop = FakeNextHop(lambda one: answered(REFUSED_OUTCOME))
        lane = self.lane(hop)
        fates = []
        for number in range(30):
            offered = lane.offer(attempt(number, b"s%d@sender.test" % (number % 7)))
            assert offered is not None
            fates.append(self.successResultOf(offered).outcomes[0].fate)
        self.assertEqual(fates[9:], [Fate.TRANSIENT] * 21)
        self.assertTrue(self.journal.named("bounce_guard")[0]["alarm"])

    def test_a_drill_opens_and_ends_with_a_probe(self) -> None:
        """A drill sends all to the spool for its time; then a probe is wanted."""
        lane = self.lane(FakeNextHop())
        lane.drill(300)
        self.assertIsNone(lane.offer(attempt()))
        self.clock.advance(299)
        self.assertFalse(lane.probe_wanted())
        told: list[bool] = []
        lane.changed = lambda: told.append(True)
        self.clock.advance(1)
        self.assertTrue(lane.probe_wanted())
        self.assertEqual(told, [True])

    def test_cancelling_in_line_leaves_it(self) -> None:
        """A message whose client waited long enough leaves the line and is never tried."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=1)
        lane.offer(attempt(1))
        second = lane.offer(attempt(2))
        assert second is not None
        second.cancel()
        self.assertIs(self.successResultOf(second).health, ServerHealth.UNTRIED)
        hop.answer()
        self.assertEqual(len(hop.attempts), 1)

    def test_a_long_line_is_served_without_recursion(self) -> None:
        """A server that begins to answer at once serves a thousand waiting messages, in a loop."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=1000)
        offers = [lane.offer(attempt(number)) for number in range(2000)]
        hop.conduct = taken
        hop.answer()
        for number, offered in enumerate(offers):
            assert offered is not None
            if number == 0 or number >= 1000:
                self.successResultOf(offered)
        self.assertEqual((lane.slots.used, len(hop.attempts)), (999, 2000))

    def test_after_the_dot_a_message_from_the_line_is_not_cancelled(self) -> None:
        """Cancelling a message that left the line and wrote its final dot changes nothing: its attempt runs on."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=1)
        lane.offer(attempt(1))
        second = lane.offer(attempt(2))
        assert second is not None
        hop.answer()
        hop.reach_dot()
        second.cancel()
        self.assertNoResult(second)
        hop.answer()
        self.assertIs(self.successResultOf(second).outcomes[0].fate, Fate.TAKEN)
        self.assertEqual(lane.slots.used, 0)

    def test_a_bug_of_a_next_hop_frees_slot_and_probe(self) -> None:
        """A next hop that raises costs neither a slot nor the probe: its Deferred fails, and the next may try."""

        def bug(_attempt: Attempt) -> AttemptResult:
            raise ValueError("of ours")

        hop = FakeNextHop(down)
        lane = self.lane(hop)
        for _ in range(3):
            lane.offer(attempt())
        hop.conduct = bug
        self.clock.advance(60)
        offered = lane.offer(attempt())
        assert offered is not None
        self.failureResultOf(offered, ValueError)
        self.assertEqual((lane.slots.used, lane.machines.breaker.state), (0, State.OPEN))
        self.clock.advance(60)
        self.assertTrue(lane.probe_wanted())

    def test_a_stopped_lane_takes_no_new_mail(self) -> None:
        """After the stop a message is spooled, for the lane that comes after; who waited in line is sent there too."""
        hop = FakeNextHop(conduct=None)
        lane = self.lane(hop, connections=1)
        lane.offer(attempt(1))
        waiting = lane.offer(attempt(2))
        assert waiting is not None
        lane.stop()
        self.assertIs(self.successResultOf(waiting).health, ServerHealth.UNTRIED)
        self.assertIsNone(lane.offer(attempt(3)))
        hop.answer()
        self.assertEqual((len(hop.attempts), lane.slots.used), (1, 0))

    def test_a_lane_that_goes_on_shares_slots_with_the_one_before(self) -> None:
        """A lane made anew to the same next hops knows the breaker, and both together keep to the slots."""
        hop = FakeNextHop(conduct=None)
        before = self.lane(hop, connections=2)
        before.offer(attempt(1))
        after = Lane("example.test", [hop], before.machines, self.ledger, slot_wait=0.1, clock=self.clock,
                     journal=self.journal)  # fmt: skip
        after.go_on_from(before)
        after.begin(attempt(2), probe=False)
        self.assertEqual((after.backlog_room(), after.slots.used, len(hop.held)), (0, 2, 2))
        hop.answer()
        hop.answer()
        self.assertEqual((before.slots.used, after.backlog_room()), (0, 2))
