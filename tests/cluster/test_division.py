"""Units are divided evenly, and never beyond what there is, however members speak, fall silent and come back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.trial import unittest

from shieldrelay.cluster.claims import Claims
from shieldrelay.cluster.division import Portion, fair_share
from shieldrelay.cluster.hub import Claim

WISHES = st.lists(st.integers(0, 30), min_size=1, max_size=8)
NAME = b"hop:example.com"


def shares(wishes: list[int], most: int, occupied: list[int] | None = None) -> list[int]:
    held = occupied or [0] * len(wishes)
    portions = {f"m{number}": Portion(wish, most, held[number]) for number, wish in enumerate(wishes)}
    return [fair_share(portions, name) for name in portions]


class FairnessTests(unittest.SynchronousTestCase):
    @settings(deadline=None, derandomize=True)
    @given(WISHES, st.integers(0, 60))
    def test_shares_are_max_min_fair(self, wishes: list[int], most: int) -> None:
        """All is given out, nobody gets more than it wants, and who wants more has at most one unit less than any."""
        given_out = shares(wishes, most)
        self.assertEqual(sum(given_out), min(most, sum(wishes)))
        greatest = max(given_out)
        for wish, share in zip(wishes, given_out, strict=True):
            self.assertLessEqual(share, wish)
            self.assertTrue(share == wish or share >= greatest - 1)

    @settings(deadline=None, derandomize=True)
    @given(WISHES, st.integers(0, 60), st.data())
    def test_odd_units_stay_with_their_holders(self, wishes: list[int], most: int, data: st.DataObject) -> None:
        """What was divided once is divided the same way again, whoever speaks: nobody swaps an odd unit to and fro."""
        order = data.draw(st.permutations(range(len(wishes))))
        first = shares([wishes[place] for place in order], most)
        held = [first[order.index(place)] for place in range(len(wishes))]
        self.assertEqual(shares(wishes, most, held), held)

    def test_nobody_wants_any(self) -> None:
        """Without a wish nobody gets anything."""
        self.assertEqual(shares([0, 0], 10), [0, 0])


class Life:
    """A member as it goes by its grants.

    :ivar units: it goes by.
    :ivar uses: of them and of former ones.
    """

    def __init__(self) -> None:
        self.units = self.uses = self.wanted = 0


class ClaimsMachine(RuleBasedStateMachine):
    """Members claim, use, lose answers, die and come back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.claims = Claims()
        self.lives: dict[str, Life] = {}
        self.born = 0
        self.most = 0

    @initialize(most=st.integers(1, 20))
    def begin(self, most: int) -> None:
        self.most = most

    @rule()
    def join(self) -> None:
        if len(self.lives) < 6:
            self.born += 1
            self.lives[f"m{self.born}"] = Life()

    @rule(pick=st.integers(0, 5), wanted=st.integers(0, 25), lost=st.booleans())
    def speak(self, pick: int, wanted: int, lost: bool) -> None:
        if not self.lives:
            return
        name = list(self.lives)[pick % len(self.lives)]
        life = self.lives[name]
        life.wanted = wanted
        grant = self.claims.put(name, Claim(NAME, wanted, self.most, max(life.units, life.uses)))
        if not lost:
            life.units = grant.units

    @rule(pick=st.integers(0, 5), uses=st.integers(0, 25))
    def use(self, pick: int, uses: int) -> None:
        if self.lives:
            life = list(self.lives.values())[pick % len(self.lives)]
            life.uses = uses if uses < life.uses else max(life.uses, min(uses, life.units))

    @rule(pick=st.integers(0, 5))
    def end(self, pick: int) -> None:
        if self.lives:
            name = list(self.lives)[pick % len(self.lives)]
            del self.lives[name]
            self.claims.leave(name)

    @invariant()
    def never_too_much(self) -> None:
        """All together hold no more than there is."""
        held = sum(max(life.units, life.uses) for life in self.lives.values())
        assert held <= self.most, (held, self.most)

    @invariant()
    def nothing_is_kept_of_who_is_gone(self) -> None:
        """Claims are those of members that live."""
        assert len(self.claims) <= len(self.lives)

    def teardown(self) -> None:
        """Once everybody only wants and gives back what it must, all is given out evenly."""
        for life in self.lives.values():
            life.uses = 0
        for _ in range(4):  # to tell wishes, to be lowered, to give back, to get
            for name in list(self.lives):
                self.speak(list(self.lives).index(name), 25, False)
                self.never_too_much()
        units = [life.units for life in self.lives.values()]
        assert sum(units) == (min(self.most, 25 * len(units)) if units else 0), units
        assert not units or max(units) - min(units) <= 1, units
        for name in self.lives:
            self.claims.leave(name)
        assert len(self.claims) == 0


class MachineTests(unittest.SynchronousTestCase):
    def test_any_order_of_words_is_safe_and_ends_fair(self) -> None:
        """Random lives of members never hold too much together, and share evenly when they calm down."""
        bounds = settings(deadline=None, derandomize=True, max_examples=100, stateful_step_count=40)
        run_state_machine_as_test(ClaimsMachine, settings=bounds)
