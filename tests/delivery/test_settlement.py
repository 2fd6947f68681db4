"""R2, row by row: what the client is told, what is spooled, who is noticed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.settlement import (
    QueuedSettlement,
    Settlement,
    accepted,
    in_our_words,
    settle,
    settle_later,
    shown_codes,
)
from shieldrelay.mail.outcome import Fate, RecipientOutcome
from shieldrelay.mail.reply import EnhancedCode, Reply

TOLD = "we are mailstore7.internal"


def outcome(fate: Fate, code: int = 0, enhanced: EnhancedCode | None = None) -> RecipientOutcome:
    return RecipientOutcome(fate, Reply(code, enhanced, (TOLD,)) if code else None, "as scripted")


TAKEN = outcome(Fate.TAKEN, 250, (2, 0, 0))
TRANSIENT = outcome(Fate.TRANSIENT, 450, (4, 2, 0))
UNKNOWN = outcome(Fate.REFUSED, 550, (5, 1, 1))
POLICY = outcome(Fate.REFUSED, 554, (5, 7, 1))
FULL = outcome(Fate.REFUSED, 552, (5, 2, 2))
SPAM = outcome(Fate.CONTENT_REFUSED, 554, (5, 7, 1))

ROWS: list[tuple[list[RecipientOutcome], int, str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
    # outcomes, code, enhanced, spooled, refused, remembered
    ([TAKEN], 250, "2.0.0", (), (), ()),
    ([TAKEN, TAKEN], 250, "2.0.0", (), (), ()),
    ([UNKNOWN], 550, "5.1.1", (), (), ()),
    ([UNKNOWN, UNKNOWN], 550, "5.1.1", (), (), ()),
    ([UNKNOWN, FULL], 554, "5.0.0", (), (), ()),
    ([SPAM], 554, "5.7.1", (), (), ()),
    ([SPAM, UNKNOWN], 554, "5.7.1", (), (), ()),
    ([SPAM, TRANSIENT], 554, "5.7.1", (), (), ()),
    ([SPAM, UNKNOWN, TRANSIENT], 554, "5.7.1", (), (), ()),
    ([TRANSIENT], 250, "2.0.0", (0,), (), ()),
    ([TRANSIENT, TRANSIENT], 250, "2.0.0", (0, 1), (), ()),
    ([TAKEN, TRANSIENT], 250, "2.0.0", (1,), (), ()),
    ([TAKEN, UNKNOWN], 250, "2.0.0", (), (1,), (1,)),
    ([TRANSIENT, UNKNOWN], 250, "2.0.0", (0,), (1,), (1,)),
    ([UNKNOWN, TAKEN, TRANSIENT, POLICY], 250, "2.0.0", (2,), (0, 3), (0,)),
    ([TAKEN, SPAM], 250, "2.0.0", (), (1,), ()),
    ([TAKEN, SPAM, UNKNOWN, TRANSIENT], 250, "2.0.0", (3,), (1, 2), (2,)),
]


class FirstAttemptTests(SynchronousTestCase):
    def test_every_row_of_the_table_holds(self) -> None:
        """Each combination of fates has the reply, the spooled, the refused and the remembered of R2."""
        for outcomes, code, status, spooled, refused, remembered in ROWS:
            found = settle(outcomes, "id7")
            fates = [each.fate.value for each in outcomes]
            self.assertEqual((found.reply.code, found.reply.status), (code, status), fates)
            self.assertEqual((found.spooled, found.refused, found.remembered), (spooled, refused, remembered), fates)

    def test_all_taken_leaves_nothing_to_do(self) -> None:
        """Only when every recipient was taken does the settlement say so."""
        self.assertTrue(settle([TAKEN, TAKEN], "id7").all_taken)
        for outcomes in ([TAKEN, TRANSIENT], [TAKEN, UNKNOWN], [UNKNOWN], [TRANSIENT]):
            self.assertFalse(settle(outcomes, "id7").all_taken)

    def test_the_reply_does_not_tell_spooled_from_delivered(self) -> None:
        """A sender cannot see from the 250 whether the customer's server is up."""
        self.assertEqual(settle([TAKEN], "id7").reply, settle([TRANSIENT], "id7").reply)
        self.assertEqual(settle([TAKEN], "id7").reply, accepted("id7"))

    def test_the_next_hops_words_stay_inside(self) -> None:
        """No reply repeats a word of the next hop; each gives the reference (R11)."""
        for outcomes, *_ in ROWS:
            said = settle(outcomes, "id7").reply.encode()
            self.assertNotIn(b"mailstore7", said)
            self.assertIn(b"reference id7", said)

    def test_only_addresses_that_every_sender_would_find_refused_are_remembered(self) -> None:
        """What depends on the sender or the message (policy, sender address, size) is noticed but not remembered."""
        for enhanced, remembered in (
            ((5, 1, 1), True),
            ((5, 1, 6), True),
            ((5, 2, 1), True),
            ((5, 2, 2), True),
            ((5, 4, 1), True),
            ((5, 1, 8), False),
            ((5, 2, 3), False),
            ((5, 3, 4), False),
            ((5, 7, 1), False),
            (None, True),
        ):
            found = settle([TAKEN, outcome(Fate.REFUSED, 550, enhanced)], "id7")
            self.assertEqual((found.refused, found.remembered), ((1,), (1,) if remembered else ()), enhanced)

    def test_replies_that_differ_are_reduced_to_what_they_share(self) -> None:
        """Refusals of one subject are told by that subject, never by the detail of one of them."""
        moved = outcome(Fate.REFUSED, 550, (5, 1, 6))
        self.assertEqual(settle([UNKNOWN, moved], "id7").reply, in_our_words(550, (5, 1, 0), "id7"))
        self.assertEqual(settle([UNKNOWN, moved, POLICY], "id7").reply, in_our_words(554, (5, 0, 0), "id7"))

    def test_our_words_fit_the_enhanced_code(self) -> None:
        """A sender reads from the text what kind of refusal it was, sender and size told apart from the recipient."""
        words = {
            (5, 1, 1): "Recipient address",
            (5, 1, 7): "Sender address",
            (5, 1, 8): "Sender address",
            (5, 2, 2): "Mailbox",
            (5, 3, 4): "too large",
            (5, 6, 7): "content",
            (5, 7, 1): "policy",
            (5, 0, 0): "Message refused",
            (5, 4, 4): "Message refused",
        }
        for status, expected in words.items():
            self.assertIn(expected, in_our_words(550, status, "id7").lines[0])

    def test_a_refusal_about_another_conversation_is_not_passed_on(self) -> None:
        """A next hop that wants a login from us (530), or stumbles over our syntax, does not make us ask for one."""
        for code in (500, 504, 530, 538):
            self.assertEqual(shown_codes(Reply(code, (5, 7, 0), (TOLD,))), (554, (5, 0, 0)))
        self.assertEqual(shown_codes(None), (554, (5, 0, 0)))
        self.assertEqual(shown_codes(Reply(571, (5, 7, 1), (TOLD,))), (571, (5, 7, 1)))
        self.assertEqual(shown_codes(Reply(552, None, (TOLD,))), (552, (5, 0, 0)))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.sampled_from(ROWS).map(lambda row: row[0][0]) | st.just(SPAM), min_size=1, max_size=12))
    def test_nobody_is_forgotten(self, outcomes: list[RecipientOutcome]) -> None:
        """Whatever the fates: with 250 each recipient is taken, spooled or noticed, and with 5yz nobody was taken."""
        found = settle(outcomes, "id7")
        taken = {index for index, each in enumerate(outcomes) if each.fate is Fate.TAKEN}
        if found.reply.is_positive:
            accounted = sorted([*taken, *found.spooled, *found.refused])
            self.assertEqual(accounted, list(range(len(outcomes))))
            self.assertLessEqual(set(found.remembered), set(found.refused))
        else:
            self.assertTrue(found.reply.is_permanent)
            self.assertEqual(taken, set())
            self.assertEqual(found, Settlement(found.reply))


