"""What every hub keeps to with rows that are news to all only when their level changes: a part of `hub_contract`."""

from __future__ import annotations

from attrs import evolve
from twisted.trial import unittest

from shieldrelay.cluster.hub import LATELY_SECONDS
from shieldrelay.testing.hub_site import Member, Site, spoken


class HubLevels(unittest.TestCase):
    """The claims about levels."""

    site: Site

    def member(self, name: str) -> Member:
        """Give a member with a connection of its own."""
        return Member(self.site, name)

    @spoken
    async def test_a_quiet_change_is_news_to_those_who_have_a_part(self) -> None:
        """A row whose level stays is told to who told of it before, and to nobody else; who tells of it hears all."""
        one, two, three = self.member("one"), self.member("two"), self.member("three")
        for member in (one, two, three):
            await member.tell()
        await one.tell(evolve(one.tally(b"k", 0.0, 3.0), level=0))
        self.assertEqual([(await member.tell()).records for member in (two, three)], [(), ()])
        await two.tell(evolve(two.tally(b"k", 0.0, 2.0), level=0))
        self.assertEqual(two.heard(b"k"), (0.0, 3.0, 0.0, 0.0))
        await one.tell()
        self.assertEqual(one.heard(b"k"), (0.0, 2.0, 0.0, 0.0))
        self.assertEqual((await three.tell()).records, ())
        self.assertEqual((await one.tell()).records, ())

    @spoken
    async def test_who_told_of_a_row_long_ago_is_not_told(self) -> None:
        """A quiet change is no news to who last told of the row long ago; when it tells again, it hears all."""
        one, two = self.member("one"), self.member("two")
        await two.tell(evolve(two.tally(b"k", 0.0, 2.0), level=0))
        for _ in range(3):
            await self.site.pass_time(LATELY_SECONDS / 2.5)
            await two.tell()
        await one.tell(evolve(one.tally(b"k", 0.0, 3.0), level=0))
        self.assertEqual((await two.tell()).records, ())
        await two.tell(evolve(two.tally(b"k", 0.0, 1.0), level=0))
        self.assertEqual(two.heard(b"k"), (0.0, 3.0, 0.0, 0.0))

    @spoken
    async def test_a_change_of_level_is_news_to_all(self) -> None:
        """When the level of a row changes, up or down, everybody hears of all of it, once; likewise of its end."""
        one, two = self.member("one"), self.member("two")
        await two.tell()
        for level, heard in ((7, True), (7, False), (8, True), (0, True), (0, False)):
            await one.tell(evolve(one.tally(b"k", 0.0, 1.0 + level), level=level))
            self.assertEqual(len((await two.tell()).records), heard)
        self.assertEqual(two.heard(b"k"), (0.0, 1.0, 0.0, 0.0))
        await one.hub.leave("one")
        await two.tell()
        self.assertEqual(two.heard(b"k"), (0.0,) * 4)

    @spoken
    async def test_who_shares_a_quiet_row_hears_of_its_end(self) -> None:
        """When a member leaves, those who have a part in a row that was never news to all hear of its end."""
        one, two, three = self.member("one"), self.member("two"), self.member("three")
        await three.tell()
        for member in (one, two):
            await member.tell(evolve(member.tally(b"k", 0.0, 2.0), level=0))
        self.assertEqual(two.heard(b"k"), (0.0, 2.0, 0.0, 0.0))
        await one.hub.leave("one")
        await two.tell()
        self.assertEqual(two.heard(b"k"), (0.0,) * 4)
        self.assertEqual((await three.tell()).records, ())
