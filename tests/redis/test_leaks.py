"""Hours of members that come, claim, count, are killed and come back leave nothing in a real Redis server."""

from __future__ import annotations

import random
import re
from itertools import count

from shieldrelay.cluster.hub import MEMBER_SECONDS, Change, ChangeKind, Claim, Record, Report
from shieldrelay.redis.server import unix_place
from tests.capabilities import possible
from tests.redis.hub_case import KIND, PREFIX, HubCase, reactor, spoken

_EPOCH = 1_800_000_000.0
_TURNS = 1500
_STEP_SECONDS = 15.0
_MEMBERS = 6
_PATIENCE = 10.0


@possible("redis-server")
class LeakTests(HubCase):
    @spoken
    async def test_nothing_leaks(self) -> None:
        """After an hour with random kills, lost exchanges and claims, everything is gone: rows, claims, members."""
        self.now, self.chance = _EPOCH, random.Random(16)
        self.redis = self.server()
        place = unix_place(reactor, self.redis.socket, _PATIENCE)
        self.hubs = [self.hub(place, timeout=_PATIENCE, wall=lambda: self.now) for _ in range(_MEMBERS)]
        self.lives, self.names = count(), [f"first-{number}" for number in range(_MEMBERS)]
        self.versions = [0] * _MEMBERS
        for turn in range(_TURNS):
            await self.turn()
            if turn % 100 == 0:
                self.assert_every_key_ends()
        self.assertGreater(self.size("ZCARD", "rows"), 0)
        self.assertGreater(self.size("HLEN", "claims"), 0)
        await self.let_all_end()
        left = {key: self.size(*key) for key in (("ZCARD", "rows"), ("HLEN", "claims"), ("ZCARD", "alive"),
                                                 ("HLEN", "members"), ("HLEN", "cards"), ("HLEN", "latest"),
                                                 ("ZCARD", "ends"))}  # fmt: skip
        self.assertEqual({key: number for key, number in left.items() if number}, {})
        keys = {key.removeprefix(PREFIX.encode()) for key in self.keys()}
        self.assertLessEqual(keys, {b"about", b"log", b"shieldrelay:{shieldrelay}:protocol"})
        self.assert_every_key_ends()

    async def turn(self) -> None:
        """Let one member say something, or be killed, or leave; time passes."""
        self.now += self.chance.random() * 2 * _STEP_SECONDS / _MEMBERS
        which, fate = self.chance.randrange(_MEMBERS), self.chance.random()
        if fate < 0.02:  # killed: it says nothing of it
            self.names[which], self.versions[which] = f"life-{next(self.lives)}", 0
        elif fate < 0.03:
            await self.hubs[which].leave(self.names[which])
        else:
            await self.exchange(which)

    async def exchange(self, which: int) -> None:
        """Let a member tell rows, claims and now and then a change."""
        chance, name = self.chance, self.names[which]
        rows = tuple(Record(KIND.name, b"%d" % chance.randrange(400), self.now, (1.0,)) for _ in range(5))
        claims = tuple(
            Claim(b"hop:%d" % hop, wanted, 10, chance.randint(0, wanted))
            for hop in range(8)
            for wanted in [chance.choice((0, 0, 3, 10))]
        )
        changes: tuple[Change, ...] = ()
        if chance.random() < 0.1:
            subject = bytes((192, 0, 2, chance.randrange(256)))
            until = self.now + chance.random() * 600.0
            changes = (Change(f"{name}.{self.now}", ChangeKind.BAN, subject, self.now, until, "test", "tests"),)
        news = await self.hubs[which].exchange(Report(name, self.now, self.versions[which], rows, changes, claims))
        self.versions[which] = news.version

    async def let_all_end(self) -> None:
        """Let time pass, with one member that only listens, and then leaves."""
        for _ in range(200):
            self.now += MEMBER_SECONDS / 3
            await self.hubs[0].exchange(Report("last", self.now, 0))
        await self.hubs[0].leave("last")

    def assert_every_key_ends(self) -> None:
        """Nothing is without an expiry."""
        for key in self.keys():
            self.assertNotIn(b":-1\r\n", self.redis.say("PTTL", key), key)

    def size(self, command: str, key: str) -> int:
        """Ask how much there is."""
        return int(self.redis.say(command, PREFIX + key)[1:])

    def keys(self) -> list[bytes]:
        """Give all keys that there are."""
        return re.findall(rb"\$\d+\r\n([^\r]*)\r\n", self.redis.say("KEYS", "*"))
