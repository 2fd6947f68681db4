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


PATIENCE_SECONDS = 30.0
"""What the contract asks is whether, not how soon: a thousand members meet in one test."""


class RedisSite:
    """A server of its own; each member has a connection of its own. Time passes when it is told to."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="sr-")
        self._redis = RedisServer(Path(self._directory.name))
        self._redis.start()
        self._passed = 0.0
        self._hubs: list[RedisHub] = []

    def connect(self) -> Hub:
        way = Direct(reactor, unix_place(reactor, self._redis.socket, PATIENCE_SECONDS), Login())
        hub = RedisHub(way, KINDS, reactor, secrets.randbelow, timeout=PATIENCE_SECONDS, wall=self.now_wall)
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
        self._redis.kill()
        self._directory.cleanup()
        return succeed(None)


@possible("redis-server")
class RedisHubTests(make_hub_tests(RedisSite)):  # type: ignore[misc]  # made for this site
    """The contract."""
