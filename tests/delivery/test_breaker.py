"""The breaker judges the server, never a message (R6)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.breaker import Breaker, Closed, Opened, ProbeMemory, Ramped, State
from shieldrelay.mail.outcome import ServerHealth

ANSWERED, FAULT, STALE, UNTRIED = (
    ServerHealth.ANSWERED,
    ServerHealth.FAULT,
    ServerHealth.STALE,
    ServerHealth.UNTRIED,
)


def opened(at: float = 2.0) -> Breaker:
    """Give a breaker that opened at this time, its first fault two seconds before."""
    breaker = Breaker()
    for second in (at - 2, at - 1, at):
        breaker.judged(FAULT, second, "connection refused")
    return breaker


class OpeningTests(SynchronousTestCase):
    def test_three_faults_in_a_row_open_it(self) -> None:
        """The third fault opens it, down since the first; nothing passes from then on."""
        breaker = Breaker()
        self.assertIsNone(breaker.judged(FAULT, 10.0, "connection refused"))
        self.assertIsNone(breaker.judged(FAULT, 11.0, "connection refused"))
        self.assertTrue(breaker.passes)
        self.assertEqual(breaker.judged(FAULT, 12.0, "no greeting"), Opened(10.0, 12.0, "no greeting"))
        self.assertFalse(breaker.passes)
        self.assertEqual((breaker.state, breaker.down_since), (State.OPEN, 10.0))

    def test_an_answer_between_faults_begins_the_count_anew(self) -> None:
        """Two faults, an answer and two faults leave it closed."""
        breaker = Breaker()
        for now, health in enumerate((FAULT, FAULT, ANSWERED, FAULT, FAULT)):
            self.assertIsNone(breaker.judged(health, float(now)))
        self.assertIs(breaker.state, State.CLOSED)

    def test_what_says_nothing_about_the_server_counts_for_nothing(self) -> None:
        """A stale pooled connection or an untried attempt neither opens it nor begins the count anew."""
        breaker = Breaker()
        for now, health in enumerate((FAULT, STALE, UNTRIED, FAULT, STALE, STALE, STALE, UNTRIED)):
            self.assertIsNone(breaker.judged(health, float(now)))
        self.assertIsNotNone(breaker.judged(FAULT, 9.0))

    def test_faults_of_attempts_under_way_do_not_open_it_twice(self) -> None:
        """Twenty attempts that fail together give one transition and leave the probe where it was."""
        breaker = opened(2.0)
        self.assertEqual([breaker.judged(FAULT, 2.5) for _ in range(20)], [None] * 20)
        self.assertEqual(breaker.probe_at, 62.0)


class ProbingTests(SynchronousTestCase):
    def test_the_probe_is_due_once_a_minute(self) -> None:
        """One probe at a time, a minute after opening and a minute after each failed one."""
        breaker = opened(0.0)
        self.assertFalse(breaker.begin_probe(59.9))
        self.assertTrue(breaker.begin_probe(60.0))
        self.assertFalse(breaker.begin_probe(60.0))
        self.assertIsNone(breaker.probed("m1", FAULT, 63.0, "timeout"))
        self.assertEqual(breaker.reason, "timeout")
        self.assertFalse(breaker.probe_due(122.9))
        self.assertTrue(breaker.probe_due(123.0))

    def test_an_answered_probe_closes_it_into_the_ramp(self) -> None:
        """Whatever the reply was: the server is up, and the outage lasted from its first fault until now."""
        breaker = opened(2.0)
        breaker.begin_probe(62.0)
        self.assertEqual(breaker.probed("m1", ANSWERED, 63.0), Closed(0.0, 63.0))
        self.assertEqual((breaker.state, breaker.down_since, breaker.reason), (State.RAMPING, None, ""))
        self.assertEqual(breaker.ramped(70.0), Ramped(70.0))
        self.assertIs(breaker.state, State.CLOSED)
        self.assertIsNone(breaker.ramped(71.0))

    def test_a_probe_that_says_nothing_blames_nobody(self) -> None:
        """An untried probe leaves it open and its message unmarked."""
        breaker = opened(0.0)
        for now in (60.0, 120.0, 180.0):
            self.assertTrue(breaker.begin_probe(now))
            breaker.probed("m1", UNTRIED, now)
        self.assertIs(breaker.state, State.OPEN)
        self.assertTrue(breaker.probes.may_probe("m1"))

    def test_an_old_attempt_that_is_answered_hurries_the_probe(self) -> None:
        """It began before the outage and may tell of the past, so it does not close, but a probe is worth it now."""
        breaker = opened(0.0)
        breaker.judged(ANSWERED, 5.0)
        self.assertIs(breaker.state, State.OPEN)
        self.assertTrue(breaker.probe_due(5.0))

    def test_only_the_probes_own_result_ends_the_probe(self) -> None:
        """While one is under way, results of old attempts change nothing."""
        breaker = opened(0.0)
        breaker.begin_probe(60.0)
        for health in ServerHealth:
            self.assertIsNone(breaker.judged(health, 61.0))
            self.assertIs(breaker.state, State.PROBING)

    def test_a_relapse_during_the_ramp_is_a_new_outage(self) -> None:
        """Three faults in a row while ramping open it again, down since the first of them."""
        breaker = opened(0.0)
        breaker.begin_probe(60.0)
        breaker.probed("m1", ANSWERED, 60.0)
        for now in (61.0, 62.0):
            self.assertIsNone(breaker.judged(FAULT, now, "421"))
        self.assertEqual(breaker.judged(FAULT, 63.0, "421"), Opened(61.0, 63.0, "421"))


class ProbeMemoryTests(SynchronousTestCase):
    def probe(self, memory: ProbeMemory, queue: list[str]) -> str:
        """Choose as the queue does: the oldest that may probe, else the oldest; and let it fail."""
        chosen = next((message_id for message_id in queue if memory.may_probe(message_id)), queue[0])
        memory.probe_failed(chosen)
        return chosen

    def test_the_probe_of_two_failed_probes_is_passed_over(self) -> None:
        """One failure is forgiven; after the second the next oldest message is the probe."""
        memory = ProbeMemory()
        self.assertEqual([self.probe(memory, ["a", "b", "c"]) for _ in range(4)], ["a", "a", "b", "b"])
        self.assertEqual([memory.may_probe(message_id) for message_id in "abc"], [False, False, True])

    def test_no_message_keeps_a_server_down(self) -> None:
        """When all were passed over a new round begins: each is the probe again, not the oldest for ever."""
        memory = ProbeMemory()
        probes = [self.probe(memory, ["killer", "b", "c"]) for _ in range(60)]
        for message_id in ("killer", "b", "c"):
            self.assertTrue(18 <= probes.count(message_id) <= 22, probes)

    def test_a_single_message_probes_again_and_again(self) -> None:
        """An outage with one message in the spool ends as well."""
        memory = ProbeMemory()
        self.assertEqual([self.probe(memory, ["only"]) for _ in range(9)], ["only"] * 9)

    def test_an_outages_end_forgives_all(self) -> None:
        """When the breaker closes, every message may probe again."""
        breaker = opened(0.0)
        for now in (60.0, 120.0):
            breaker.begin_probe(now)
            breaker.probed("m1", FAULT, now)
        self.assertFalse(breaker.probes.may_probe("m1"))
        breaker.begin_probe(180.0)
        breaker.probed("m2", ANSWERED, 180.0)
        self.assertTrue(breaker.probes.may_probe("m1"))

    def test_a_month_of_probes_stays_small(self) -> None:
        """Of very many failed messages the oldest are forgotten."""
        memory = ProbeMemory()
        for number in range(50_000):
            memory.probe_failed(f"m{number}")
            memory.probe_failed(f"m{number}")
        self.assertTrue(memory.may_probe("m0"))
        self.assertFalse(memory.may_probe("m49999"))
        self.assertLessEqual(len(memory._failed), 1024)


class DrillTests(SynchronousTestCase):
    def test_a_drill_is_an_outage_with_a_known_end(self) -> None:
        """Nothing passes and no probe is due until its end; then a probe brings the server back."""
        breaker = Breaker()
        self.assertEqual(breaker.drill(until=700.0, now=100.0), Opened(100.0, 100.0, "drill"))
        self.assertTrue(breaker.drilling(699.0))
        self.assertFalse(breaker.probe_due(699.0))
        self.assertFalse(breaker.drilling(700.0))
        self.assertTrue(breaker.begin_probe(700.0))
        self.assertEqual(breaker.probed("m1", ANSWERED, 701.0), Closed(100.0, 701.0))

    def test_answers_of_attempts_under_way_do_not_end_a_drill(self) -> None:
        """Neither an ordinary attempt nor the probe that was under way brings the server back."""
        breaker = opened(0.0)
        breaker.begin_probe(60.0)
        self.assertIsNone(breaker.drill(until=600.0, now=61.0))
        self.assertIsNone(breaker.probed("m1", ANSWERED, 62.0))
        breaker.judged(ANSWERED, 63.0)
        breaker.probe_soon(64.0)
        self.assertEqual((breaker.state, breaker.probe_due(599.0)), (State.OPEN, False))

    def test_a_drill_can_be_ended_early(self) -> None:
        """A drill until now makes the probe due now; on a closed breaker it does nothing."""
        breaker = Breaker()
        self.assertIsNone(breaker.drill(until=5.0, now=5.0))
        self.assertIs(breaker.state, State.CLOSED)
        breaker.drill(until=600.0, now=6.0)
        breaker.drill(until=10.0, now=10.0)
        self.assertTrue(breaker.probe_due(10.0))

    def test_an_outage_may_be_resumed_after_a_restart(self) -> None:
        """It begins open, down since long ago, with the probe due at once."""
        breaker = Breaker()
        self.assertEqual(breaker.resume(-5000.0, 3.0), Opened(-5000.0, 3.0, "down before the restart"))
        self.assertIsNone(breaker.resume(-5000.0, 3.0))
        self.assertTrue(breaker.begin_probe(3.0))
        self.assertEqual(breaker.probed("m1", ANSWERED, 4.0), Closed(-5000.0, 4.0))

    def test_limits_that_could_never_work_are_refused(self) -> None:
        """No failures, or no time between probes."""
        self.assertRaises(ValueError, Breaker, 0)
        self.assertRaises(ValueError, Breaker, 3, 0.0)


class AnyOrder(RuleBasedStateMachine):
    """Everything that can happen, in any order and at any pace."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 0.0
        self.down = False

    def note(self, transition: Opened | Closed | Ramped | None) -> None:
        """Hold the transitions against each other, as the ledger will."""
        if isinstance(transition, Opened):
            assert not self.down
            assert transition.since <= transition.at == self.now
            self.down = True
        elif isinstance(transition, Closed):
            assert self.down
            assert transition.since <= transition.at == self.now
            self.down = False

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(health=st.sampled_from(ServerHealth))
    def judged(self, health: ServerHealth) -> None:
        self.note(self.breaker.judged(health, self.now))

    @rule(health=st.sampled_from(ServerHealth), message_id=st.sampled_from("abc"))
    def probed(self, health: ServerHealth, message_id: str) -> None:
        self.note(self.breaker.probed(message_id, health, self.now))

    @rule()
    def begin_probe(self) -> None:
        due = self.breaker.probe_due(self.now)
        assert self.breaker.begin_probe(self.now) == due

    @rule(minutes=st.integers(-1, 3))
    def drill(self, minutes: int) -> None:
        self.note(self.breaker.drill(self.now + 60 * minutes, self.now))

    @rule()
    def ramped(self) -> None:
        self.note(self.breaker.ramped(self.now))

    @rule()
    def resume(self) -> None:
        self.note(self.breaker.resume(self.now - 100, self.now))

    @invariant()
    def state_and_interval_agree(self) -> None:
        assert self.down == (self.breaker.down_since is not None)
        assert self.down == (not self.breaker.passes)

    @invariant()
    def an_open_breaker_will_probe(self) -> None:
        if self.breaker.state is State.OPEN:
            assert self.breaker.probe_at <= self.now + 180


class TotalityTests(SynchronousTestCase):
    def test_in_any_order_down_intervals_are_whole(self) -> None:
        """Whatever happens in whatever order: openings and closings alternate, and an open breaker will probe."""
        machine = AnyOrder.TestCase
        machine.settings = settings(deadline=None, derandomize=True, max_examples=150, stateful_step_count=40)
        machine("runTest").debug()
