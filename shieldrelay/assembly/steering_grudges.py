"""What the defences of a node hold against sources, found over all their tables.

Reads; forgives nothing. Asked by `assembly.steering_sources`. A walk over full tables takes some tenths of a second;
only an operator starts one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from itertools import chain

from shieldrelay.assembly.pictures_sources import client_of_source
from shieldrelay.assembly.shield import Shield
from shieldrelay.cluster.entry import Entry
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.cluster.table import Table
from shieldrelay.shield.greeting import BAD_MARKS
from shieldrelay.shield.harvest import Harvest
from shieldrelay.shield.harvest_kinds import ABANDONED, FAST, OFFENCES, OPEN, SILENT, SLOW, UNTIL
from shieldrelay.shield.history_kinds import VIOLATION

_LEAST = 0.05
_BANS_LOOKED_AT = 1000
_LADDER = (FAST, SLOW, SILENT, ABANDONED, OPEN, OFFENCES)

Network = IPv4Network | IPv6Network


class Grudges:
    """What is held against sources."""

    def __init__(self, shield: Shield) -> None:
        self._shield = shield

    def within(self, network: Network) -> list[bytes]:
        """Give the sources of a network that something is held against; of a host in a /64, that /64."""
        found = {entry.subject for entry in self._bans(None) if covers(network, entry.subject)}
        found.update(source for source in self._held(network))
        return sorted(found)

    def worst(self, most: int) -> list[bytes]:
        """Give sources: banned ones, then cut off ones, then the busiest."""
        bans = sorted(self._bans(_BANS_LOOKED_AT), key=lambda entry: entry.at, reverse=True)
        now = self._shield.seconds()
        connections = self._shield.defences.connections
        busy = (each.source for each in connections.busiest(now, most))
        often = (row.key for row in connections.tables[0].worst(most))
        ordered = chain((entry.subject for entry in bans), self._boxed(most, now), busy, often)
        return list(dict.fromkeys(ordered))[:most]

    def _bans(self, most: int | None) -> Iterable[Entry]:
        register = self._shield.register
        return register.page(register.count(ChangeKind.BAN) if most is None else most, kind=ChangeKind.BAN)

    def _boxed(self, most: int, now: float) -> Iterator[bytes]:
        for table in self._shield.defences.harvest.tables[:2]:
            for row in table.worst(most):
                if table.total(row, UNTIL) > now:
                    yield source_of(row.key)

    def _held(self, network: Network) -> Iterator[bytes]:
        """Go through all tables; a source may come several times."""
        shield, now = self._shield.defences, self._shield.seconds()
        rows, _, marks = shield.connections.tables
        for harvest in (shield.harvest, shield.harvest_observed):
            yield from self._on_the_ladder(harvest, network, now)
        yield from _with(marks, network, now, (0,))
        yield from _with(shield.greeting.table, network, now, (BAD_MARKS,))
        yield from _with(shield.history.tables[0], network, now, (VIOLATION,))
        day = shield.calendar.day(now)
        for source in _within(rows, network):
            client = client_of_source(source)
            if shield.connections.spent(client, shield.history.acquaintance(client, day, now), now):
                yield source

    def _on_the_ladder(self, harvest: Harvest, network: Network, now: float) -> Iterator[bytes]:
        sources, pairs = harvest.tables[:2]
        yield from _with(sources, network, now, _LADDER)
        yield from map(source_of, _with(pairs, network, now, _LADDER))


def _with(table: Table, network: Network, now: float, fields: tuple[int, ...]) -> Iterator[bytes]:
    """Give the keys of a network's rows of which a field is not nothing."""
    for key in _within(table, network):
        row = table.get(key, now)
        if row is not None and any(table.total(row, field) >= _LEAST for field in fields):
            yield key


def _within(table: Table, network: Network) -> Iterator[bytes]:
    return (row.key for row in table if covers(network, source_of(row.key)))


def source_of(key: bytes) -> bytes:
    """Give the source that a key begins with: it is one, or one with ``@`` and a domain."""
    if len(key) in (4, 8):
        return key
    return key[:8] if key[8:9] == b"@" else key[:4]


def covers(network: Network, source: bytes) -> bool:
    """Whether a source lies in a network, or a host in it."""
    bits = 32 if network.version == 4 else 64
    if len(source) * 8 != bits:
        return False
    shift = max(0, bits - network.prefixlen)
    first = int(network.network_address) >> (0 if bits == 32 else 64)
    return int.from_bytes(source, "big") >> shift == first >> shift
