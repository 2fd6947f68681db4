"""Claims about asks that wait: who goes from member to member is told as much as by one (D8, R20, R21)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.shield.harvest import Answer, Asked, Harvest, HarvestSettings, Rung
from tests.shield.harvest_room import LISTED, STRANGER, UNKNOWN, Caller, apart

_SECONDS = 0.02
"""From one step to the next: five of them are a tick."""


def exchange(members: list[Harvest], number: int) -> None:
    """Let one member tell what it counted, and hear of the others what they told last."""
    own = members[number]
    for index, table in enumerate(own.tables):
        for row in table:
            own_part = list(row.own)
            for other in members:
                if other is not own:
                    heard = other.tables[index].row(row.key, row.at)
                    heard.others = own_part


class TwoMembers(SynchronousTestCase):
    """One source at two members whose exchanges take turns."""

    def setUp(self) -> None:
        self.members = [Harvest(HarvestSettings(), members=lambda: 2) for _ in range(2)]
        self.callers = [Caller(member, apart(1)) for member in self.members]
        self.now = 1000.0

    def ask(self, number: int, name: str, existence: object = UNKNOWN) -> Asked:
        """Ask, and wait as the gate does: for this member's next exchange."""
        self.now += _SECONDS
        caller = self.callers[number]
        caller.again()
        caller.now = self.now
        asked = caller.asked(name, existence)  # type: ignore[arg-type]
        self.members[number].ask(asked, self.now)
        self.waited = self.members[number].wants_exchange(asked, self.now)
        exchange(self.members, number)
        return asked

    def hear(self, number: int, asked: Asked) -> Answer:
        """Hear the answer; the member tells of it with an exchange that is not yet."""
        return self.members[number].answer(asked, self.now)

    def test_a_second_member_knows_what_the_first_is_about_to_tell(self) -> None:
        """Two told in all, though no exchange has told of any answer when the next question is asked."""
        told = 0
        for guess in range(6):
            number = guess % 2
            asked = self.ask(number, f"guess{guess}")
            if self.hear(number, asked).rung is not Rung.TRUTH:
                break
            told += 1
        self.assertEqual(told, HarvestSettings().allowance.stranger)

    def test_what_waits_here_counts_elsewhere_only(self) -> None:
        """Its own waiting asks do not cut a source off at the member that is about to answer them."""
        first, second = self.ask(0, "guess1"), self.ask(0, "guess2")
        self.assertEqual([self.hear(0, each).rung for each in (first, second)], [Rung.TRUTH] * 2)
        self.assertIsNot(self.hear(0, self.ask(0, "guess3")).rung, Rung.TRUTH)

    def test_an_answer_ends_it(self) -> None:
        """Once it is answered, and told of, it counts as told and no more as waiting."""
        self.hear(0, self.ask(0, "guess1"))
        exchange(self.members, 0)
        self.assertEqual(self.members[1].tables[5].row(self.callers[1].client.source, self.now).others[0], 0.0)
        self.assertIs(self.hear(1, self.ask(1, "guess2")).rung, Rung.TRUTH)

    def test_a_client_that_goes_away_counts_for_a_while(self) -> None:
        """Who never hears the answers is held to account on the other members for seconds, and then no more."""
        for guess in range(3):
            self.ask(0, f"guess{guess}")
        self.assertIsNot(self.hear(1, self.ask(1, "name1")).rung, Rung.TRUTH)
        self.now += 120.0
        self.callers[1].client = self.callers[0].client
        row = self.members[1].tables[5].get(self.callers[1].client.source, self.now)
        self.assertLess(0.0 if row is None else row.others[0], 0.01)

    def test_recipients_that_exist_do_not_count(self) -> None:
        """A listed recipient neither waits nor counts as waiting anywhere."""
        for name in ("alice", "bob", "carol"):
            asked = self.ask(0, name, LISTED)
            self.assertFalse(self.waited)
            self.assertIs(self.hear(0, asked).rung, Rung.TRUTH)
        self.assertEqual(self.callers[0].kind, STRANGER)
        self.assertEqual(len(self.members[0].tables[5]), 0)
