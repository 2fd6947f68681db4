"""The Redis hub keeps the contract of hubs, on a real server."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed

from shieldrelay.cluster.hub import Hub
from shieldrelay.redis.hub import RedisHub
from shieldrelay.redis.server import Direct, Login, unix_place
from shieldrelay.testing.hub_contract import make_hub_tests
from shieldrelay.testing.hub_site import KINDS
from shieldrelay.testing.redis_server import RedisServer
from tests.capabilities import possible

EPOCH = 1_800_000_000.0


class RedisSite:
    """One server, emptied for each test; each member has a connection of its own. Time passes when it is told to."""

    _server: RedisServer | None = None

    def __init__(self) -> None:
        if RedisSite._server is None:
            RedisSite._server = RedisServer(Path(tempfile.mkdtemp(prefix="sr-")))
            RedisSite._server.start()
            reactor.addSystemEventTrigger("after", "shutdown", RedisSite._server.kill)
        self._redis = RedisSite._server
        self._redis.say("FLUSHALL")
        self._redis.say("SCRIPT", "FLUSH")
        self._passed = 0.0
        self._hubs: list[RedisHub] = []

    def connect(self) -> Hub:
        way = Direct(unix_place(reactor, self._redis.socket, 2.0), Login())
        hub = RedisHub(way, KINDS, reactor, secrets.randbelow, wall=self.now_wall)
        self._hubs.append(hub)
        return hub

    def now_wall(self) -> float:
        return EPOCH + self._passed

    def pass_time(self, seconds: float) -> Deferred[None]:
        self._passed += seconds
        return succeed(None)

    def close(self) -> Deferred[None]:
        for hub in self._hubs:
            hub.close()
        return succeed(None)


@possible("redis-server")
class RedisHubTests(make_hub_tests(RedisSite)):  # type: ignore[misc]  # made for this site
    """The contract."""
