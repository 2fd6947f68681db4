"""Whatever a Redis server does, an exchange fails in its time, nothing counts late, and a return is a return."""

from __future__ import annotations

import json
import struct

from attrs import asdict
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol

from shieldrelay.cluster.hub import Card, Change, ChangeKind, HubRefused, Record, Report
from shieldrelay.redis.connection import connect
from shieldrelay.redis.server import Login, tcp_place, unix_place
from tests.capabilities import possible
from tests.redis.hub_case import KIND, PREFIX, TIMEOUT, HubCase, Member, free_port, pause, reactor, spoken


@possible("redis-server")
class AwayTests(HubCase):
    @spoken
    async def test_nobody_is_there(self) -> None:
        """Where no server is, an exchange fails and says where it looked."""
        directory = self.directory()
        member = Member(self.hub(unix_place(reactor, str(directory / "s"), TIMEOUT)), "one")
        self.assertIn(str(directory / "s"), await self.fails(member.tell))

    @spoken
    async def test_stopped_and_started_empty(self) -> None:
        """A server that is killed and comes back empty is told so, and its versions are greater than any before."""
        server = self.server()
        one, other = self.member(server, "one"), self.member(server, "other")
        await one.tell(row=5.0)
        self.assertFalse((await other.tell()).records)
        before = one.version
        server.kill()
        await self.fails(one.tell)
        await self.fails(one.tell)
        server.start()
        news = await self.again(one, row=6.0)
        self.assertTrue(news.whole)
        self.assertGreater(news.version, before)
        self.assertTrue((await self.again(other, row=1.0)).whole)
        self.assertEqual(other.heard, {b"row": 6.0})

    @spoken
    async def test_forgets_everything(self) -> None:
        """Versions never come back, not even after FLUSHALL."""
        server = self.server()
        one = self.member(server, "one")
        await one.tell(row=5.0)
        before = one.version
        server.say("FLUSHALL")
        news = await one.tell()
        self.assertTrue(news.whole)
        self.assertGreater(news.version, before)

    @spoken
    async def test_hangs(self) -> None:
        """What is said to a server that hangs fails in its time, and does not count when it goes on."""
        server = self.server()
        one, other = self.member(server, "one"), self.member(server, "other")
        await other.tell()
        await one.tell(row=5.0)
        server.hang()
        self.addCleanup(server.go_on)
        self.assertIn("no answer", await self.fails(lambda: one.tell(row=9.0)))
        self.assertIn("no connection", await self.fails(lambda: one.tell(row=10.0)))
        server.go_on()
        await self.again(other)
        self.assertEqual(other.heard, {b"row": 5.0})
        await self.again(one, row=11.0)
        await other.tell()
        self.assertEqual(other.heard, {b"row": 11.0})

    @spoken
    async def test_is_cut_off(self) -> None:
        """What a network held back and delivers late does not count, and the connection is a new one."""
        server = self.server()
        wire = await self.wire(server)
        one, other = Member(self.hub(wire.place), "one"), self.member(server, "other")
        await other.tell()
        await one.tell(row=5.0)
        wire.cut()
        await self.fails(lambda: one.tell(row=9.0))
        await self.fails(lambda: one.tell(row=10.0))
        wire.mend()
        for _ in range(5):
            await pause()
            await other.tell()
        self.assertEqual(other.heard, {b"row": 5.0})
        await self.again(one, row=11.0)
        await other.tell()
        self.assertEqual(other.heard, {b"row": 11.0})

    @spoken
    async def test_is_slow(self) -> None:
        """A server behind a slow wire is asked slowly, one thing at a time, over one connection."""
        server = self.server()
        wire = await self.wire(server)
        wire.delay = TIMEOUT / 10
        one = Member(self.hub(wire.place, timeout=20 * TIMEOUT), "one")
        for count in range(5):
            await one.tell(row=float(count))
        self.assertEqual(wire.connections, 1)

    @spoken
    async def test_is_too_slow(self) -> None:
        """What takes longer than it may fails, and the connection on which it was asked is no more used."""
        server = self.server("enable-debug-command yes")
        one, other = self.member(server, "one"), self.member(server, "other")
        await other.tell()
        await one.tell(row=5.0)
        connection = await connect(unix_place(reactor, server.socket, TIMEOUT).endpoint)
        self.addCleanup(connection.drop, "the test is over")
        nap = connection.ask("DEBUG", "SLEEP", str(2.5 * TIMEOUT))
        await pause()
        self.assertIn("no answer", await self.fails(lambda: one.tell(row=9.0)))
        await nap
        await self.again(other)
        self.assertEqual(other.heard, {b"row": 5.0})
        await self.again(one, row=11.0)

    @spoken
    async def test_is_a_replica_now(self) -> None:
        """A server that became a replica is left and not taken, until it is a master again."""
        port = free_port()
        self.server(port=port)
        server = self.server()
        one = self.member(server, "one")
        await one.tell(row=5.0)
        server.say("REPLICAOF", "127.0.0.1", str(port))
        self.assertRegex(await self.fails(one.tell), "READONLY|replica|connection|MASTERDOWN")
        self.assertIn("replica", await self.fails(one.tell))
        server.say("REPLICAOF", "NO", "ONE")
        await self.again(one, row=6.0)

    @spoken
    async def test_a_new_master_knows_less(self) -> None:
        """A replica that takes over gives no version twice, though it did not hear of the last ones."""
        port = free_port()
        master = self.server(port=port)
        replica = self.server(f"replicaof 127.0.0.1 {port}")
        one = self.member(master, "one")
        await one.tell(row=5.0)
        await self.until(lambda: b"master_link_status:up" in replica.say("INFO", "replication"))
        await self.until(lambda: b":1" in replica.say("EXISTS", PREFIX + "rows"))
        replica.say("REPLICAOF", "NO", "ONE")
        await one.tell(row=6.0)
        moved = self.member(replica, "one")
        moved.version = one.version
        news = await moved.tell(row=6.0)
        self.assertTrue(news.whole)
        self.assertGreater(news.version, one.version)

    @spoken
    async def test_has_no_memory_left(self) -> None:
        """Out of memory, a server refuses a whole exchange, says so, and takes the next when it has some."""
        server = self.server()
        one, other = self.member(server, "one"), self.member(server, "other")
        await other.tell()
        await one.tell(row=5.0)
        server.say("CONFIG", "SET", "maxmemory", "1")
        self.assertIn("maxmemory", await self.fails(lambda: one.tell(row=9.0)))
        server.say("CONFIG", "SET", "maxmemory", "0")
        await other.tell()
        self.assertEqual(other.heard, {b"row": 5.0})
        await one.tell(row=11.0)
        await other.tell()
        self.assertEqual(other.heard, {b"row": 11.0})

    @spoken
    async def test_nothing_queues(self) -> None:
        """However many ask while a server hangs, one connection is tried and all fail; nothing is left waiting."""
        server = self.server()
        wire = await self.wire(server)
        one = Member(self.hub(wire.place), "one")
        wire.cut()
        await gatherResults([Deferred.fromCoroutine(self.fails(one.tell)) for _ in range(50)])
        self.assertEqual(wire.connections, 1)
        wire.mend()
        await self.again(one)
        self.assertIn(b"cmdstat_evalsha:calls=1,", server.say("INFO", "commandstats"))


