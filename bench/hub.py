"""What the Redis hub costs: ``python -m bench.hub [--page]``; on a real server of its own, behind a unix socket.

First by active sources: so many come, each once in 30 seconds, to three members with all defences at their defaults,
ticking ten times a second. Then by what an exchange is made of: nothing; a row told that so many members have; a row
heard; a claim. ``--page`` also writes the tables into ``bench/RESULTS-cluster.md`` between their marks.
"""

from __future__ import annotations

import argparse
import datetime
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, react

from bench.hub_members import EPOCH, TICK, Cluster, Ledger, redis_hub
from bench.report import machine
from shieldrelay.cluster.hub import Claim, Hub, News, Record, Report
from shieldrelay.shield.connections_kinds import SOURCES as KIND
from shieldrelay.testing.redis_server import RedisServer

ACTIVE = (1_000, 10_000, 100_000)
EVERY_SECONDS = 30.0
MEMBERS = 3
_TICKS = 60
_CALLS = 20
_ROWS = 1000
_PAGE = Path(__file__).with_name("RESULTS-cluster.md")
_BEGIN, _END = "<!-- bench.hub -->", "<!-- /bench.hub -->"


@contextmanager
def _served() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="sr-") as directory:
        server = RedisServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@frozen
class Row:
    """The figures of one number of active sources.

    :ivar exchange: of one exchange: rows told and heard, octets up and down, microseconds of the script, of the
        server's CPU, of the member's CPU.
    :ivar rows: that the server has, and ``row_octets``, ``source_octets``: its memory for one row, one source.
    """

    active: int
    exchange: tuple[float, ...]
    rows: int
    row_octets: float
    source_octets: float


async def by_sources(reactor: Any, active: int) -> Row:
    """Measure with so many sources."""
    with _served() as server:
        ledger, cluster = Ledger(server), Cluster(reactor, server, MEMBERS)
        await cluster.tick()
        empty = ledger.spent().memory
        for number in range(active):
            cluster.visit(number)
            if number % _ROWS == _ROWS - 1:
                await cluster.tick()
        await cluster.settle()
        full, rows = ledger.spent().memory - empty, _rows(server)
        row = await _steady(cluster, ledger, active, rows, full)
        cluster.close()
        return row


async def _steady(cluster: Cluster, ledger: Ledger, active: int, rows: int, full: int) -> Row:
    before = cluster.rows
    ledger.begin()
    spent, due, number = 0.0, 0.0, 0
    for _ in range(_TICKS):
        due += active * TICK / EVERY_SECONDS
        while number < due:
            cluster.visit(number)
            number += 1
        begun = process_time()
        await cluster.tick()
        spent += process_time() - begun
    paid, exchanges = ledger.spent(), _TICKS * MEMBERS
    told, heard = (after - earlier for after, earlier in zip(cluster.rows, before, strict=True))
    sums = (told, heard, paid.heard, paid.told, paid.usec, paid.cpu_usec, spent * 1e6)
    return Row(active, tuple(figure / exchanges for figure in sums), rows, full / max(1, rows), full / active)


def _rows(server: RedisServer) -> int:
    found = re.search(rb":(\d+)", server.say("ZCARD", "shieldrelay:{shieldrelay}:1:rows"))
    return int(found[1]) if found else 0


@frozen
class Part:
    """What something in an exchange costs: octets on the way up and down, the script's time, the server's CPU."""

    what: str
    up: float
    down: float
    script_usec: float
    cpu_usec: float


Cost = tuple[float, float, float, float]
"""As in a `Part`."""
Say = Callable[[], Awaitable[object]]


class _Probe:
    """One server, and members by hand that say what the bench has them say."""

    def __init__(self, reactor: Any, server: RedisServer) -> None:
        self.clock = Clock()
        self.ledger = Ledger(server)
        self._server = server
        self._reactor = reactor
        self._hubs: dict[str, Hub] = {}
        self._versions: dict[str, int] = {}

    async def say(self, name: str, rows: Sequence[bytes] = (), claims: Sequence[Claim] = ()) -> News:
        """Let a member tell rows and claims."""
        if name not in self._hubs:
            self._hubs[name] = redis_hub(self._reactor, self._server, (KIND,), self.clock)
        values = tuple(float(n + 1) for n in range(len(KIND.fields)))
        records = tuple(Record(KIND.name, key, EPOCH, values) for key in rows)
        report = Report(name, EPOCH + self.clock.seconds(), self._versions.get(name, 0), records, (), tuple(claims))
        news = await self._hubs[name].exchange(report)
        self._versions[name] = news.version
        self.clock.advance(0.01)
        return news

    async def cost(self, says: Say, before: Say | None = None) -> Cost:
        """Give the medians of several like exchanges; ``before`` each of them something else may be said."""
        costs: list[Cost] = []
        for _ in range(_CALLS):
            if before is not None:
                await before()
            self.ledger.begin()
            await says()
            paid = self.ledger.spent()
            costs.append((paid.heard, paid.told, paid.usec, paid.cpu_usec))
        up, down, script, cpu = (median(column) for column in zip(*costs, strict=True))
        return up, down, script, cpu


