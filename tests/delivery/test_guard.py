"""The bounce guard (R5), row by row."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.evidence import Evidence
from shieldrelay.delivery.guard import BounceGuard, GuardLimits, Suspicion, SuspicionChanged
from shieldrelay.mail.outcome import Fate, RecipientOutcome
from shieldrelay.mail.reply import Reply

TAKEN = RecipientOutcome(Fate.TAKEN, Reply(250, (2, 0, 0), ("ok",)))
REFUSED = RecipientOutcome(Fate.REFUSED, Reply(550, (5, 1, 1), ("no such user",)))
SPAM = RecipientOutcome(Fate.CONTENT_REFUSED, Reply(554, (5, 7, 1), ("spam",)))
TRANSIENT = RecipientOutcome(Fate.TRANSIENT, Reply(450, (4, 2, 0), ("later",)))
HOUR, DAY = 3600.0, 86400.0


class Feed:
    """A guard and a clock; messages with ids and senders of their own."""

    def __init__(self) -> None:
        self.guard = BounceGuard()
        self.now = 10_000.0
        self.count = 0
        self.changes: list[SuspicionChanged] = []

    def message(
        self, *outcomes: RecipientOutcome, sender: str | None = None, message_id: str | None = None
    ) -> Sequence[RecipientOutcome]:
        self.count += 1
        given_outcomes, change = self.guard.judge(
            message_id or f"m{self.count}",
            f"s{self.count}@example.net" if sender is None else sender,
            outcomes,
            self.now,
        )
        if change is not None:
            self.changes.append(change)
        return given_outcomes

    def messages(self, number: int, *outcomes: RecipientOutcome) -> list[Fate]:
        return [self.message(*outcomes)[0].fate for _ in range(number)]


class RousingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.feed = Feed()
        self.guard = self.feed.guard

    def test_the_tenth_refused_message_rouses_it(self) -> None:
        """Nine refusals are believed, the tenth is the first that is held back, and the change is an alarm."""
        fates = self.feed.messages(12, REFUSED)
        self.assertEqual(fates, [Fate.REFUSED] * 9 + [Fate.TRANSIENT] * 3)
        (change,) = self.feed.changes
        self.assertEqual((change.before, change.after), (Suspicion.NONE, Suspicion.HOLDING))
        self.assertTrue(change.alarming)
        self.assertEqual(change.reason, "10 of 10 listed recipients refused for good")
        self.assertEqual((self.guard.since, self.guard.reason), (change.at, change.reason))

    def test_four_senders_do_not_rouse_it(self) -> None:
        """A hundred refused messages of four senders are the senders' trouble; a fifth makes it the server's."""
        for number in range(100):
            self.feed.message(REFUSED, sender=f"list{number % 4}@example.net")
        self.assertIs(self.guard.suspicion, Suspicion.NONE)
        self.feed.message(REFUSED, sender="fifth@example.net")
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)

    def test_the_share_decides_among_much_good_mail(self) -> None:
        """Three of ten refused are believed, four of ten are not."""
        for number in range(100):
            self.feed.message(REFUSED if number % 10 in (3, 6, 9) else TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)
        for number in range(100):
            self.feed.message(REFUSED if number % 10 in (1, 3, 6, 9) else TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)

    def test_refused_content_is_no_evidence(self) -> None:
        """A thousand spam verdicts rouse nobody, and count as recipients that exist."""
        self.assertEqual(set(self.feed.messages(1000, SPAM)), {Fate.CONTENT_REFUSED})
        self.feed.messages(20, REFUSED)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)

    def test_transient_outcomes_are_no_evidence(self) -> None:
        """They neither rouse it nor dilute the share."""
        self.feed.messages(1000, TRANSIENT)
        self.feed.messages(10, REFUSED)
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)

    def test_slow_refusals_are_believed(self) -> None:
        """Ten refusals spread over twenty minutes are no sign of an empty list."""
        for _ in range(20):
            self.feed.now += 120
            self.feed.message(REFUSED)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)

    def test_only_refusals_are_held_back(self) -> None:
        """In a message with several fates the others stay what they are, in place, and the reason tells."""
        self.feed.messages(10, REFUSED)
        given_outcomes = self.feed.message(TAKEN, REFUSED, SPAM, TRANSIENT)
        self.assertEqual(
            [outcome.fate for outcome in given_outcomes],
            [Fate.TAKEN, Fate.TRANSIENT, Fate.CONTENT_REFUSED, Fate.TRANSIENT],
        )
        self.assertEqual(given_outcomes[1].reply, REFUSED.reply)
        self.assertIn("held back", given_outcomes[1].reason)

    def test_other_limits_can_be_declared(self) -> None:
        """Limits of one message of one sender rouse it at once."""
        guard = BounceGuard(GuardLimits(share=0.1, messages=1, senders=1))
        given_outcomes, change = guard.judge("m1", "", [REFUSED], 5.0)
        self.assertIs(given_outcomes[0].fate, Fate.TRANSIENT)
        assert change is not None


class RecoveringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.feed = Feed()
        self.guard = self.feed.guard
        self.feed.messages(10, REFUSED)

    def test_a_restored_list_ends_it(self) -> None:
        """Once the window holds almost only taken recipients, refusals are believed again."""
        self.feed.now += HOUR
        self.feed.messages(9, TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)
        self.feed.messages(1, TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)
        self.assertFalse(self.feed.changes[-1].alarming)
        self.assertEqual(self.feed.messages(1, REFUSED), [Fate.REFUSED])

    def test_a_share_just_below_the_limit_does_not(self) -> None:
        """Between half the limit and the limit nothing changes: no flapping at the edge."""
        self.feed.now += HOUR
        for number in range(50):
            self.feed.message(TAKEN if number % 5 else REFUSED)
        self.assertEqual((self.guard.suspicion, self.guard.since), (Suspicion.HOLDING, 10_000.0))

    def test_a_half_restored_list_does_not(self) -> None:
        """Retries that are refused again count while it holds: half taken, half refused is not lawful."""
        self.feed.now += HOUR
        for number in range(100):
            if number % 2:
                self.feed.message(TAKEN)
            else:
                self.feed.message(REFUSED, message_id="m10")
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)

    def test_after_a_day_the_server_is_believed(self) -> None:
        """Held mail bounces then, the change is an alarm, and no second day follows the first."""
        self.feed.now += DAY - 1
        self.assertEqual(self.feed.messages(1, REFUSED), [Fate.TRANSIENT])
        self.feed.now += 1
        self.assertEqual(set(self.feed.messages(100, REFUSED)), {Fate.REFUSED})
        self.assertIs(self.guard.suspicion, Suspicion.SPENT)
        self.assertTrue(self.feed.changes[-1].alarming)

    def test_the_day_ends_without_mail_too(self) -> None:
        """The status shows it although nothing moves."""
        self.assertIsNone(self.guard.passed(self.feed.now + DAY - 1))
        change = self.guard.passed(self.feed.now + DAY)
        assert change is not None
        self.assertIs(change.after, Suspicion.SPENT)

    def test_once_lawful_again_it_can_be_roused_anew(self) -> None:
        """After a spent day and good mail, the next emptied list is held back like the first."""
        self.feed.now += DAY
        self.feed.messages(1, REFUSED)
        self.feed.now += HOUR
        self.feed.messages(10, TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)
        self.feed.now += HOUR
        self.assertEqual(self.feed.messages(11, REFUSED)[-1], Fate.TRANSIENT)

    def test_the_operator_may_believe_the_server(self) -> None:
        """From then on refusals count, however many."""
        change = self.guard.believe(self.feed.now)
        assert change is not None
        self.assertIs(change.after, Suspicion.SPENT)
        self.assertEqual(set(self.feed.messages(50, REFUSED)), {Fate.REFUSED})
        self.assertIsNone(self.guard.believe(self.feed.now))


class AfterAnOutageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.feed = Feed()
        self.guard = self.feed.guard
        self.guard.outage_over(self.feed.now)

    def test_a_customer_comes_back_with_an_empty_list_and_nothing_bounces(self) -> None:
        """From the first refusal after the outage on, every one is held back, and the tenth raises the alarm."""
        self.assertEqual(set(self.feed.messages(50, REFUSED)), {Fate.TRANSIENT})
        self.assertTrue(self.feed.changes[-1].alarming)
        self.assertIs(self.guard.suspicion, Suspicion.HOLDING)

    def test_a_lawful_server_is_believed_after_ten_messages(self) -> None:
        """Once ten messages show a low share, the next refusal is final."""
        self.feed.messages(8, TAKEN)
        self.assertEqual(self.feed.messages(1, REFUSED), [Fate.TRANSIENT])
        self.assertEqual(self.feed.messages(2, REFUSED), [Fate.REFUSED] * 2)

    def test_a_share_below_the_limit_ends_the_watch(self) -> None:
        """The watch compares with the limit itself: a domain whose share is always 20 % is watched for ten messages."""
        self.feed.messages(8, TAKEN)
        self.feed.messages(2, REFUSED)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)

    def test_a_share_above_the_limit_keeps_the_watch(self) -> None:
        """Too few senders for an alarm, too many refusals to be believed."""
        for number in range(30):
            self.feed.message(TAKEN if number % 2 else REFUSED, sender=f"s{number % 4}")
        self.assertIs(self.guard.suspicion, Suspicion.WATCHING)

    def test_what_was_seen_before_the_outage_does_not_clear_it(self) -> None:
        """Good mail of the minutes before does not vouch for the server that came back."""
        feed = Feed()
        feed.messages(100, TAKEN)
        feed.guard.outage_over(feed.now)
        self.assertEqual(set(feed.messages(12, REFUSED)), {Fate.TRANSIENT})

    def test_a_quiet_domain_is_not_believed_too_early(self) -> None:
        """One taken message within the window's time ends nothing; at its end, mail taken before counts."""
        self.feed.messages(1, TAKEN)
        self.feed.now += 599
        self.assertEqual(self.feed.messages(1, REFUSED), [Fate.TRANSIENT])
        self.feed.messages(9, TRANSIENT)
        self.assertIs(self.guard.suspicion, Suspicion.WATCHING)
        self.feed.messages(3, TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.WATCHING)
        self.feed.now += 1
        self.assertIsNotNone(self.guard.passed(self.feed.now))
        self.assertIs(self.guard.suspicion, Suspicion.NONE)

    def test_old_mail_does_not_clear_it(self) -> None:
        """What has left the window vouches for nothing, although nothing came since."""
        self.feed.messages(1, TAKEN)
        self.assertIsNone(self.guard.passed(self.feed.now + HOUR))
        self.assertIs(self.guard.suspicion, Suspicion.WATCHING)

    def test_a_quiet_domain_is_believed_after_ten_minutes_with_mail(self) -> None:
        """A single taken message after the window's time is enough; time alone is not."""
        self.feed.now += HOUR
        self.assertEqual(self.feed.messages(1, REFUSED), [Fate.TRANSIENT])
        self.feed.now += HOUR
        self.feed.messages(1, TAKEN)
        self.assertIs(self.guard.suspicion, Suspicion.NONE)

    def test_retries_of_one_message_are_one_piece_of_evidence(self) -> None:
        """Five messages that are retried and refused many times raise no alarm."""
        for number in range(100):
            self.feed.message(REFUSED, message_id=f"held{number % 5}", sender=f"s{number % 5}")
        self.assertIs(self.guard.suspicion, Suspicion.WATCHING)

    def test_a_silent_day_ends_the_watch_without_a_word(self) -> None:
        """Nothing was refused, so nothing is suspicious; something refused, and the day is spent."""
        change = self.guard.passed(self.feed.now + DAY)
        assert change is not None
        self.assertEqual((change.after, change.alarming), (Suspicion.NONE, False))
        self.guard.outage_over(self.feed.now + DAY)
        self.feed.now += DAY
        self.feed.messages(1, REFUSED)
        change = self.guard.passed(self.feed.now + DAY)
        assert change is not None
        self.assertEqual((change.after, change.alarming), (Suspicion.SPENT, True))

    def test_an_outage_during_suspicion_changes_nothing(self) -> None:
        """Who is suspected stays suspected, and the day is not begun anew."""
        self.feed.messages(10, REFUSED)
        since = self.guard.since
        self.assertIsNone(self.guard.outage_over(self.feed.now + HOUR))
        self.assertEqual((self.guard.suspicion, self.guard.since), (Suspicion.HOLDING, since))


