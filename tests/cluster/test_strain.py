"""Claims about stress that members share: when it is everybody's, and that it ends."""

from __future__ import annotations

from itertools import count

from twisted.trial import unittest

from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.strain import LASTS_SECONDS, Strain

EPOCH = 1_800_000_000.0


class Members:
    """Members that hear each other's decisions at once."""

    def __init__(self, number: int) -> None:
        self.now = EPOCH
        self.live = number
        self.decisions = []
        self.strains = []
        for member in range(number):
            ids = map(f"{member}.{{}}".format, count())
            decisions = Decisions(lambda: self.now, lambda ids=ids: next(ids))  # type: ignore[misc]
            self.decisions.append(decisions)
            self.strains.append(Strain(decisions, f"m{member}", lambda: self.now, lambda: self.live))

    def say(self, member: int, why: str) -> None:
        self.strains[member].say(why)
        for decisions in self.decisions:
            decisions.apply(self.decisions[member].state())

    def common(self) -> list[bool]:
        return [bool(strain.common()) for strain in self.strains]


class StrainTests(unittest.SynchronousTestCase):
    def test_half_is_everybody(self) -> None:
        """When half of the members are under stress all are, and with less than half they are not."""
        members = Members(5)
        for member in (0, 1):
            members.say(member, "slots")
        self.assertEqual(members.common(), [False] * 5)
        members.say(2, "slots")
        self.assertEqual(members.common(), [True] * 5)
        self.assertEqual(members.strains[4].common(), "3 of 5 members are under stress")
        members.say(0, "")
        self.assertEqual(members.common(), [False] * 5)

    def test_one_alone_is_nobody(self) -> None:
        """A member without others is under its own stress only."""
        members = Members(1)
        members.say(0, "slots")
        self.assertEqual(members.common(), [False])

    def test_the_word_of_the_dead_ends(self) -> None:
        """A member that says nothing any more is not counted for long; one that goes on saying it is."""
        members = Members(2)
        members.say(0, "slots")
        members.now += LASTS_SECONDS - 1.0
        self.assertEqual(members.strains[1].stressed, 1)
        members.now += 2.0
        self.assertEqual(members.strains[1].stressed, 0)
        for _ in range(20):
            members.say(0, "slots")
            members.now += LASTS_SECONDS / 5.0
        self.assertEqual(members.strains[1].stressed, 1)

    def test_words_are_few(self) -> None:
        """Stress that lasts is said again twice in its time, not at every look; calm is said once and only after it."""
        members = Members(2)
        decided: list[str] = []
        for second in range(120):
            members.say(0, "" if second < 20 else "slots")
            members.now += 1.0
            decided = [change.id for change in members.decisions[0].state()]
        self.assertEqual(decided, ["0.3"])
        members.say(0, "")
        members.say(0, "")
        self.assertEqual([change.id for change in members.decisions[0].state()], ["0.4"])
