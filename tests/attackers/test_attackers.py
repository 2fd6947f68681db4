"""Claims about what harvesters learn from a whole node, and about the lawful mail beside them: short versions.

`python -m tests.attackers` plays all of it, with twenty seeds.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.attackers.attacks import CATALOGUE, Attack
from tests.attackers.siege import Result, besiege

ATTACKS = {attack.name: attack for attack in CATALOGUE}


class HarvestTests(TestCase):
    """Attacks, played once each."""

    timeout = 60

    async def _played(self, attack: Attack, share: float, lawful: int = 1) -> Result:
        """Play an attack; no lawful message may be lost, whatever it is."""
        result = await besiege(reactor, attack, share, seed=1, lawful=lawful)
        self.assertEqual(result.lost, 0, attack.name)
        return result

    async def _bounded(self, name: str, share: float) -> None:
        """Hold an attack to what is wanted of it."""
        result = await self._played(ATTACKS[name], share)
        wanted = result.wanted
        assert wanted is not None
        self.assertLessEqual(result.learned, wanted, f"{name} at {share:.0%}")
        self.assertIsNotNone(result.cut, name)

    async def test_one_source_learns_a_tenth(self) -> None:
        """One source learns at most three names, or a tenth of what its whole run would hit, however it asks."""
        for attack in CATALOGUE:
            if attack.wanted == 0.10 and attack.lasts <= 3600.0:
                await self._bounded(attack.name, 0.5)

    async def test_one_source_that_takes_its_time_learns_a_tenth(self) -> None:
        """The same of a source that asks a name every ten minutes, and of one that comes again like a mail server."""
        await self._bounded("one source, one name every ten minutes", 0.2)
        await self._bounded("one source, repeats what was put off", 0.5)

    async def test_a_good_name_is_not_for_sale(self) -> None:
        """The same of a source that sends mail for four days before it begins."""
        await self._bounded("one source, buys good history first", 0.5)

    async def test_twenty_five_sources_learn_a_quarter(self) -> None:
        """25 sources in 25 networks with five guesses each learn at most a quarter of what they would hit."""
        for share in (0.2, 0.5):
            await self._bounded("25 sources in 25 networks, five each", share)

    async def test_twenty_five_patient_sources_learn_a_quarter(self) -> None:
        """The same when they come again for more than an hour."""
        await self._bounded("25 sources, five each, patient", 0.5)

    async def test_a_list_is_not_washed(self) -> None:
        """Who checks a list of which 90 % exist, and never sends, is cut off before he has 20 names."""
        for name in ("list washer, five a transaction", "list washer, one segment"):
            await self._bounded(name, 0.9)

    async def test_a_crowd_learns_no_more_than_a_few(self) -> None:
        """Neither 40 sources in step nor 200 with one guess each learn a tenth."""
        for name, guesses in (("200 sources in step", 200), ("5 000 sources, one each", 200)):
            result = await self._played(evolve(ATTACKS[name], guesses=guesses), 0.5)
            self.assertLessEqual(result.learned, 10, name)
            self.assertIsNotNone(result.cut, name)

    async def test_lawful_strangers_wait_for_their_second_try(self) -> None:
        """While the domain is shielded, lawful strangers of three kinds come in with their second try."""
        result = await self._played(ATTACKS["25 sources in 25 networks, five each"], 0.2, lawful=4)
        for kind, delays in result.delays.items():
            self.assertEqual(len(delays), 4, kind.value)
            self.assertLess(max(delays), 20 * 60.0, kind.value)