class LaterAttemptTests(SynchronousTestCase):
    def test_each_recipient_goes_where_its_fate_leads(self) -> None:
        """Taken is done, transient waits, refused is noticed, and only refused addresses are remembered."""
        found = settle_later([TAKEN, TRANSIENT, SPAM, UNKNOWN], [0, 2, 5, 7])
        self.assertEqual(found, QueuedSettlement(done=(0,), waiting=(2,), refused=(5, 7), remembered=(7,)))

    def test_refused_content_does_not_end_the_others(self) -> None:
        """A recipient that never came to the content keeps waiting when it was refused to another."""
        self.assertEqual(settle_later([SPAM, TRANSIENT], [0, 1]).waiting, (1,))

    def test_a_sender_refused_at_mail_condemns_no_recipient(self) -> None:
        """When all are refused without an enhanced code it may have been the sender: nobody is remembered."""
        bare = outcome(Fate.REFUSED, 550)
        self.assertEqual(settle_later([bare, bare], [0, 1]).remembered, ())
        self.assertEqual(settle_later([bare, TRANSIENT], [0, 1]).remembered, (0,))

    def test_outcomes_and_recipients_must_match(self) -> None:
        """A result of another length is a bug and is not guessed at."""
        self.assertRaises(ValueError, settle_later, [TAKEN], [0, 1])
