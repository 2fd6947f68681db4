"""How far one Redis server reaches: ``python -m bench.scaling``; the exchange of many nodes by simulation.

Sources of three habits come to nodes at random, as round-robin DNS sends them; every visit changes the rows that a real
one changes (`ROWS`). The simulation follows a sample of the sources through the rows' lifetime and counts what is told
and heard; rows of domains, which all nodes share, are summed by formula. What an exchange and its rows cost is what
`bench.hub` measured (`Costs`). Nothing here is cut off: more than a server's whole core is what it would take.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator
from math import exp, frexp

from attrs import define, evolve, field, frozen

from shieldrelay.cluster.hub import LATELY_SECONDS

TICK = 0.1
LEVELS = 0.002
"""How often in a tick the level of a domain changes that is not under attack: once a minute or so."""
LIFETIME = 1800.0
"""Seconds of which the parts of a row are followed, the lifetime of the rows that change most."""
WINDOW = 60.0
"""Seconds at the end that are counted."""
FULL = 0.7
"""Of a core: a server that is busier answers late."""
CROWD = 16
"""More members than these are not told of a change in a row of which all of them told lately."""
HABITS = ((0.70, 1.0), (0.25, 6.0), (0.05, 60.0))
"""Shares of the active sources, and how often each comes in an hour."""


@frozen
class Costs:
    """What the server's CPU takes, in microseconds, and octets both ways; medians of `bench.hub`, one core.

    :ivar exchange: one without anything, and ``exchange_octets``.
    :ivar told: a row told, ``told_part`` for each part of it that others have; ``told_octets`` up.
    :ivar heard: a row heard, ``heard_part`` likewise; ``heard_octets`` down.
    """

    exchange: float = 120.0
    exchange_octets: float = 365.0
    told: float = 11.0
    told_part: float = 2.0
    told_octets: float = 89.0
    heard: float = 6.0
    heard_part: float = 2.0
    heard_octets: float = 73.0


@frozen
class Sort:
    """Rows that a visit changes.

    :ivar shared_by: sources that have one such row together.
    :ivar half_life: of the sum that decides when it is news to all.
    :ivar quiet: below which it never is.
    """

    name: str
    shared_by: int
    half_life: float
    quiet: float


_MINUTE, _LONG = 41.6, 604800.0
ROWS = (
    Sort("connections.source", 1, _MINUTE, 4.0),
    Sort("connections.network", 3, _MINUTE, 4.0),
    Sort("greeting", 1, _LONG, 1e9),
    Sort("harvest.source", 1, _LONG, 4.0),
    Sort("history.source", 1, _LONG, 20.0),
    Sort("history.network", 3, _LONG, 20.0),
    Sort("reputation.source", 1, _LONG, 8.0),
    Sort("reputation.network", 3, _LONG, 8.0),
)
"""A visit that brings a message; the harvest's row of the domain comes to them."""


@frozen
class Cluster:
    """What is asked about.

    :ivar sources: active ones, that come within an hour.
    :ivar domains: protected ones, which get mail alike.
    :ivar broadcast: whether every change is news to everybody, and not only those of a level.
    :ivar servers: among which rows are divided by their keys; every node exchanges with each.
    """

    nodes: int
    sources: int
    domains: int = 2000
    broadcast: bool = False
    servers: int = 1

    @property
    def visits(self) -> float:
        """Give how many there are a second."""
        return self.sources * sum(share * often for share, often in HABITS) / 3600.0


@define
class Load:
    """What all servers together do in a second.

    :ivar told: rows, and ``heard``.
    :ivar cpu: microseconds.
    :ivar octets: both ways.
    """

    told: float = 0.0
    heard: float = 0.0
    cpu: float = 0.0
    octets: float = 0.0

    def add(self, costs: Costs, times: float, others: float, hearers: float) -> None:
        """Add rows told so often, of which so many others have a part and so many hear."""
        self.told += times
        self.heard += times * hearers
        answered = min(1.0, others)
        self.octets += times * (costs.told_octets + costs.heard_octets * (hearers + answered))
        self.cpu += times * (costs.told + costs.told_part * others)
        self.cpu += times * hearers * (costs.heard + costs.heard_part * max(1.0, others))


@define
class Followed:
    """One row of the sample: who has a part, and when it was last news to all."""

    sort: Sort
    parts: dict[int, float] = field(factory=dict)
    value: float = 0.0
    at: float = 0.0
    level: int = 0

    def touch(self, node: int, now: float) -> tuple[int, int, bool]:
        """Change it at a node; gives how many others have a part, how many hear, and whether it is news to all."""
        self.value = self.value * 0.5 ** ((now - self.at) / self.sort.half_life) + 1.0
        self.at = now
        level = 0 if self.value < self.sort.quiet else frexp(self.value / self.sort.quiet)[1]
        loud, self.level = level != self.level, level
        self.parts[node] = now
        lately = sum(1 for at in self.parts.values() if now - at <= LATELY_SECONDS) - 1
        return len(self.parts) - 1, lately if lately <= CROWD else 0, loud