@possible("redis-server")
class StrangeTests(HubCase):
    @spoken
    async def test_wrong_password(self) -> None:
        """A wrong password is said to be refused, and is not told to anybody."""
        server = self.server("requirepass right")
        place = unix_place(reactor, server.socket, TIMEOUT)
        reason = await self.fails(Member(self.hub(place, Login(password=b"wrong")), "one").tell)
        self.assertIn("WRONGPASS", reason)
        self.assertNotIn("wrong", reason.replace("WRONGPASS", ""))
        self.assertIn("NOAUTH", await self.fails(Member(self.hub(place), "one").tell))
        await Member(self.hub(place, Login(password=b"right")), "one").tell()

    @spoken
    async def test_user_with_just_enough_rights(self) -> None:
        """The rights that the manual names are enough, and one who lacks some is told which."""
        rights = "-@all +@read +@write +@scripting +role +info +time +select"
        server = self.server(
            f"user relay on >secret ~shieldrelay:{{shieldrelay}}:* {rights}", "user poor on >secret ~* -@all +auth"
        )
        place = unix_place(reactor, server.socket, TIMEOUT)
        one = Member(self.hub(place, Login("relay", b"secret")), "one")
        await one.tell(row=5.0)
        await one.hub.leave("one")
        reason = await self.fails(Member(self.hub(place, Login("poor", b"secret")), "one").tell)
        self.assertIn("NOPERM", reason)

    @spoken
    async def test_other_databases_are_apart(self) -> None:
        """Members with another database's number are in another cluster."""
        server = self.server()
        place = unix_place(reactor, server.socket, TIMEOUT)
        await Member(self.hub(place, Login(database=3)), "one").tell(row=5.0)
        other = self.member(server, "other")
        self.assertEqual((await other.tell()).members, 1)

    @spoken
    async def test_keys_of_somebody_else(self) -> None:
        """Keys of another type under our names are said to be somebody else's, and are left as they are."""
        server = self.server()
        for key in ("about", "members", "rows", "alive"):
            server.say("FLUSHALL")
            server.say("SET", PREFIX + key, "theirs")
            one = self.member(server, "one")
            self.assertIn("somebody else's", await self.fails(lambda: one.tell(row=1.0), HubRefused))  # noqa: B023
            self.assertIn(b"theirs", server.say("GET", PREFIX + key))

    @spoken
    async def test_nonsense_under_our_keys(self) -> None:
        """What somebody wrote into our own keys costs exchanges, with a reason, and nothing else."""
        server = self.server()
        one = self.member(server, "one")
        await one.tell(row=5.0)
        server.say("HSET", PREFIX + "members", "one", "x")
        self.assertTrue(await self.fails(one.tell))
        server.say("FLUSHALL")
        await one.tell(row=5.0)

    @spoken
    async def test_another_protocol(self) -> None:
        """Members that speak another protocol are not joined, and the reason says what to do."""
        server = self.server()
        server.say("SET", "shieldrelay:{shieldrelay}:protocol", "2")
        reason = await self.fails(self.member(server, "one").tell, HubRefused)
        self.assertRegex(reason, "protocol 2.*upgrade")

    @spoken
    async def test_another_cluster_of_the_name(self) -> None:
        """Two clusters with one name and other keys do not mix; names apart do not meet."""
        server = self.server()
        await self.member(server, "one", identity="a").tell(row=5.0)
        reason = await self.fails(self.member(server, "other", identity="b").tell, HubRefused)
        self.assertIn("another key", reason)
        apart = self.member(server, "other", identity="b", name="second")
        self.assertEqual((await apart.tell()).members, 1)

    @spoken
    async def test_who_is_refused_changes_nothing(self) -> None:
        """That a member died is heard, also when the first to come after its death is one of another cluster."""
        server, now = self.server(), [2e9]
        one, two, other = (
            self.member(server, name, identity=identity, wall=lambda: now[0])
            for name, identity in (("one", "a"), ("two", "a"), ("other", "b"))
        )
        await two.tell(row=5.0)
        await one.tell(row=1.0)
        self.assertEqual(one.heard[b"row"], 5.0)
        now[0] += 20.0
        await one.tell()
        now[0] += 20.0
        await self.fails(other.tell, HubRefused)
        self.assertEqual((await one.tell()).members, 1)
        self.assertEqual(one.heard[b"row"], 0.0)

    @spoken
    async def test_a_row_that_is_told_before_the_purge_comes_to_it(self) -> None:
        """Of a row with a part of a dead member, all who have one hear, though it was told again in the meantime."""
        server, now = self.server(), [2e9]
        one, two, three = (self.member(server, name, wall=lambda: now[0]) for name in ("one", "two", "three"))

        async def quietly(member: Member, count: float) -> None:
            record = Record(KIND.name, b"row", now[0], (count,), frozenset(), 0)
            news = await member.hub.exchange(Report(member.name, now[0], member.version, (record,)))
            member.version = news.version

        await one.tell(**{f"other{number}": 1.0 for number in range(900)})
        await quietly(two, 5.0)
        await quietly(three, 1.0)
        for present in (*[(one, two, three)] * 4, *[(one, three)] * 1):
            now[0] += 20.0
            for member in present:
                await member.tell()
        now[0] += 15.0
        await quietly(one, 2.0)
        await three.tell()
        self.assertEqual(three.heard[b"row"], 2.0)

    @spoken
    async def test_cards_of_another_version(self) -> None:
        """Cards with more or fewer words than ours are read as far as they go; what is no card harms nobody."""
        server = self.server()
        here = self.member(server, "one").hub
        card = Card("one", "node-one", 0, "1", "", "f", "up", False, "part-one", "", 1.0)
        await here.meet(card)
        later = {**asdict(card), "member": "two", "part": "part-two", "zone": "north"}
        earlier = {name: word for name, word in later.items() if name not in ("zone", "storage")}
        written_by = {"two": later, "three": {**earlier, "member": "three"}, "four": {**later, "at": "x"}}
        for name, written in written_by.items():
            server.say("HSET", PREFIX + "cards", name, struct.pack("<d", 1.0) + json.dumps(written).encode())
        for name, octets in (("five", b"[1]"), ("six", b"\xff" * 30)):
            server.say("HSET", PREFIX + "cards", name, struct.pack("<d", 1.0) + octets)
        met = await here.meet(card)
        parts = {"one": "part-one", "two": "part-two", "three": "part-two"}
        self.assertEqual({each.member: each.part for each in met}, parts)

    @spoken
    async def test_decisions_of_another_version(self) -> None:
        """A decision that only a later version knows is nobody's here, and the others are heard."""
        server = self.server()
        one, two = self.member(server, "one"), self.member(server, "two")
        ban = Change("c1", ChangeKind.BAN, b"\x01\x02\x03\x04", 1.8e9, 1.9e12, "r", "b")
        deny = Change("c2", ChangeKind.DENY, b"192.0.2.0/24", 1.8e9, None, "r", "b")
        await one.hub.exchange(Report("one", 1.8e9, 0, (), (ban, deny)))
        key, scope = PREFIX + "latest", b"source:\x01\x02\x03\x04"
        octets = server.say("HGET", key, scope).partition(b"\r\n")[2][:-2]
        self.assertIn(b"ban", octets)
        server.say("HSET", key, scope, octets.replace(b"ban", b"lot"))
        self.assertEqual((await two.tell()).changes, (deny,))

    @spoken
    async def test_no_redis_at_all(self) -> None:
        """What is no Redis at all is not taken for one."""
        listening = reactor.listenTCP(0, Factory.forProtocol(_Babble), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        place = tcp_place(reactor, "127.0.0.1", listening.getHost().port, TIMEOUT)
        self.assertTrue(await self.fails(Member(self.hub(place), "one").tell))


class _Babble(Protocol):
    """Answers whatever it hears with words that no Redis server says."""

    def dataReceived(self, data: bytes) -> None:
        """Answer."""
        assert self.transport is not None
        self.transport.write(b"220 mail.example ESMTP\r\n")
