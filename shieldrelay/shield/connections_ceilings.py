"""The ceilings that hold for a client: the settings made ready for the hot path.

Built once per configuration and again when the number of members changes, and looked up for every connection,
message and recipient. Pure values; used by `shield.connections` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from attrs import astuple, define

from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, LimitsByStanding, SourceClass

_SOURCE_BITS = {4: 32, 8: 64}
"""Octets of a source: bits of it (R16)."""


@define(eq=False)
class Ceilings:
    """What holds for one sort of client; treated as immutable.

    :ivar whose: for reasons: ``a stranger``.
    :ivar most: by field of `connections_kinds`.
    :ivar source_slots: sessions of one source on this node.
    :ivar network_slots: likewise of one network.
    :ivar in_network: whether what it does counts for its network, and whether it is slowed with it.
    """

    whose: str
    most: tuple[float, ...]
    source_slots: int
    network_slots: int
    in_network: bool


class Plan:
    """The ceilings by standing, normal or under stress.

    :param members: by how many the limits are divided, because the others cannot be seen (R30); those of known-good
        sources are not.
    """

    __slots__ = ("by_acquaintance", "marked")

    def __init__(self, settings: ConnectionsSettings, limits: LimitsByStanding, members: int) -> None:
        source_slots = max(1, int(settings.slots * settings.source_share))
        network_slots = max(1, int(settings.slots * settings.network_share))

        def ceilings(whose: str, limits: Limits, divided_by: int) -> Ceilings:
            return Ceilings(whose, most(limits, divided_by), source_slots, network_slots, in_network=True)

        known_good = ceilings("a known-good source", limits.known_good, 1)
        known_good.in_network = False
        self.by_acquaintance = {
            Acquaintance.KNOWN_GOOD: known_good,
            Acquaintance.NEIGHBOUR: ceilings("a neighbour of known-good sources", limits.neighbour, members),
            Acquaintance.STRANGER: ceilings("a stranger", limits.stranger, members),
        }
        self.marked = ceilings("a source with a bad mark", limits.marked, members)


class Classes:
    """The ceilings of source classes (R23): those of the longest network that contains the source."""

    __slots__ = ("_by_length",)

    def __init__(self, settings: ConnectionsSettings, classes: Iterable[SourceClass], *, stressed: bool) -> None:
        found: dict[tuple[int, int], dict[int, Ceilings]] = {}
        for each in classes:
            octets = 4 if isinstance(each.network, IPv4Network) else 8
            bits = min(each.network.prefixlen, _SOURCE_BITS[octets])
            first = int.from_bytes(each.network.network_address.packed[:octets], "big")
            prefix = first >> (_SOURCE_BITS[octets] - bits)
            found.setdefault((octets, bits), {})[prefix] = _of_class(settings, each, stressed=stressed)
        self._by_length: dict[int, list[tuple[int, dict[int, Ceilings]]]] = {4: [], 8: []}
        for (octets, bits), prefixes in sorted(found.items(), reverse=True):
            self._by_length[octets].append((_SOURCE_BITS[octets] - bits, prefixes))

    def of(self, source: bytes) -> Ceilings | None:
        """Give the ceilings of a source's class; ``None`` when it is in none."""
        lengths = self._by_length[len(source)]
        if lengths:
            number = int.from_bytes(source, "big")
            for shift, prefixes in lengths:
                ceilings = prefixes.get(number >> shift)
                if ceilings is not None:
                    return ceilings
        return None


def _of_class(settings: ConnectionsSettings, each: SourceClass, *, stressed: bool) -> Ceilings:
    limits = each.stressed if stressed and each.stressed is not None else each.limits
    source_share = settings.source_share if each.share is None else each.share
    network_share = settings.network_share if each.share is None else each.share
    return Ceilings(
        f"a source of {each.network}",
        most(limits, 1),
        max(1, int(settings.slots * source_share)),
        max(1, int(settings.slots * network_share)),
        in_network=False,
    )


def most(limits: Limits, divided_by: int = 1) -> tuple[float, ...]:
    """Give limits by field of `connections_kinds`, each 1 at least."""
    return tuple(max(1.0, float(limit // divided_by)) for limit in astuple(limits))
