"""Members that meet in one Redis server as nodes do, on a clock that the bench moves: what `bench.hub` measures.

Their defences, tables and exchanges are the real ones; only the sessions are left out: a visit is told to the defences
directly. What goes over the wire, and what the server takes for it, the server says itself.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Sequence
from itertools import count
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater

from bench.remembering import Nobody, fresh_defences
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.exchange import Exchange, HubState
from shieldrelay.cluster.hub import Card, Hub, News, Report
from shieldrelay.cluster.kinds import Kind
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import Client
from shieldrelay.mail.verdict import Refusal
from shieldrelay.redis.hub import RedisHub
from shieldrelay.redis.server import Direct, Login, unix_place
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.admission import Admission, Modes
from shieldrelay.shield.harvest import Asked, Existence, HarvestSession
from shieldrelay.testing.redis_server import RedisServer

EPOCH = 1_800_000_000.0
TICK = 0.1
_PATIENCE_SECONDS = 60.0
_A_LITTLE = 1e-6
"""So that every tick is due, however its time was rounded."""


@frozen
class Spent:
    """What the server says it has spent since it was last asked to begin anew.

    :ivar calls: of the script.
    :ivar usec: that the script took.
    :ivar cpu_usec: of the processor's time, with reading and writing what was said.
    :ivar heard: octets that came, and ``told``, that went.
    :ivar memory: octets that it has now.
    """

    calls: int
    usec: int
    cpu_usec: float
    heard: int
    told: int
    memory: int


class Ledger:
    """A server's own figures."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._cpu = 0.0

    def begin(self) -> None:
        """Count from here."""
        self._cpu = self._cpu_usec(self._said())
        self._server.say("CONFIG", "RESETSTAT")

    def spent(self) -> Spent:
        """Give what was spent."""
        said = self._said()
        calls, usec = map(int, _found(said, rb"cmdstat_evalsha:calls=(\d+),usec=(\d+)", 2))
        heard, told = (int(_found(said, rb"total_net_%s_bytes:(\d+)" % way, 1)[0]) for way in (b"input", b"output"))
        memory = int(_found(said, rb"used_memory:(\d+)", 1)[0])
        return Spent(calls, usec, self._cpu_usec(said) - self._cpu, heard, told, memory)

    def _said(self) -> bytes:
        return self._server.say("INFO", "ALL")

    @staticmethod
    def _cpu_usec(said: bytes) -> float:
        return sum(float(_found(said, rb"used_cpu_%s:([\d.]+)" % kind, 1)[0]) * 1e6 for kind in (b"sys", b"user"))


def _found(said: bytes, pattern: bytes, groups: int) -> Sequence[bytes]:
    found = re.search(pattern, said)
    return found.groups() if found else (b"0",) * groups


def redis_hub(reactor: Any, server: RedisServer, kinds: Sequence[Kind], clock: Clock) -> RedisHub:
    """Make a member's hub, which judges by the bench's clock."""
    way = Direct(reactor, unix_place(reactor, server.socket, _PATIENCE_SECONDS), Login())
    wall = lambda: EPOCH + clock.seconds()  # noqa: E731 - one word of what it is given
    return RedisHub(way, kinds, reactor, secrets.randbelow, timeout=_PATIENCE_SECONDS, wall=wall)


class _Counted:
    """A hub that counts the rows that go to it and come from it."""

    alone = False

    def __init__(self, hub: Hub) -> None:
        self.told = self.heard = 0
        self._hub = hub

    def exchange(self, report: Report) -> Deferred[News]:
        """Tell and be told."""
        self.told += len(report.records)
        return self._hub.exchange(report).addCallback(self._count)

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        """Show a card."""
        return self._hub.meet(card)

    def leave(self, member: str) -> Deferred[None]:
        """Leave."""
        return self._hub.leave(member)

    def _count(self, news: News) -> News:
        self.heard += len(news.records)
        return news


