"""No slot leaks and no message is lost, whatever next hops, clients and bugs do (R4, R6)."""

from __future__ import annotations

import shutil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.slots import Slots, Use
from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import AttemptResult, ServerHealth
from shieldrelay.ports import Attempt
from shieldrelay.testing.hop import TRANSIENT, UNSURE, FakeNextHop, answered, down, taken
from tests.delivery.relay import DomainRelay, a_message

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("accept", "queue", "dot", "answer", "crash", "wait", "drill", "flush")), st.integers(0, 99)
    ),
    max_size=40,
)


def _untried(attempt: Attempt) -> AttemptResult:
    return AttemptResult((UNSURE,), ServerHealth.UNTRIED)


def _stale(attempt: Attempt) -> AttemptResult:
    return AttemptResult((UNSURE,), ServerHealth.STALE)


CONDUCTS = (taken, down, lambda attempt: answered(TRANSIENT), _untried, _stale)


class SlotTests(SynchronousTestCase):
    """`Slots` by itself, and a whole relay that is shaken."""

    def test_half_belongs_to_a_backlog_that_waits(self) -> None:
        """With a backlog new mail takes at most half of the slots, the backlog all; never more than the limit."""
        slots = Slots()
        inline = [self.take_inline(slots, 5, Precedence.KNOWN_GOOD) for _ in range(4)]
        self.assertEqual(inline, [True, True, False, False])
        self.assertEqual([slots.take(Use.BACKLOG, 5, backlog_waits=True) for _ in range(4)], [True, True, True, False])
        slots.give_back(Use.INLINE)
        self.assertTrue(slots.take(Use.INLINE, 5, backlog_waits=False))
        self.assertEqual(slots.used, 5)

    def test_a_quarter_of_new_mails_half_is_kept_for_known_good(self) -> None:
        """With a backlog strangers leave a quarter of that half free, rounded up, if the half is more than one slot."""
        for limit, strangers, known_good in ((20, 7, 3), (5, 1, 1), (4, 1, 1), (2, 1, 0), (1, 0, 0)):
            slots = Slots()
            for precedence, wanted in ((Precedence.ORDINARY, strangers), (Precedence.KNOWN_GOOD, known_good)):
                taken = sum(self.take_inline(slots, limit, precedence) for _ in range(30))
                self.assertEqual((limit, precedence, taken), (limit, precedence, wanted))

    def take_inline(self, slots: Slots, limit: int, precedence: Precedence) -> bool:
        """Take a slot for new mail while mail waits in the backlog."""
        return slots.take(Use.INLINE, limit, backlog_waits=True, precedence=precedence)

    @given(STEPS, st.integers(1, 4), st.integers(2, 8))
    @settings(deadline=None, derandomize=True, max_examples=120)
    def test_no_slot_leaks_and_nothing_is_lost(
        self, steps: list[tuple[str, int]], connections: int, window: int
    ) -> None:
        """Random results, crashes, cancellations, drills: in the end all slots are free, and all mail is taken."""
        root = self.mktemp()
        relay = DomainRelay(root, FakeNextHop(conduct=None), connections=connections, window=window)
        relay.queue.start()
        replies: dict[str, Deferred[Any]] = {}
        for step, number in steps:
            self._do(relay, replies, step, number)
            self.assertLessEqual(len(relay.hop.held), connections)
            self.assertEqual(relay.lane.slots.used, len(relay.hop.held))
        self._calm_down(relay)
        acknowledged = {id for id, reply in replies.items() if self.successResultOf(reply).code == 250}
        self.assertEqual((relay.lane.slots.used, relay.files(), relay.queue.window.in_flight), (0, [], {}))
        self.assertLessEqual(acknowledged, self.took)
        self.assertEqual(relay.queue.window.total, 0)
        relay.queue.stop()
        relay.lane.stop()
        self.assertEqual(relay.clock.getDelayedCalls(), [])
        relay.spool.close()
        shutil.rmtree(root)

    def _do(self, relay: DomainRelay, replies: dict[str, Deferred[Any]], step: str, number: int) -> None:
        hop = relay.hop
        index = number % len(hop.held) if hop.held else 0
        if step in ("accept", "queue"):
            id = f"M{len(replies)}"
            replies[id] = relay.accept(a_message(id, arrived=relay.wall()), inline=step == "accept")
        elif step == "wait":
            relay.clock.advance((0.05, 1, 10, 60, 300)[number % 5])
        elif step == "drill":
            relay.lane.drill(number % 100)
        elif step == "flush":
            relay.queue.flush()
        elif hop.held and step == "dot":
            if not hop.held[index].attempt.dotted:
                hop.held[index].attempt.final_dot()
        elif hop.held and step == "answer":
            hop.answer(self._noting(CONDUCTS[number % len(CONDUCTS)]), index)
        elif hop.held and step == "crash":
            hop.crash(ValueError("of ours"), index)

    def _noting(self, conduct: Any) -> Any:
        def noted(attempt: Attempt) -> AttemptResult:
            if conduct is taken:
                self.took.add(attempt.message.id)
            result: AttemptResult = conduct(attempt)
            return result

        return noted

    def setUp(self) -> None:
        self.took: set[str] = set()

    def _calm_down(self, relay: DomainRelay) -> None:
        """Let a server that takes everything have time enough."""
        relay.hop.conduct = self._noting(taken)
        while relay.hop.held:
            relay.hop.answer(self._noting(taken))
        for _ in range(60):
            relay.clock.advance(60)