async def by_parts(reactor: Any) -> list[Part]:
    """Measure what exchanges are made of."""
    parts = []
    with _served() as server:
        probe = _Probe(reactor, server)
        await probe.say("one")
        idle = await probe.cost(_nothing)
        empty = await probe.cost(lambda: probe.say("one"))
        parts.append(_part("an exchange without anything", empty, idle, 1))
        rows = [b"%04d" % n for n in range(_ROWS)]
        await probe.say("one", rows)
        had = 1
        for members in (1, 2, 4, 10, 30, 100):
            for number in range(had, members):
                await probe.say(f"m{number}", rows)
            had = members
            cost = await probe.cost(lambda: probe.say("one", rows))
            parts.append(_part(f"a row told that {members} members have", cost, empty))
        parts.append(await _heard(probe, rows, empty))
        claims = [Claim(b"hop:%04d.example" % n, 5, 20, 5) for n in range(_ROWS)]
        for name in ("one", "m1", "m2"):
            await probe.say(name, (), claims)
        cost = await probe.cost(lambda: probe.say("one", (), claims))
        parts.append(_part("a claim that 3 members have", cost, empty))
    return parts


async def _heard(probe: _Probe, rows: Sequence[bytes], empty: Cost) -> Part:
    fresh = [b"h" + row for row in rows]
    await probe.say("late")

    async def catch_up() -> None:
        while (await probe.say("late")).records:
            pass
        await probe.say("one", fresh)

    return _part("a row heard that 1 other has", await probe.cost(lambda: probe.say("late"), catch_up), empty)


def _part(what: str, cost: Cost, empty: Cost, count: int = _ROWS) -> Part:
    return Part(what, *((figure - nothing) / count for figure, nothing in zip(cost, empty, strict=True)))


async def _nothing() -> None:
    """Say nothing: what the server's own account of itself costs."""


def page(rows: Sequence[Row], parts: Sequence[Part]) -> str:
    """Make the tables."""
    lines = [
        f"Three members, each source once in {EVERY_SECONDS:g} s, ten ticks a second; figures of one exchange of one",
        "member. *script* is what the server says that the script took, *CPU* all of its processor's time; *member* is",
        "the member's own CPU for gathering, packing, reading and putting in place.",
        "",
        "| active | told | heard | octets up | down | script, us | CPU, us | member, us | rows | octets | a source |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [f"{row.active:,}", *(f"{figure:,.0f}" for figure in row.exchange), f"{row.rows:,}"]
        lines.append(f"| {' | '.join(cells)} | {row.row_octets:.0f} | {row.source_octets:.0f} |")
    lines += [
        "",
        f"What an exchange is made of: rows of {len(KIND.fields)} fields (`{KIND.name}`), a thousand at once, less an",
        "exchange without anything.",
        "",
        "| what | octets up | down | script, us | CPU, us |",
        "|---|---|---|---|---|",
    ]
    for part in parts:
        figures = (f"{part.up:.1f}", f"{part.down:.1f}", f"{part.script_usec:.2f}", f"{part.cpu_usec:.2f}")
        lines.append(f"| {part.what} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _write(text: str) -> None:
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    about = f"{today}, {machine()}. `python -m bench.hub --page` writes this part."
    part = f"{_BEGIN}\n{about}\n\n{text}\n{_END}"
    before = _PAGE.read_text() if _PAGE.exists() else f"# Bench results of the cluster\n\n{_BEGIN}\n{_END}\n"
    head, _, rest = before.partition(_BEGIN)
    _PAGE.write_text(head + part + rest.partition(_END)[2])


async def _main(reactor: Any, words: argparse.Namespace) -> None:
    rows = [await by_sources(reactor, active) for active in words.active]
    text = page(rows, await by_parts(reactor))
    print(text)
    if words.page:
        _write(text)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.hub", description="Measure what the Redis hub costs.")
    parser.add_argument("--active", type=int, nargs="*", default=ACTIVE, help="numbers of sources")
    parser.add_argument("--page", action="store_true", help="write bench/RESULTS-cluster.md too")
    words = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(_main(reactor, words)), ())


if __name__ == "__main__":
    main()