class Member:
    """One member, with all defences.

    :ivar exchange: its exchange, started.
    """

    def __init__(self, reactor: Any, server: RedisServer, clock: Clock, name: str) -> None:
        self.defences = defences = fresh_defences()
        tables: tuple[Table, ...] = (
            *defences.history.tables, *defences.connections.tables, *defences.harvest.tables, defences.greeting.table,
            *defences.examination.analysis.tables, *defences.reputation.tables,
        )  # fmt: skip
        self._admission = Admission(defences, Modes(), new_reference=lambda: "S", journal=Nobody())
        self._clock = clock
        self._redis = redis_hub(reactor, server, [table.kind for table in tables], clock)
        self.hub = _Counted(self._redis)
        wall, ids = lambda: EPOCH + clock.seconds(), count()
        decisions = Decisions(wall, lambda: f"{name}.{next(ids)}")
        self.exchange = Exchange(self.hub, clock, wall, Nobody(), decisions, name)
        for table in tables:
            self.exchange.add(table)
        self.exchange.start()

    def visit(self, client: Client, number: int) -> None:
        """Let a source bring a message; every fifth asks for somebody unknown instead."""
        now, defences = self._clock.seconds(), self.defences
        visit = self._admission.admit(client, 100, now)
        if isinstance(visit, Refusal):
            return
        self._admission.greeted(visit, now)
        defences.connections.message(client, Acquaintance.STRANGER, now)
        if number % 5:
            defences.history.delivered(client, 1, defences.calendar.day(now), now)
        else:
            stranger, session = Acquaintance.STRANGER, HarvestSession()
            asked = Asked(client, stranger, "example.com", number, Existence.UNKNOWN, number, session)
            defences.connections.recipient(client, stranger, now)
            defences.harvest.ask(asked, now)
            defences.harvest.answer(asked, now)
        visit.asked = visit.unknown = 1
        self._admission.left(visit, 1000, now)

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


class Cluster:
    """Members of one cluster, and the sources that come to any of them.

    :ivar ticks: how many there were.
    """

    def __init__(self, reactor: Any, server: RedisServer, members: int) -> None:
        self.ticks = 0
        self._reactor = reactor
        self._clock = Clock()
        self._chance = random.Random(1)
        self.members = [Member(reactor, server, self._clock, f"member-{number}") for number in range(members)]

    @property
    def rows(self) -> tuple[int, int]:
        """Give how many rows were told and heard so far."""
        return sum(each.hub.told for each in self.members), sum(each.hub.heard for each in self.members)

    def visit(self, number: int) -> None:
        """Let one source come to one of the members."""
        self._chance.choice(self.members).visit(_client(number), number)

    async def tick(self) -> None:
        """Let every member exchange once, and wait until all have."""
        over = [each.exchange.next() for each in self.members]
        self._clock.advance(TICK + _A_LITTLE)
        await gatherResults([each for each in over if each is not None])
        await deferLater(self._reactor, 0.0)  # an exchange goes on once those who waited have been told
        assert all(each.exchange.state is HubState.SHARED for each in self.members)
        self.ticks += 1

    async def settle(self) -> None:
        """Exchange until everything is told, and everybody has heard of it."""
        before = -1
        while any(each.exchange.waiting for each in self.members) or before != sum(self.rows):
            before = sum(self.rows)
            await self.tick()

    def close(self) -> None:
        """Let go of all connections."""
        for each in self.members:
            each.close()


def _client(number: int) -> Client:
    """Give a source; half are IPv4, no two alike."""
    spread = number * 2654435761 & 0xFFFFFFFF
    if number % 2:
        source = b"\x20\x01" + (spread << 16 | number & 0xFFFF).to_bytes(6, "big")
        return Client("2001:db8::1", source, source[:7])
    return Client("192.0.2.1", spread.to_bytes(4, "big"), spread.to_bytes(4, "big")[:3])
