"""What every hub keeps to as far as members show themselves: a part of the suite in `hub_contract`."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial import unittest

from shieldrelay.cluster.hub import CARDS_MOST, MEMBER_SECONDS, TEXT_OCTETS, HubRefused
from shieldrelay.testing.hub_site import Member, Site, spoken

_SKEW = 2.0
"""By how much, in seconds, times may differ: a hub in another process has a clock of its own."""


class HubCards(unittest.TestCase):
    """The claims about cards."""

    site: Site

    def member(self, name: str) -> Member:
        """Give a member with a connection of its own."""
        return Member(self.site, name)

    @spoken
    async def test_who_meets_sees_itself_and_all_others(self) -> None:
        """Every card comes back as it was shown, one's own among them, with the time when the hub saw it."""
        one, two = self.member("one"), self.member("two")
        shown = await one.meet(
            node="mx1", worker=3, version="1.2", address="[2001:db8::1]:25", fingerprint="ab\n\0é", stressed=True,
            part="mx1.3", storage="/spool:9", state="draining",
        )  # fmt: skip
        self.assertEqual([card.member for card in shown], ["one"])
        self.assertApproximates(shown[0].heard, self.site.now_wall(), _SKEW)
        mine = shown[0]
        seen = {card.member: card for card in await two.meet()}
        self.assertEqual(sorted(seen), ["one", "two"])
        self.assertEqual(seen["one"], mine)
        self.assertEqual((mine.node, mine.worker, mine.version, mine.address), ("mx1", 3, "1.2", "[2001:db8::1]:25"))
        self.assertEqual((mine.fingerprint, mine.part, mine.storage), ("ab\n\0é", "mx1.3", "/spool:9"))
        self.assertEqual((mine.state, mine.stressed), ("draining", True))

    @spoken
    async def test_the_last_card_counts(self) -> None:
        """A card takes the place of the member's former one."""
        one = self.member("one")
        await one.meet(state="up")
        cards = await one.meet(state="leaving")
        self.assertEqual([card.state for card in cards], ["leaving"])

    @spoken
    async def test_clocks_are_seen_apart(self) -> None:
        """A card has the member's time and the hub's, as they were when it was shown, whatever was told since."""
        one, two = self.member("one"), self.member("two")
        await one.meet(at=self.site.now_wall() - 3600.0)
        await self.site.pass_time(MEMBER_SECONDS / 3.0)
        await one.tell()
        card = next(card for card in await two.meet() if card.member == "one")
        self.assertApproximates(card.heard - card.at, 3600.0, _SKEW)
        self.assertApproximates(self.site.now_wall() - card.heard, MEMBER_SECONDS / 3.0, _SKEW)

    @spoken
    async def test_cards_end_with_their_members(self) -> None:
        """Who leaves, or tells and shows nothing for its time, is seen no more; an exchange alone keeps a card."""
        left, silent, telling, two = (self.member(name) for name in ("left", "silent", "telling", "two"))
        for member in (left, silent, telling):
            await member.meet()
        await left.hub.leave("left")
        self.assertEqual([card.member for card in await two.meet()], ["silent", "telling", "two"])
        for _ in range(4):
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
            await telling.tell()
        self.assertEqual([card.member for card in await two.meet()], ["telling", "two"])

    @spoken
    async def test_who_only_meets_is_a_member(self) -> None:
        """A member that has shown its card and told nothing yet counts, and lives by meeting."""
        one, two = self.member("one"), self.member("two")
        for _ in range(5):
            await one.meet()
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
        await two.tell()
        self.assertEqual(two.members, 2)

    @spoken
    async def test_a_card_that_cannot_be_is_refused(self) -> None:
        """Cards with endless words, no member, an unknown state or no time are refused, and nobody sees them."""
        one = self.member("one")
        for more in (
            {"node": "x" * (TEXT_OCTETS + 1)},
            {"storage": "x" * (TEXT_OCTETS + 1)},
            {"member": ""},
            {"node": ""},
            {"state": "asleep"},
            {"at": float("nan")},
            {"worker": -1},
        ):
            with self.assertRaises(HubRefused):
                await one.meet(**more)
        self.assertEqual([card.member for card in await self.member("two").meet()], ["two"])

    @spoken
    async def test_there_are_only_so_many_members(self) -> None:
        """One member too many is refused and told why; when another has left, it may come."""
        hub = self.member("first").hub
        members = [Member(self.site, f"m{number:04d}", hub) for number in range(CARDS_MOST)]
        for batch in range(0, CARDS_MOST, 100):
            await gatherResults([Deferred.fromCoroutine(member.meet()) for member in members[batch : batch + 100]])
        late = Member(self.site, "late", hub)
        with self.assertRaises(HubRefused) as caught:
            await late.meet()
        self.assertIn(str(CARDS_MOST), str(caught.exception))
        await hub.leave("m0000")
        self.assertEqual(len(await late.meet()), CARDS_MOST)
