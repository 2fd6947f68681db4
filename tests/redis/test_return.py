"""Members whose Redis server is away go on with what they know and with their part, and are whole soon after."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.exchange import Exchange, ExchangeSettings, HubState
from shieldrelay.cluster.register import Register
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import client_of
from shieldrelay.redis.hub import RedisHub
from shieldrelay.redis.server import Place, unix_place
from shieldrelay.testing.journal import ListJournal
from tests.capabilities import possible
from tests.redis.hub_case import DEADLINE, KIND, TIMEOUT, HubCase, free_port, pause, reactor, spoken

_ROW = b"row"
_BANNED = client_of("192.0.2.7")
_UNITS = 10


class Party:
    """A member as a node has it, with one table, a register and a stake.

    :ivar seen: all totals of the row that were ever seen here, in order.
    """

    def __init__(self, hub: RedisHub, name: str) -> None:
        self.journal = ListJournal()
        self.seen: list[float] = []
        numbers = count()
        self.decisions = Decisions(reactor.seconds, lambda: f"{name}.{next(numbers)}")
        self.register = Register(self.decisions, reactor.seconds, self.journal)
        self.table = Table(KIND)
        settings = ExchangeSettings(timeout=TIMEOUT, unheard=TIMEOUT)
        self.exchange = Exchange(hub, reactor, reactor.seconds, self.journal, self.decisions, name, settings)
        self.exchange.add(self.table)
        self.stake = self.exchange.stakes.stake(b"hop:example.com")
        self.exchange.start()

    @property
    def total(self) -> float:
        """What the row comes to."""
        row = self.table.row(_ROW, reactor.seconds())
        self.seen.append(self.table.total(row, 0))
        return self.seen[-1]

    @property
    def is_shared(self) -> bool:
        """Whether the view is shared."""
        return self.exchange.state is HubState.SHARED

    @property
    def bans(self) -> bool:
        """Whether the ban is known."""
        return self.register.standing(_BANNED, reactor.seconds()) is not None

    def count(self, amount: float) -> None:
        """Count something."""
        self.table.add(self.table.row(_ROW, reactor.seconds()), 0, amount)


@possible("redis-server")
class ReturnTests(HubCase):
    @spoken
    async def test_stopped(self) -> None:
        """A server that was killed and comes back empty."""
        server = self.server()
        await self.lost_and_found(unix_place(reactor, server.socket, TIMEOUT), server.kill, server.start)

    @spoken
    async def test_hung(self) -> None:
        """A server that hung and goes on."""
        server = self.server()
        self.addCleanup(server.go_on)
        await self.lost_and_found(unix_place(reactor, server.socket, TIMEOUT), server.hang, server.go_on)

    @spoken
    async def test_cut_off(self) -> None:
        """A network that delivers late what it held back."""
        server = self.server()
        wire = await self.wire(server)
        await self.lost_and_found(wire.place, wire.cut, wire.mend)

    @spoken
    async def test_read_only(self) -> None:
        """A server that was a replica for a while."""
        port = free_port()
        self.server(port=port)
        server = self.server()
        await self.lost_and_found(
            unix_place(reactor, server.socket, TIMEOUT),
            lambda: server.say("REPLICAOF", "127.0.0.1", str(port)),
            lambda: server.say("REPLICAOF", "NO", "ONE"),
        )

    @spoken
    async def test_out_of_memory(self) -> None:
        """A server that had no memory left, and gets some."""
        server = self.server()
        await self.lost_and_found(
            unix_place(reactor, server.socket, TIMEOUT),
            lambda: server.say("CONFIG", "SET", "maxmemory", "1"),
            lambda: server.say("CONFIG", "SET", "maxmemory", "0"),
        )

    async def lost_and_found(self, place: Place, lose: Callable[[], object], find: Callable[[], object]) -> None:
        """Let two members meet, lose their server and find it again; what they say meanwhile counts when it is back."""
        one, other = (Party(self.hub(place), name) for name in ("one", "other"))
        for party in (one, other):
            self.addCleanup(party.exchange.stop)
        await self.until(lambda: one.exchange.members == other.exchange.members == 2)
        one.count(5.0)
        for party in (one, other):
            party.stake.ask(_UNITS, _UNITS, 0)
        await self.until(lambda: other.total == 5.0 and one.stake.units == other.stake.units == _UNITS // 2)
        one.stake.ask(0, 0, 0)
        await self.until(lambda: other.stake.units == _UNITS)

        lose()
        one.count(4.0)
        await self.until(lambda: not one.is_shared and not other.is_shared)
        await self.until(lambda: other.stake.units == _UNITS // 2)
        one.count(3.0)
        one.register.ban(_BANNED.source, reactor.seconds() + 600.0, "test", "tests")
        self.assertEqual(one.total, 12.0)
        self.assertEqual(other.total, 5.0)

        find()
        await self.whole_again(one, other)
        self.assertEqual(other.seen, sorted(other.seen))  # nothing was said late, after what was said since
        for party in (one, other):
            states = [event["state"] for event in party.journal.named("hub_state")]
            self.assertEqual(states[-1], "shared")
            self.assertIn("degraded", states[states.index("shared") :])

    async def whole_again(self, one: Party, other: Party) -> None:
        """Wait until both know all that there is."""
        deadline = reactor.seconds() + DEADLINE
        while not (one.is_shared and other.is_shared and other.bans and other.stake.units == _UNITS):
            self.assertLess(reactor.seconds(), deadline, "the view is not whole again")
            self.assertGreaterEqual(other.total, 5.0)
            await pause()
        other.table.soil(other.table.row(_ROW, reactor.seconds()))  # who came after the others spoke hears by asking
        await self.until(lambda: other.total == 12.0)
