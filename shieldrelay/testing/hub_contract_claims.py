"""What every hub keeps to as far as units are claimed and granted: a part of the suite in `hub_contract`.

The claims by chance are made by a generator with declared seeds, since a hub may need the reactor to answer.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial import unittest

from shieldrelay.cluster.hub import (
    CLAIMS_AT_ONCE,
    CLAIMS_MOST,
    KEY_OCTETS,
    MEMBER_SECONDS,
    UNITS_MOST,
    Claim,
    Grant,
    ReportRefused,
)
from shieldrelay.testing.hub_claimant import Claimant
from shieldrelay.testing.hub_site import Member, Site, spoken

_MOST = 10


class HubClaims(unittest.TestCase):
    """The claims about claims."""

    site: Site

    def member(self, name: str) -> Member:
        """Give a member with a connection of its own."""
        return Member(self.site, name)

    def claimants(self, *names: str) -> list[Claimant]:
        """Give members that claim one thing of which there is so much."""
        return [Claimant(self.member(name), b"hop:example.com", _MOST) for name in names]

    async def settle(self, claimants: list[Claimant], rounds: int = 4) -> list[int]:
        """Let all speak in turn, to tell wishes, to be lowered, to give back, to get; gives what they have then."""
        for _ in range(rounds):
            for claimant in claimants:
                await claimant.say()
        return [claimant.units for claimant in claimants]

    @spoken
    async def test_one_alone_gets_what_it_wants(self) -> None:
        """A single claimant gets what it wants and no more than there is."""
        (one,) = self.claimants("one")
        for wanted, units in ((4, 4), (25, _MOST), (0, 0), (1, 1)):
            one.wanted = wanted
            self.assertEqual(await one.say(), Grant(one.name, units, 1 if wanted else 0, _MOST if wanted else 0))

    @spoken
    async def test_all_share_evenly(self) -> None:
        """Who comes later has its even share once the others have spoken twice, and the odd unit is somebody's."""
        claimants = self.claimants("one", "two", "three")
        for claimant in claimants:
            claimant.wanted = 50
            await claimant.say()
        self.assertEqual([claimant.units for claimant in claimants], [_MOST, 0, 0])
        units = await self.settle(claimants)
        self.assertEqual((sorted(units), sum(units)), ([3, 3, 4], _MOST))
        self.assertEqual(claimants[0].claimants, 3)

    @spoken
    async def test_what_one_leaves_is_the_others(self) -> None:
        """Nobody gets more than it wants, and those who want more share what is left."""
        claimants = self.claimants("one", "two", "three")
        for claimant, wanted in zip(claimants, (50, 1, 50), strict=True):
            claimant.wanted = wanted
        units = await self.settle(claimants)
        self.assertEqual((units[1], sorted(units), sum(units)), (1, [1, 4, 5], _MOST))
        claimants[0].wanted = 0
        self.assertEqual(await self.settle(claimants), [0, 1, 9])

    @spoken
    async def test_the_least_that_somebody_says_is_told(self) -> None:
        """Who says that there is less binds all, and they hear how much there is; without a wish it binds nobody."""
        one, two = self.member("one"), self.member("two")
        await one.claim(Claim(b"a", 9, 9, 0))
        self.assertEqual((await two.claim(Claim(b"a", 2, 4, 0)))[0], Grant(b"a", 0, 2, 4))
        self.assertEqual((await one.claim(Claim(b"a", 9, 9, 9)))[0], Grant(b"a", 2, 2, 4))
        await two.claim(Claim(b"a", 0, 4, 0))
        self.assertEqual((await one.claim(Claim(b"a", 9, 9, 2)))[0], Grant(b"a", 9, 1, 9))

    @spoken
    async def test_who_holds_keeps(self) -> None:
        """Of a single unit its holder keeps it, as long as it wants it, and then the next one has it."""
        one, two = (Claimant(self.member(name), b"probe:example.com", 1, wanted=1) for name in ("one", "two"))
        self.assertEqual(await self.settle([one, two], 5), [1, 0])
        self.assertEqual((one.claimants, two.claimants), (2, 2))
        one.wanted = 0
        self.assertEqual(await self.settle([one, two], 2), [0, 1])
        one.wanted = 1
        self.assertEqual(await self.settle([one, two], 5), [0, 1])

    @spoken
    async def test_what_is_in_use_is_nobody_elses(self) -> None:
        """Units beyond a lowered grant stay their user's until it says that it has let go of them."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        await one.say()
        one.uses = 8
        for _ in range(3):
            await two.say()
            await one.say()
        self.assertEqual((one.units, two.units), (5, 2))
        one.uses = 6
        await one.say()
        await two.say()
        self.assertEqual(two.units, 4)

    @spoken
    async def test_the_least_that_is_said_counts(self) -> None:
        """Members that differ about how much there is share the least that one with a wish says."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        two.most = 4
        self.assertEqual(await self.settle([one, two]), [2, 2])
        two.wanted = 0
        self.assertEqual(await self.settle([one, two]), [_MOST, 0])

    @spoken
    async def test_less_of_it_is_told_at_the_next_word(self) -> None:
        """When there is less of it all at once, everybody's grant is lowered as soon as it speaks."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        await self.settle([one, two])
        one.most = two.most = 2
        self.assertEqual(await self.settle([one, two]), [1, 1])

    @spoken
    async def test_names_are_apart(self) -> None:
        """Claims of several names in one report are granted in order, and do not touch each other."""
        one, two = self.member("one"), self.member("two")
        claims = [Claim(name, number + 1, _MOST, 0) for number, name in enumerate((b"\0", b"\xff\r\n", b":", b"a b"))]
        granted = await one.claim(*claims)
        self.assertEqual([grant.name for grant in granted], [claim.name for claim in claims])
        self.assertEqual([grant.units for grant in granted], [1, 2, 3, 4])
        (grant,) = await two.claim(Claim(b"a b", 50, _MOST, 0))
        self.assertEqual(grant, Grant(b"a b", 6, 2, _MOST))

    @spoken
    async def test_leaving_frees_at_once(self) -> None:
        """What a member held is the others' as soon as it has left."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        await one.say()
        await one.member.hub.leave("one")
        self.assertEqual(await two.say(), Grant(two.name, _MOST, 1, _MOST))

    @spoken
    async def test_death_frees_after_its_time(self) -> None:
        """What a killed member held is the others' when its time is over, and not before."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        await one.say()
        await self.site.pass_time(MEMBER_SECONDS / 3.0)
        await two.say()
        self.assertEqual(two.units, 0)
        for _ in range(3):
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
            await two.say()
        self.assertEqual((two.units, two.claimants), (_MOST, 1))

    @spoken
    async def test_who_lives_keeps_without_a_word(self) -> None:
        """A claim stands as long as its member tells anything: it need not be told again."""
        one, two = self.claimants("one", "two")
        one.wanted = two.wanted = 50
        await one.say()
        for _ in range(5):
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
            await one.member.tell()
            await two.say()
        self.assertEqual(two.units, 0)

    @spoken
    async def test_what_is_held_is_believed(self) -> None:
        """A hub that knows of no grant grants nobody what another says it holds: so it was after it forgot them."""
        one, two, three = self.claimants("one", "two", "three")
        for claimant in (one, two):
            claimant.units, claimant.wanted = 5, 5
            await claimant.say()
        three.wanted = 50
        await three.say()
        self.assertEqual([each.units for each in (one, two, three)], [5, 5, 0])
        self.assertEqual(sum(await self.settle([one, two, three])), _MOST)

    @spoken
    async def test_nonsense_is_granted_nothing(self) -> None:
        """Claims that cannot be are granted nothing and change nothing, and the rest of the report counts."""
        one, two = self.member("one"), self.member("two")
        await one.claim(Claim(b"good", 2, _MOST, 0))
        odd = (
            Claim(b"", 1, 1, 0),
            Claim(b"x" * (KEY_OCTETS + 1), 1, 1, 0),
            Claim(b"good", -1, _MOST, 0),
            Claim(b"good", 1, -1, 0),
            Claim(b"good", 1, _MOST, -1),
            Claim(b"good", UNITS_MOST + 1, _MOST, 0),
            Claim(b"good", 1, _MOST, 10**30),
        )
        granted = await one.claim(*odd, Claim(b"b", 3, 3, 0))
        self.assertEqual([grant.units for grant in granted], [0] * len(odd) + [3])
        self.assertEqual((await two.claim(Claim(b"good", 50, _MOST, 0)))[0].units, 8)
        self.assertEqual((await two.claim(Claim(b"good", 8, _MOST, 5)))[0], Grant(b"good", 8, 2, _MOST))

    @spoken
    async def test_full_reports_pass_and_larger_ones_are_refused(self) -> None:
        """As many claims as allowed are all granted; one more in a report fails, one more of a member gets nothing."""
        one, two = self.member("one"), self.member("two")
        full = [Claim(b"%04d" % number, 1, 1, 0) for number in range(CLAIMS_AT_ONCE)]
        self.assertEqual({grant.units for grant in await one.claim(*full)}, {1})
        for more in range(1, CLAIMS_MOST // CLAIMS_AT_ONCE):
            further = [Claim(b"%d/%s" % (more, claim.name), 1, 1, 0) for claim in full]
            self.assertEqual({grant.units for grant in await one.claim(*further)}, {1})
        with self.assertRaises(ReportRefused):
            await two.claim(*full, Claim(b"surplus", 1, 1, 0))
        self.assertEqual([grant.units for grant in await one.claim(Claim(b"surplus", 1, 1, 0))], [0])
        await one.claim(Claim(b"0000", 0, 1, 0))
        self.assertEqual([grant.units for grant in await one.claim(Claim(b"surplus", 1, 1, 0))], [1])
        self.assertEqual([grant.units for grant in await two.claim(full[0], full[1])], [1, 0])

    @spoken
    async def test_crossing_claims_never_give_too_much(self) -> None:
        """Claims that cross each other on their way are granted no more together than there is."""
        claimants = self.claimants(*[f"m{number}" for number in range(8)])
        for claimant in claimants:
            claimant.wanted = 50
        for _ in range(4):
            await gatherResults([Deferred.fromCoroutine(claimant.say()) for claimant in claimants])
            self.assertLessEqual(sum(claimant.held for claimant in claimants), _MOST)
        self.assertEqual(sorted(claimant.units for claimant in claimants), [1, 1, 1, 1, 1, 1, 2, 2])

    @spoken
    async def test_no_order_of_words_gives_too_much(self) -> None:
        """However claims, lost answers, farewells and new lives follow each other, all together hold what there is."""
        for seed in range(5):
            chance = Random(seed)
            name = b"by chance %d" % seed
            claimants: list[Claimant] = []
            for turn in range(80):
                await self._one_turn(chance, claimants, name, f"m{seed}.{turn}")
                held = sum(claimant.held for claimant in claimants)
                self.assertLessEqual(held, _MOST, f"seed {seed}, turn {turn}")
            for claimant in claimants:
                claimant.wanted, claimant.uses = 50, 0
            self.assertEqual(sum(await self.settle(claimants)), _MOST if claimants else 0)
            for claimant in claimants:
                await claimant.member.hub.leave(claimant.member.name)

    async def _one_turn(self, chance: Random, claimants: list[Claimant], name: bytes, fresh: str) -> None:
        if not claimants or (len(claimants) < 5 and chance.random() < 0.1):
            claimants.append(Claimant(self.member(fresh), name, _MOST))
        claimant = chance.choice(claimants)
        if chance.random() < 0.05:
            claimants.remove(claimant)
            await claimant.member.hub.leave(claimant.member.name)
            return
        claimant.wanted = chance.choice((0, 1, 3, 50))
        claimant.use(chance.randint(0, _MOST))
        await claimant.say(lost=chance.random() < 0.2)