EVENTS = st.one_of(
    st.tuples(st.just("message"), st.sampled_from([TAKEN, REFUSED, SPAM, TRANSIENT]), st.integers(0, 30)),
    st.tuples(st.sampled_from(["outage", "believe", "passed"]), st.just(TAKEN), st.just(0)),
    st.tuples(st.just("wait"), st.just(TAKEN), st.sampled_from([1, 60, 601, 3600, 90_000])),
)


class TotalityTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(EVENTS, max_size=120))
    def test_refusals_are_held_back_exactly_while_it_says_so(
        self, events: list[tuple[str, RecipientOutcome, int]]
    ) -> None:
        """In any order of events: held back if and only if it watches or holds, never longer than a day."""
        guard, now = BounceGuard(), 0.0
        for name, outcome, number in events:
            if name == "wait":
                now += number
            elif name == "message":
                given_outcomes, _ = guard.judge(f"m{number}", f"s{number}", [outcome], now)
                held = outcome.fate is Fate.REFUSED and guard.holds_back
                self.assertIs(given_outcomes[0].fate, Fate.TRANSIENT if held else outcome.fate)
                if guard.holds_back and outcome.fate is not Fate.TRANSIENT:
                    assert guard.since is not None
                    self.assertLess(now - guard.since, DAY)
            else:
                {"outage": guard.outage_over, "believe": guard.believe, "passed": guard.passed}[name](now)

    def test_the_memory_does_not_grow_with_traffic(self) -> None:
        """A hundred thousand held messages leave some thousand ids and a handful of senders."""
        feed = Feed()
        feed.guard.outage_over(feed.now)
        for _ in range(100_000):
            feed.now += 0.01
            feed.message(REFUSED)
        self.assertLessEqual(len(feed.guard._held), 4096)
        self.assertLessEqual(sum(map(len, feed.guard._evidence._senders)), 50)


class EvidenceTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.tuples(st.floats(0, 200), st.integers(0, 3), st.integers(0, 7)), max_size=60))
    def test_the_window_counts_as_an_exact_one_would(self, notes: list[tuple[float, int, int]]) -> None:
        """Counts and senders lie between those of the last nine and the last ten tenths of the window."""
        evidence, now, seen, all_seen = Evidence(600.0, 5), 0.0, [], []
        for later, refused, sender in notes:
            now += later
            if refused:
                evidence.note_refused(refused, 1, f"s{sender}", now)
                seen.append((now, refused, sender))
            else:
                evidence.note_taken(1, now)
            all_seen.append(now)
            recent = [note for note in seen if note[0] > now - 540]
            window = [note for note in seen if note[0] > now - 600]
            self.assertTrue(sum(n[1] for n in recent) <= evidence.refused <= sum(n[1] for n in window))
            self.assertTrue(len(recent) <= evidence.refusing_messages <= len(window))
            self.assertGreaterEqual(evidence.senders, min(5, len({n[2] for n in recent})))
            self.assertLessEqual(min(5, evidence.senders), min(5, len({n[2] for n in window})))
            for count in (evidence.messages, evidence.taken):
                self.assertTrue(sum(t > now - 540 for t in all_seen) <= count <= sum(t > now - 600 for t in all_seen))

    def test_cleared_evidence_holds_nothing(self) -> None:
        """After clearing, nothing of any slice is left."""
        evidence = Evidence(600.0, 5)
        for slice_number in range(10):
            evidence.note_refused(2, 3, f"s{slice_number}", 60.0 * slice_number)
        self.assertEqual((evidence.messages, evidence.taken, evidence.refused, evidence.senders), (10, 30, 20, 10))
        self.assertEqual(evidence.share, 0.4)
        evidence.clear()
        self.assertEqual((evidence.messages, evidence.taken, evidence.refused, evidence.senders), (0, 0, 0, 0))
        self.assertEqual((evidence.refusing_messages, evidence.share), (0, 0.0))
