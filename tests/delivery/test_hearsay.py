"""Claims about what one member makes of others' words about a server (R6, R30)."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.hearsay import DOUBT_SECONDS, FRESH_SECONDS, QUIET_SECONDS, Act, Hearsay, View

NOW = 10_000.0


def up() -> Hearsay:
    """Give one that has heard and met nothing."""
    return Hearsay()


def fresh() -> Hearsay:
    """Give one that was just answered."""
    hearsay = Hearsay()
    hearsay.answered(NOW)
    return hearsay


def doubting() -> Hearsay:
    """Give one that was just answered and is told of an outage."""
    hearsay = fresh()
    hearsay.said_down(NOW + 1.0)
    return hearsay


def down() -> Hearsay:
    """Give one that was told of an outage."""
    hearsay = Hearsay()
    hearsay.said_down(NOW)
    return hearsay


def teller() -> Hearsay:
    """Give one that found the outage, and told it."""
    hearsay = Hearsay()
    hearsay.opened(NOW)
    return hearsay


def alone() -> Hearsay:
    """Give one whose word was contradicted."""
    hearsay = teller()
    hearsay.contradicted(NOW + 1.0)
    return hearsay


Made = Callable[[], Hearsay]
Met = Callable[[Hearsay], Act]

AT = NOW + 2.0
MET: dict[str, Met] = {
    "three faults": lambda hearsay: hearsay.opened(AT),
    "fault": lambda hearsay: hearsay.faulted(),
    "answered": lambda hearsay: hearsay.answered(AT),
    "probe answered": lambda hearsay: hearsay.probe_answered(AT),
    "said down": lambda hearsay: hearsay.said_down(AT),
    "said up": lambda hearsay: hearsay.said_up(AT),
    "contradicted": lambda hearsay: hearsay.contradicted(AT),
    "time": lambda hearsay: hearsay.time(),
}
TABLE: dict[tuple[Made, str], tuple[View, Act]] = {
    (up, "three faults"): (View.DOWN, Act.TELL_DOWN),
    (up, "said down"): (View.DOWN, Act.OPEN),
    (fresh, "three faults"): (View.DOWN, Act.TELL_DOWN),
    (fresh, "said down"): (View.DOUBT, Act.NOTHING),
    (doubting, "fault"): (View.DOWN, Act.OPEN),
    (doubting, "answered"): (View.UP, Act.CONTRADICT),
    (doubting, "said up"): (View.UP, Act.NOTHING),
    (doubting, "contradicted"): (View.UP, Act.NOTHING),
    (doubting, "time"): (View.DOWN, Act.OPEN),
    (down, "probe answered"): (View.UP, Act.TELL_UP),
    (down, "said up"): (View.UP, Act.RAMP),
    (down, "contradicted"): (View.UP, Act.RESUME),
    (teller, "probe answered"): (View.UP, Act.TELL_UP),
    (teller, "said up"): (View.UP, Act.RAMP),
    (teller, "contradicted"): (View.OWN, Act.PROBE),
    (alone, "probe answered"): (View.UP, Act.NOTHING),
    (alone, "said down"): (View.DOWN, Act.NOTHING),
}
"""All that changes anything; whatever else is met changes nothing."""


class TableTests(SynchronousTestCase):
    """Row by row."""

    def test_every_row_of_the_table(self) -> None:
        """For each state and each thing that can be met, what is believed then and what is done, and nothing else."""
        for make in (up, fresh, doubting, down, teller, alone):
            for name, meet in MET.items():
                with self.subTest(make.__name__, met=name):
                    hearsay = make()
                    expected = TABLE.get((make, name), (hearsay.view, Act.NOTHING))
                    act = meet(hearsay)
                    self.assertEqual((hearsay.view, act), expected)

    def test_an_answer_is_fresh_for_a_while_and_until_the_next_fault(self) -> None:
        """Who was answered half a minute ago, or has met a fault since, does not doubt."""
        late, failed = fresh(), fresh()
        failed.faulted()
        self.assertIs(late.said_down(NOW + FRESH_SECONDS + 0.1), Act.OPEN)
        self.assertIs(failed.said_down(NOW + 0.1), Act.OPEN)
        self.assertLess(DOUBT_SECONDS, FRESH_SECONDS)

    def test_who_was_contradicted_keeps_its_faults_to_itself_for_a_while(self) -> None:
        """Its next outage is its own, and binds nobody; after ten minutes its word is told again."""
        rows = ((QUIET_SECONDS, Act.NOTHING, View.OWN), (QUIET_SECONDS + 2.0, Act.TELL_DOWN, View.DOWN))
        for seconds, act, view in rows:
            hearsay = alone()
            hearsay.probe_answered(NOW + 2.0)
            self.assertIs(hearsay.opened(NOW + seconds), act)
            self.assertEqual((hearsay.view, hearsay.alone), (view, view is View.OWN))

    def test_who_ramps_at_anothers_word_says_nothing_before_it_is_answered(self) -> None:
        """It would call the server down that only its own way does not reach; once it was answered its word counts."""
        hearsay = down()
        hearsay.said_up(NOW)
        self.assertIs(hearsay.opened(NOW + 1.0), Act.NOTHING)
        self.assertIs(hearsay.view, View.OWN)
        hearsay = down()
        hearsay.said_up(NOW)
        hearsay.answered(NOW + 1.0)
        self.assertIs(hearsay.opened(NOW + 2.0), Act.TELL_DOWN)

    def test_a_quick_return_is_no_contradiction(self) -> None:
        """A server that is back a second later is one that came back: everybody ramps, whatever the clocks say."""
        hearsay = down()
        self.assertIs(hearsay.said_up(NOW + 1.0), Act.RAMP)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.sampled_from(sorted(MET)), max_size=12))
    def test_nobody_tells_twice(self, met: list[str]) -> None:
        """Whatever is met, a word is told only when the view changes: words cannot go round in circles."""
        hearsay = Hearsay()
        for name in met:
            before = hearsay.view
            if MET[name](hearsay) in (Act.TELL_DOWN, Act.TELL_UP, Act.CONTRADICT):
                self.assertIsNot(hearsay.view, before)
