"""A member goes by the word of real Sentinels: to the master, to the next one, and past Sentinels that are away."""

from __future__ import annotations

from tests.capabilities import possible
from tests.redis.hub_case import PREFIX, reactor, spoken
from tests.redis.sentinel_case import SentinelCase

PROMISED_SECONDS = 6.0


@possible("redis-server", "redis-sentinel")
class SentinelTests(SentinelCase):
    @spoken
    async def test_a_killed_master(self) -> None:
        """The next master is followed within the promised time after the Sentinels' decision, and told everything."""
        await self.started()
        one, former = self.followed("one"), next(iter(self.servers))
        await one.tell(row=5.0)
        before = one.version
        self.servers[former].kill()
        await self.fails(one.tell)
        port = await self.decided(former)
        decided = reactor.seconds()
        news = await self.again(one, row=6.0)
        self.assertLess(reactor.seconds() - decided, PROMISED_SECONDS)
        self.assertTrue(news.whole)
        self.assertGreater(news.version, before)
        self.assertIn(b":1", self.servers[port].say("EXISTS", PREFIX + "rows"))

    @spoken
    async def test_a_master_that_hangs_and_comes_back(self) -> None:
        """A master that hung and was replaced is not gone back to, though it takes itself for the master at first."""
        await self.started()
        one, former = self.followed("one"), next(iter(self.servers))
        await one.tell(row=5.0)
        self.servers[former].hang()
        self.addCleanup(self.servers[former].go_on)
        await self.decided(former)
        await self.again(one, row=6.0)
        before = one.version
        self.servers[former].go_on()
        self.assertEqual((await self.followed("two").tell()).members, 2)
        news = await one.tell(row=7.0)
        self.assertFalse(news.whole)
        self.assertGreaterEqual(news.version, before)

    @spoken
    async def test_a_failover_by_hand(self) -> None:
        """A master that lives on when another is named is left, all the same."""
        await self.started()
        one, former = self.followed("one"), next(iter(self.servers))
        await one.tell(row=5.0)
        await self.until(lambda: b"+OK" in self.sentinels[0].say("SENTINEL", "FAILOVER", "mail"))
        port = await self.decided(former)
        await self.again(one, row=6.0)

        def members_there() -> bool:
            return b"one" in self.servers[port].say("HKEYS", PREFIX + "members")

        while not members_there():
            await self.again(one, row=7.0)
        self.assertTrue(members_there())

    @spoken
    async def test_some_sentinels_are_away(self) -> None:
        """One Sentinel that hangs and one that is gone do not keep a member from the master, nor two that are gone."""
        await self.started()
        self.sentinels[0].hang()
        self.addCleanup(self.sentinels[0].go_on)
        self.sentinels[1].kill()
        await self.followed("one").tell(row=5.0)
        self.sentinels[0].kill()
        await self.followed("two").tell(row=5.0)

    @spoken
    async def test_all_sentinels_are_away(self) -> None:
        """Without Sentinels the master is not found, and the reason says whom was asked; a known master stays."""
        await self.started()
        one = self.followed("one")
        await one.tell(row=5.0)
        for sentinel in self.sentinels:
            sentinel.kill()
        await one.tell(row=6.0)
        reason = await self.fails(self.followed("two").tell)
        for sentinel in self.sentinels:
            self.assertIn(f"127.0.0.1:{sentinel.port}", reason)

    @spoken
    async def test_a_name_that_sentinels_do_not_know(self) -> None:
        """A name that no Sentinel knows is said to be unknown."""
        await self.started()
        reason = await self.fails(self.followed("one", master="other").tell)
        self.assertRegex(reason, 'no Sentinel names a master "other".*knows no such name')
