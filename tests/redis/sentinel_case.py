"""Two real Redis servers and three real Sentinels that watch them, and a member that goes by their word."""

from __future__ import annotations

import re
import secrets

from shieldrelay.redis.hub import RedisHub
from shieldrelay.redis.sentinels import BySentinels
from shieldrelay.redis.server import Login, tcp_place
from shieldrelay.testing.redis_server import RedisServer
from tests.redis.hub_case import KIND, TIMEOUT, HubCase, Member, free_port, reactor

NAME = "mail"
_NAMED = re.compile(rb"\$\d+\r\n127\.0\.0\.1\r\n\$\d+\r\n(\d+)\r\n")


class SentinelCase(HubCase):
    """Tests with a master, a replica and Sentinels.

    :ivar servers: by port; the first is the master at the beginning.
    :ivar sentinels: three.
    """

    async def started(self) -> None:
        """Start all; they know each other from the beginning."""
        first, second, *watching = (free_port() for _ in range(5))
        self.servers = {
            first: self.server("repl-diskless-sync-delay 0", port=first),
            second: self.server(f"replicaof 127.0.0.1 {first}", port=second),
        }
        ids = {port: f"{port:040x}" for port in watching}
        self.sentinels = [self._sentinel(port, first, second, ids) for port in watching]
        await self.until(lambda: b"master_link_status:up" in self.servers[second].say("INFO", "replication"))

    def followed(self, name: str, places: list[tuple[str, int]] | None = None, master: str = NAME) -> Member:
        """Make a member that asks these Sentinels, or all."""
        asked = places or [("127.0.0.1", sentinel.port) for sentinel in self.sentinels]
        way = BySentinels(
            reactor,
            [tcp_place(reactor, host, port, TIMEOUT) for host, port in asked],
            master,
            Login(),
            lambda host, port: tcp_place(reactor, host, port, TIMEOUT),
            TIMEOUT,
        )
        hub = RedisHub(way, (KIND,), reactor, secrets.randbelow, timeout=3 * TIMEOUT)
        self.addCleanup(hub.close)
        return Member(hub, name)

    def named(self, sentinel: RedisServer) -> int:
        """Give the port of the master that a Sentinel names."""
        found = _NAMED.search(sentinel.say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME))
        assert found is not None
        return int(found[1])

    async def decided(self, former: int) -> int:
        """Wait until most Sentinels name another master than the former; give its port."""
        await self.until(lambda: sum(self.named(each) != former for each in self.sentinels) >= 2)
        return next(port for port in self.servers if port != former)

    def _sentinel(self, port: int, master: int, replica: int, ids: dict[int, str]) -> RedisServer:
        sentinel = RedisServer(
            self.directory(),
            f"sentinel myid {ids[port]}",
            f"sentinel monitor {NAME} 127.0.0.1 {master} 2",
            f"sentinel down-after-milliseconds {NAME} 500",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel known-replica {NAME} 127.0.0.1 {replica}",
            *(f"sentinel known-sentinel {NAME} 127.0.0.1 {each} {ids[each]}" for each in ids if each != port),
            port=port,
            program="redis-sentinel",
        )
        self.addCleanup(sentinel.kill)
        sentinel.start()
        return sentinel
