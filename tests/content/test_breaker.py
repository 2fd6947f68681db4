"""Claims about checks that keep failing: when they are left alone, what that costs, and when they are asked again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.content.answers import ACCEPT
from shieldrelay.content.breaker import FAILURES_IN_A_ROW, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from shieldrelay.content.stage import Stage
from shieldrelay.content.tally import PERIOD_SECONDS
from shieldrelay.content.terms import Failing
from shieldrelay.journal.events import EVENTS
from shieldrelay.testing.journal import ListJournal
from tests.content.checks import Answering, Slow, a_message, installed


class BreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.journal = ListJournal()

    def stage(self, check: Any, **terms: Any) -> Stage:
        return Stage([installed(check, **terms)], self.clock, self.journal)

    def broken(self, check: Answering, **terms: Any) -> Stage:
        """Give a stage whose check has failed often enough."""
        stage = self.stage(check, **terms)
        for _ in range(FAILURES_IN_A_ROW):
            stage.judge(a_message())
        return stage

    def told(self, name: str) -> dict[str, object]:
        (fields,) = self.journal.named(name)
        self.assertLessEqual(set(fields), set(EVENTS[name].fields))
        return fields

    def test_three_failures_in_a_row_leave_it_alone(self):
        """After three failures in a row a check is not asked for a while; messages get at once what that means."""
        dead = Answering(lambda _: fail(ConnectionRefusedError("nobody there")))
        stage = self.broken(dead)
        refusal: Any = stage.judge(a_message())
        self.assertEqual((len(dead.inspected), refusal.reply.code), (FAILURES_IN_A_ROW, 451))
        self.assertIn("is asked again in", refusal.reason)
        self.assertEqual(self.told("plugin_left_alone")["failures"], FAILURES_IN_A_ROW)

    def test_an_answer_between_starts_the_count_anew(self):
        """Failures that are not in a row leave nothing alone."""
        answers = [fail(OSError()), fail(OSError()), ACCEPT] * 4
        check = Answering(lambda _: answers.pop())
        stage = self.stage(check, failing=Failing.ACCEPT)
        for _ in range(12):
            self.assertIsNone(stage.judge(a_message()))
        self.assertEqual((len(check.inspected), self.journal.named("plugin_left_alone")), (12, []))

    def test_a_hung_scanner_costs_its_budget_three_times(self):
        """A scanner that hangs holds up three messages for their whole time, and none of a hundred after them."""
        hung = Slow()
        stage = self.stage(hung, seconds=10.0)
        for _ in range(FAILURES_IN_A_ROW):
            waiting: Any = stage.judge(a_message())
            self.clock.advance(10.0)
            self.assertEqual(self.successResultOf(waiting).reply.code, 451)
        for _ in range(100):
            refusal: Any = stage.judge(a_message())
            self.assertEqual(refusal.reply.code, 451)
        self.assertEqual(len(hung.pending), FAILURES_IN_A_ROW)

    def test_who_waits_in_line_does_not_wait_on(self):
        """Messages that wait for their turn are let go when the check is left alone."""
        hung = Slow()
        stage = self.stage(hung, at_once=FAILURES_IN_A_ROW, failing=Failing.ACCEPT)
        waiting: list[Any] = [stage.judge(a_message()) for _ in range(FAILURES_IN_A_ROW + 5)]
        for pending in list(hung.pending):
            pending.errback(ConnectionResetError("gone"))
        self.assertEqual([self.successResultOf(each) for each in waiting[:FAILURES_IN_A_ROW]], [None] * 3)
        for each in hung.pending[FAILURES_IN_A_ROW:]:
            each.errback(ConnectionResetError("gone"))
        self.assertEqual([self.successResultOf(each) for each in waiting], [None] * len(waiting))
        self.assertEqual(stage.under_way, 0)

    def test_one_message_tries_it_again(self):
        """When the pause is over one message asks; an answer ends the pause for everybody."""
        state = {"up": False}
        check = Answering(lambda _: ACCEPT if state["up"] else fail(OSError("down")))
        stage = self.broken(check)
        self.clock.advance(FIRST_PAUSE_SECONDS)
        state["up"] = True
        self.assertIsNone(stage.judge(a_message()))
        self.assertIsNone(stage.judge(a_message()))
        self.assertEqual(self.told("plugin_back")["seconds"], FIRST_PAUSE_SECONDS)

    def test_the_pause_grows(self):
        """Each try that fails doubles the pause, up to its longest; while one message tries, others do not."""
        check = Slow()
        stage = self.stage(check, seconds=1.0)
        asked = []
        for _ in range(900):
            stage.judge(a_message())
            stage.judge(a_message())
            self.clock.advance(1.0)
            asked.append(len(check.pending))
        gaps = [at for at in range(1, 900) if asked[at] != asked[at - 1]]
        self.assertEqual(max(b - a for a, b in pairwise(gaps)), LONGEST_PAUSE_SECONDS + 1)
        self.assertLess(len(check.pending), 20)

    def test_a_message_that_was_given_up_says_nothing(self):
        """A client that leaves while the check is at work counts neither as a failure nor as an answer."""
        check = Slow()
        stage = self.stage(check)
        for _ in range(10):
            waiting: Any = stage.judge(a_message())
            waiting.cancel()
        self.assertEqual((len(check.pending), self.journal.named("plugin_left_alone")), (10, []))

    def test_counts_are_told_once_a_minute(self):
        """What a check was asked and how long that took is told, at most once a minute."""
        stage = self.stage(Answering())
        for _ in range(5):
            stage.judge(a_message())
        self.assertEqual(self.journal.named("plugin_counts"), [])
        self.clock.advance(PERIOD_SECONDS)
        stage.judge(a_message())
        told = self.told("plugin_counts")
        self.assertEqual((told["check"], told["asked"], told["accepted"]), ("scanner", 6, 6))
