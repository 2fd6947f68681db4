"""Memory of the node when idle, and with many idle sessions."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.smuggling import Ground

SETTINGS = ""
_MOST_MEBI = 80e6 / (1 << 20)


def examine(ground: Ground, counts: tuple[int, ...] = (500, 4000)) -> Iterator[Fact]:
    """Measure without sessions, and with each number of sessions that have said EHLO and MAIL and are silent."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rss, pss = ground.node.memory()
    yield Fact("memory when idle", rss <= _MOST_MEBI, f"RSS {rss:.1f} MiB, PSS {pss:.1f} MiB")
    clients: list[Client] = []
    for count in counts:
        while len(clients) < count:
            client = Client.introduced(ground.node.port, f"127.0.{30 + len(clients) // 200}.{len(clients) % 200 + 1}")
            client.ask(b"MAIL FROM:<s@idle.test>")
            clients.append(client)
        time.sleep(1)
        rss, pss = ground.node.memory()
        alive = sum(client.is_silent(0.001) for client in clients[:: max(1, count // 100)])
        yield Fact(
            f"{count} idle sessions are held",
            alive == len(clients[:: max(1, count // 100)]),
            f"{alive} of the sample stand",
        )
        yield Fact(f"memory with {count} idle sessions", rss <= _MOST_MEBI, f"RSS {rss:.1f} MiB, PSS {pss:.1f} MiB")
    for client in clients:
        client.close()
