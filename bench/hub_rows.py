"""Rows of one node that shares what it knows through Redis beside one that keeps it in memory (`bench.paired`).

Both are alive at once and loaded in turns. The server is a real one of the measurement's own, outside the account of
what is measured; what it costs by itself is printed. ``hub`` has one generator with a source class, whose few rows
change all the time; ``hubcrowd`` has 400 strangers, whose rows are all told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.paired import Pair, generated, in_turns
from bench.passing import crowd
from bench.peer import Peer
from bench.row import Figures
from bench.setup import HUB
from shieldrelay.testing.redis_server import RedisServer

MEMORY, REDIS = "hub in memory", "hub in Redis"
STRANGERS_MEMORY, STRANGERS_REDIS = "strangers, hub in memory", "strangers, hub in Redis"
_MESSAGES = 600
"""Of each load in each turn."""


@contextmanager
def serving(scratch: Path) -> Iterator[None]:
    """Run a Redis server, and print at the end what it did."""
    place = scratch / "redis"
    place.mkdir()
    server = RedisServer(place, f"bind {HUB[0]}", port=HUB[1])
    server.start()
    try:
        yield
        print(_told(server), flush=True)
    finally:
        server.kill()


def generator(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from end to end, as the row ``4k`` does."""
    with serving(scratch):
        return in_turns(peers, scratch, generated(_MESSAGES), pairs)


def strangers(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, 20 sessions at once: one message a session, then five."""
    with serving(scratch):
        return in_turns(peers, scratch, {"new": crowd(0, 1), "reused": crowd(4, 5)}, pairs)


def _told(server: RedisServer) -> str:
    """Give what the server did for members, of its own account."""
    lines = server.say("INFO", "commandstats").decode("ascii", "replace").splitlines()
    said = [line.removeprefix("cmdstat_") for line in lines if line.startswith("cmdstat_evalsha:")]
    memory = server.say("INFO", "memory").decode("ascii", "replace").splitlines()
    said += [line for line in memory if line.startswith("used_memory_human")]
    return f"Redis: {', '.join(said)}"


ROWS = {
    "hub": Pair("The hub in Redis beside memory: 4 KB, one source with a class of its own", generator, (MEMORY, REDIS)),
    "hubcrowd": Pair(
        "The hub in Redis beside memory: 4 KB, 400 strangers with default limits",
        strangers,
        (STRANGERS_MEMORY, STRANGERS_REDIS),
    ),
}
