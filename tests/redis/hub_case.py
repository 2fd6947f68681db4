"""A real Redis server for a test, hubs in it, and a wire to it that can be cut.

Every wait is for a condition, with a deadline that nothing but a fault reaches.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial import unittest

from shieldrelay.cluster.hub import News, Record, Report
from shieldrelay.cluster.kinds import Field, Kind
from shieldrelay.redis.connection import Away
from shieldrelay.redis.hub import RedisHub
from shieldrelay.redis.server import Direct, Login, Place, tcp_place, unix_place
from shieldrelay.testing.redis_server import RedisServer

reactor: Any = _reactor

TIMEOUT = 0.6
"""Of the hubs of these tests, in seconds."""
DEADLINE = 25.0
"""Five times what is promised."""
KIND = Kind("plain", (Field("count"),), lifetime=600.0)
PREFIX = "shieldrelay:{shieldrelay}:1:"


def spoken(test: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Deferred[None]]:
    """Let trial wait for a coroutine."""

    def run(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(self))  # type: ignore[arg-type]  # an async def gives a coroutine

    run.__doc__ = test.__doc__
    return run


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pause(seconds: float = 0.02) -> Deferred[None]:
    """Let the reactor run."""
    return deferLater(reactor, seconds)


class Member:
    """A member by hand: it counts versions and remembers what it heard.

    :ivar heard: what the others have, by key.
    """

    def __init__(self, hub: RedisHub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.version = 0
        self.heard: dict[bytes, float] = {}

    async def tell(self, **counts: float) -> News:
        """Exchange once; the keys' own counts are told."""
        now = reactor.seconds()
        records = tuple(Record(KIND.name, key.encode(), now, (count,)) for key, count in counts.items())
        news = await self.hub.exchange(Report(self.name, now, self.version, records))
        self.version = news.version
        self.heard.update({record.key: record.values[0] for record in news.records})
        return news


class HubCase(unittest.TestCase):
    """Tests with servers of their own. All that is made here is gone after the test."""

    timeout = 100

    def directory(self) -> Path:
        """Make a directory with a path short enough for a socket."""
        path = Path(tempfile.mkdtemp(prefix="sr-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def server(self, *settings: str, port: int = 0) -> RedisServer:
        """Start a server."""
        server = RedisServer(self.directory(), *settings, port=port)
        self.addCleanup(server.kill)
        server.start()
        return server

    def hub(self, place: Place, login: Login | None = None, **more: Any) -> RedisHub:
        """Make a member's hub."""
        settings = {"timeout": TIMEOUT, **more}
        hub = RedisHub(Direct(reactor, place, login or Login()), (KIND,), reactor, secrets.randbelow, **settings)
        self.addCleanup(hub.close)
        return hub

    def member(self, server: RedisServer, name: str, /, **more: Any) -> Member:
        """Make a member with a hub of its own."""
        return Member(self.hub(unix_place(reactor, server.socket, TIMEOUT), **more), name)

    async def wire(self, server: RedisServer) -> Wire:
        """Lay a wire to a server."""
        wire = Wire(server)
        await wire.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(wire.close()))
        return wire

    async def fails(self, asked: Callable[[], Awaitable[object]], kind: type[Exception] = Away) -> str:
        """Ask, expect that it fails, and give the reason; not before time does a hub that is given up say so."""
        begun = reactor.seconds()
        failure: str | None = None
        try:
            await asked()
        except kind as error:
            failure = str(error)
        self.assertIsNotNone(failure, "nothing failed")
        self.assertLess(reactor.seconds() - begun, 2 * TIMEOUT + 5.0)
        return failure or ""

    async def again(self, member: Member, **counts: float) -> News:
        """Exchange until it succeeds."""
        deadline = reactor.seconds() + DEADLINE
        while True:
            try:
                return await member.tell(**counts)
            except Away:
                if reactor.seconds() > deadline:
                    raise
            await pause(0.05)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        deadline = reactor.seconds() + DEADLINE
        while not condition():
            self.assertLess(reactor.seconds(), deadline, "it never came to be")
            await pause()


class Wire:
    """A listener in front of a server that can be cut: then nothing passes, and nobody is told.

    :ivar place: where it listens.
    :ivar connections: how many there were.
    """

    def __init__(self, server: RedisServer) -> None:
        self.connections = 0
        self.delay = 0.0
        self._server = server
        self._cut = False
        self._held: list[Callable[[], object]] = []
        self._under_way: list[Any] = []
        self._halves: list[_Half] = []
        self._port: Any = None
        self.place: Place

    async def open(self) -> None:
        """Listen."""
        self._port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(self._one))
        self.place = tcp_place(reactor, "127.0.0.1", self._port.getHost().port, TIMEOUT)

    async def close(self) -> None:
        """End everything."""
        self.delay, self._cut = 0.0, True
        for call in self._under_way:
            if call.active():
                call.cancel()
        for half in self._halves:
            if half.transport is not None:
                half.transport.abortConnection()
        await maybeDeferred(self._port.stopListening)
        await pause()

    def cut(self) -> None:
        """Let nothing pass from now on, in either direction."""
        self._cut = True

    def mend(self) -> None:
        """Let all pass that was held back, and what comes."""
        self._cut = False
        held, self._held = self._held, []
        for passing in held:
            passing()

    def carry(self, passing: Callable[[], object]) -> None:
        """Let something pass, now or later."""
        if self._cut:
            self._held.append(passing)
        elif self.delay:
            self._under_way.append(reactor.callLater(self.delay, self._carry_late, passing))
        else:
            passing()

    def _carry_late(self, passing: Callable[[], object]) -> None:
        """Let pass what was under way, unless the wire was cut meanwhile."""
        if self._cut:
            self._held.append(passing)
        else:
            passing()

    def _one(self) -> Protocol:
        self.connections += 1
        near, far = _Half(self), _Half(self)
        near.other, far.other = far, near
        self._halves += [near, far]
        UNIXClientEndpoint(reactor, self._server.socket).connect(Factory.forProtocol(lambda: far)).addErrback(
            lambda _: near.transport.abortConnection()
        )
        return near


class _Half(Protocol):
    """One end of a connection through a wire."""

    other: _Half

    def __init__(self, wire: Wire) -> None:
        self.transport: Any = None
        self._wire = wire
        self._early: list[bytes] = []

    def connectionMade(self) -> None:
        """Say what came before this end stood."""
        for octets in self._early:
            self.transport.write(octets)

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        self._wire.carry(lambda: self.other.say(data))

    def say(self, octets: bytes) -> None:
        """Say what came at the other end."""
        if self.transport is None:
            self._early.append(octets)
        else:
            self.transport.write(octets)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the other end too, after what is still under way."""
        self._wire.carry(self.other.end)

    def end(self) -> None:
        """End this end."""
        if self.transport is not None:
            self.transport.loseConnection()