def simulate(cluster: Cluster, costs: Costs | None = None, sample: int = 30_000, seed: int = 1) -> Load:
    """Follow a sample of the sources, and give what all of them make.

    :param sample: how many sources are followed, if there are so many.
    """
    costs, load = costs or Costs(), Load()
    followed = min(sample, cluster.sources)
    scale = cluster.sources / followed / WINDOW
    rows: dict[tuple[str, int], Followed] = {}
    for now, source, node in _visits(followed, cluster.nodes, random.Random(seed)):
        for sort in ROWS:
            key = (sort.name, source // sort.shared_by)
            others, lately, loud = rows.setdefault(key, Followed(sort)).touch(node, now)
            if now >= LIFETIME - WINDOW:
                hearers = cluster.nodes - 1 if loud or cluster.broadcast else lately
                load.add(costs, scale, others, hearers)
    _domains(cluster, costs, load)
    exchanges = cluster.nodes * cluster.servers / TICK
    load.cpu += exchanges * costs.exchange
    load.octets += exchanges * costs.exchange_octets
    return load


def _visits(sources: int, nodes: int, chance: random.Random) -> Iterator[tuple[float, int, int]]:
    """Give visits in the order of their time: when, who, where."""
    found: list[tuple[float, int]] = []
    for source in range(sources):
        often = chance.choices([each[1] for each in HABITS], [each[0] for each in HABITS])[0]
        now = chance.expovariate(often / 3600.0)
        while now < LIFETIME:
            found.append((now, source))
            now += chance.expovariate(often / 3600.0)
    for now, source in sorted(found):
        yield now, source, chance.randrange(nodes)


def _domains(cluster: Cluster, costs: Costs, load: Load) -> None:
    """Add the rows of domains, in which all nodes have a part: a node tells one once a tick, whatever happened in it.

    Where every change is news, or those who told lately are no crowd, each node hears of each that changed in a tick.
    """
    nodes, domains, tick = cluster.nodes, cluster.domains, TICK
    rate = cluster.visits / domains
    told = nodes * domains * (1.0 - exp(-rate * tick / nodes)) / tick
    hearers = nodes if cluster.broadcast else min(nodes, rate * LATELY_SECONDS)
    if not cluster.broadcast and hearers > CROWD:
        hearers = nodes * LEVELS / (rate * tick)  # only those of a level
    news = min(nodes, hearers) * domains * (1.0 - exp(-rate * tick)) / tick
    load.add(costs, told, nodes - 1, 0.0)
    load.heard += news
    load.cpu += news * (costs.heard + costs.heard_part * nodes)
    load.octets += news * costs.heard_octets


def table(clusters: Iterable[tuple[str, Cluster]]) -> str:
    """Render what they take, a line each."""
    lines = [
        "| | nodes | active sources | visits/s | told/s | heard/s | MB/s | cores of Redis |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for words, cluster in clusters:
        load = simulate(cluster)
        cores = load.cpu / 1e6
        each = cores / cluster.servers
        shown = f"{cores:.2f}" if cluster.servers == 1 else f"{cores:.2f}, {each:.2f} each"
        shown = f"**{shown}**" if each > FULL else shown
        cells = [words, f"{cluster.nodes}", f"{cluster.sources:,}", f"{cluster.visits:,.0f}", f"{load.told:,.0f}"]
        lines.append(f"| {' | '.join([*cells, f'{load.heard:,.0f}', f'{load.octets / 1e6:.1f}', shown])} |")
    return "\n".join(lines)


def reach(nodes: int) -> int:
    """Give the active sources with which one server is full, to two digits."""
    sources = 100_000
    for _ in range(4):
        sources = int(sources * FULL * 1e6 / simulate(Cluster(nodes, sources), sample=10_000).cpu)
    step: int = 10 ** (len(str(sources)) - 2)
    return sources // step * step


def cases(sources: int) -> Iterator[tuple[str, Cluster]]:
    """Give what the page shows: growing clusters, and the largest one with each remedy after the other."""
    for nodes in (2, 3, 10, 30, 100):
        cluster = Cluster(nodes, sources * nodes // 100)
        yield "all hear all", evolve(cluster, broadcast=True)
        yield "levels", cluster
    for servers in (8, 48):
        yield f"levels, {servers} servers", Cluster(100, sources, servers=servers)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description="Model the exchange of many nodes.")
    parser.add_argument("--sources", type=int, default=10_000_000, help="active ones at 100 nodes; fewer at fewer")
    words = parser.parse_args()
    print(table(cases(words.sources)))
    print("\n| nodes | active sources that one server bears | visits/s |\n|---|---|---|")
    for nodes in (2, 3, 10, 30):
        most = reach(nodes)
        print(f"| {nodes} | {most:,} | {Cluster(nodes, most).visits:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
