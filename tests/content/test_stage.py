"""Claims about the content stage: order, bounds, and what the failure of a check means."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.content.answers import ACCEPT, Annotate, HeaderField, Lasting, Refuse
from shieldrelay.content.judgement import Annotated
from shieldrelay.content.stage import Stage
from shieldrelay.content.terms import Failing, Force, Installed
from shieldrelay.journal.events import EVENTS
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.testing.journal import ListJournal
from tests.content.checks import Answering, Slow, a_message, installed

CLEAN = Annotate((HeaderField("X-Scanned", "clean"),))
SPAM = Refuse("score 15.2, limit 10")


class StageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.journal = ListJournal()

    def stage(self, *checks: Installed) -> Stage:
        return Stage(checks, self.clock, self.journal)

    def judged(self, *checks: Installed) -> Any:
        """Give what is answered at once."""
        return self.stage(*checks).judge(a_message())

    def told(self, name: str) -> dict[str, object]:
        """Give the one event of this name; its fields are declared."""
        (fields,) = self.journal.named(name)
        self.assertLessEqual(set(fields), set(EVENTS[name].fields))
        return fields

    def test_accepted_at_once(self):
        """Checks that have nothing against a message and answer at once cost no Deferred and no event."""
        self.assertIsNone(self.judged(installed(Answering()), installed(Answering(lambda _: succeed(ACCEPT)))))
        self.assertEqual(self.journal.events, [])

    def test_a_refusal_for_good_is_554(self):
        """A permanent refusal is 554 5.7.1 with a generic text, and the journal has the check and its reason."""
        refusal = self.judged(installed(Answering(lambda _: SPAM)))
        self.assertEqual(refusal.reply, Reply(554, (5, 7, 1), ("Message refused by policy",)))
        self.assertEqual((refusal.reason, refusal.defence), ("scanner: score 15.2, limit 10", "content"))
        told = self.told("content_refused")
        self.assertEqual((told["check"], told["code"], told["reason"]), ("scanner", 554, "score 15.2, limit 10"))

    def test_a_refusal_for_now_is_451(self):
        """A temporary refusal is 451 4.7.1."""
        refusal = self.judged(installed(Answering(lambda _: Refuse("seen first", Lasting.TEMPORARY, "Come again"))))
        self.assertEqual(refusal.reply, Reply(451, (4, 7, 1), ("Come again",)))

    def test_the_first_refusal_ends_it(self):
        """Checks run in their order, and none after one that refuses."""
        first, second, third = Answering(), Answering(lambda _: SPAM), Answering()
        self.assertIsInstance(self.judged(*(installed(each) for each in (first, second, third))), Refusal)
        self.assertEqual([len(each.inspected) for each in (first, second, third)], [1, 1, 0])

    def test_fields_of_later_checks_stand_on_top(self):
        """Header fields are gathered, the last check's on top, as trace fields are."""
        later = Annotate((HeaderField("X-A", "1"), HeaderField("X-B", "2")))
        answer = self.judged(installed(Answering(lambda _: CLEAN)), installed(Answering(lambda _: later)))
        self.assertEqual(answer, Annotated(b"X-A: 1\r\nX-B: 2\r\nX-Scanned: clean\r\n"))

    def test_waits_for_slow_checks_in_turn(self):
        """A check that takes its time is waited for before the next one is asked."""
        slow, next_one = Slow(), Answering(lambda _: CLEAN)
        answer = self.judged(installed(slow), installed(next_one))
        self.assertNoResult(answer)
        self.assertEqual(next_one.inspected, [])
        slow.pending[0].callback(ACCEPT)
        self.assertEqual(self.successResultOf(answer), Annotated(b"X-Scanned: clean\r\n"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_late_tempfails_as_declared(self):
        """A check that has not answered in its time is cancelled, and the message deferred when so declared."""
        slow = Slow()
        answer = self.judged(installed(slow, seconds=5.0, failing=Failing.TEMPFAIL))
        self.clock.advance(4.9)
        self.assertNoResult(answer)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(answer).reply.code, 451)
        self.assertTrue(slow.pending[0].called)
        told = self.told("plugin_failed")
        self.assertEqual((told["result"], told["reason"]), ("tempfailed", "no answer in time: 5 s"))

    def test_too_late_passes_as_declared(self):
        """With ``fail = accept`` the message goes on to the next check."""
        after = Answering()
        answer = self.judged(installed(Slow(), seconds=5.0, failing=Failing.ACCEPT), installed(after))
        self.clock.advance(5.0)
        self.assertIsNone(self.successResultOf(answer))
        self.assertEqual(len(after.inspected), 1)
        self.assertEqual(self.told("plugin_failed")["result"], "accepted")

    def test_a_bug_is_no_answer(self):
        """An exception, a failed Deferred and a foreign answer are failures of the check, each told with its reason."""

        def raising(_inspected: object) -> None:
            raise KeyError("symbols")

        for conduct, reason in (
            (raising, "KeyError: 'symbols'"),
            (lambda _: fail(OSError(111, "refused")), "ConnectionRefusedError: [Errno 111] refused"),
            (lambda _: True, "it answered bool, which is no answer"),
            (lambda _: succeed(None), "it answered NoneType, which is no answer"),
        ):
            self.journal.events.clear()
            refusal = self.judged(installed(Answering(conduct)))
            self.assertEqual((refusal.reply.code, self.told("plugin_failed")["reason"]), (451, reason))

    def test_so_many_at_once(self):
        """A check has so many messages in hand; the next gets its turn, in order, when one is done."""
        slow = Slow()
        stage = self.stage(installed(slow, at_once=2))
        answers: list[Any] = [stage.judge(a_message()) for _ in range(4)]
        self.assertEqual((len(slow.pending), stage.under_way), (2, 4))
        slow.pending[1].callback(ACCEPT)
        self.assertEqual(len(slow.pending), 3)
        for waiting in (0, 2, 3):
            slow.pending[waiting].callback(SPAM if waiting == 3 else ACCEPT)
        self.assertEqual([self.successResultOf(answer) is None for answer in answers], [True, True, True, False])
        self.assertEqual((stage.under_way, self.clock.getDelayedCalls()), (0, []))

    def test_the_wait_for_a_turn_counts(self):
        """Who gets no turn within the check's time is answered by what its failure means, and never asked about."""
        slow = Slow(stubborn=True)
        stage = self.stage(installed(slow, at_once=1, seconds=5.0))
        answers: list[Any] = [stage.judge(a_message()) for _ in range(2)]
        self.clock.advance(5.0)
        self.assertEqual([self.successResultOf(answer).reply.code for answer in answers], [451, 451])
        reasons = [fields["reason"] for fields in self.journal.named("plugin_failed")]
        self.assertEqual(reasons, ["no answer in time: 5 s", "no turn in time: 5 s"])
        slow.pending[0].callback(ACCEPT)
        self.assertEqual((len(slow.inspected), stage.under_way), (1, 0))

    def test_one_that_does_not_end_keeps_its_place(self):
        """A check that ignores being cancelled holds its place until it ends: what it still does is bounded too."""
        slow = Slow(stubborn=True)
        stage = self.stage(installed(slow, at_once=1, seconds=5.0))
        stage.judge(a_message())
        self.clock.advance(5.0)
        late: Any = stage.judge(a_message())
        self.assertEqual(len(slow.pending), 1)
        slow.pending[0].callback(ACCEPT)
        slow.pending[1].callback(ACCEPT)
        self.assertIsNone(self.successResultOf(late))

    def test_a_line_of_thousands_does_not_recurse(self):
        """When a place comes free, whoever waits is asked in a loop, also if the check now answers at once."""
        answers: list[Deferred[Any]] = []
        slow = Slow()
        stage = self.stage(installed(slow, at_once=1))
        for _ in range(5000):
            answers.append(stage.judge(a_message()))  # type: ignore[arg-type]
        slow.conduct = lambda _: succeed(ACCEPT)
        slow.pending[0].callback(ACCEPT)
        self.assertEqual({self.successResultOf(answer) for answer in answers}, {None})

    def test_observing_refuses_nothing(self):
        """A check in observe mode is journalled and neither refuses, nor annotates, nor defers by its failure."""

        def raising(_inspected: object) -> None:
            raise KeyError("symbols")

        for conduct in (lambda _: SPAM, lambda _: CLEAN, raising):
            self.assertIsNone(self.judged(installed(Answering(conduct), force=Force.OBSERVE)))
        self.assertEqual(self.told("content_refused")["mode"], "observe")
        self.assertEqual(self.told("plugin_failed")["result"], "accepted")

    def test_cancelled_from_outside(self):
        """Cancelling what `judge` gave ends the check under way, and leaves no call behind."""
        slow = Slow()
        answer = self.judged(installed(slow))
        answer.cancel()
        self.assertEqual(self.successResultOf(answer).reply.code, 451)
        self.assertTrue(slow.pending[0].called)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AnswerTests(SynchronousTestCase):
    def test_fields_are_lawful(self):
        """A header field that could break out of its line, or is too long, cannot be built."""
        for name, value in (
            ("X Name", "value"),
            ("X-Name:", "value"),
            ("", "value"),
            ("X-Name", ""),
            ("X-Name", "two\r\nBcc: victim@example.test"),
            ("X-Name", "two\nlines"),
            ("X-Name", " begins with a blank"),
            ("X-Name", "gr\xfc\xdfe"),
            ("X-Name", "x" * 990),
        ):
            self.assertRaises(ValueError, HeaderField, name, value)
        self.assertEqual(HeaderField("X-Name", "a value").encode(), b"X-Name: a value\r\n")

    def test_texts_are_lawful(self):
        """A text for the peer that could break out of its reply cannot be built."""
        for text in ("", "two\r\n250 ok", "x" * 201, "gr\xfc\xdfe"):
            self.assertRaises(ValueError, Refuse, "reason", text=text)

    def test_fields_are_few(self):
        """A check adds sixteen fields at most."""
        self.assertRaises(ValueError, Annotate, (HeaderField("X-Name", "value"),) * 17)
        self.assertRaises(ValueError, Annotate, ())
