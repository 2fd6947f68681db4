"""`Networks`: a hundred thousand networks in two sorted arrays, found by bisection.

What a feed of active spammers becomes. IPv6 is held by /64, as sources are (R16): a longer prefix stands for its /64.
Immutable. Pure; what cannot be an address raises ValueError, and a network that is far too wide too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

WIDEST_IPV4 = 8
WIDEST_IPV6 = 19
"""Shortest prefixes that are believed: what is wider than any owner has is an error of the feed, not a network."""
_LINE_OCTETS = 512


class Networks:
    """A set of networks.

    :ivar entries: how many ranges there are, once those that touch are joined.
    """

    __slots__ = ("_four", "_six", "entries")

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        four: list[tuple[int, int]] = []
        six: list[tuple[int, int]] = []
        for network in networks:
            first, last = int(network.network_address), int(network.broadcast_address)
            if network.version == 4:
                four.append((first, last))
            else:
                six.append((first >> 64, last >> 64))
        self._four = _Ranges("I", four)
        self._six = _Ranges("Q", six)
        self.entries = len(self._four.firsts) + len(self._six.firsts)

    def has(self, source: bytes) -> bool:
        """Whether a source (`mail.client`) is in it."""
        ranges = self._four if len(source) == 4 else self._six
        number = int.from_bytes(source, "big")
        place = bisect_right(ranges.firsts, number) - 1
        return place >= 0 and ranges.lasts[place] >= number

    @property
    def covered(self) -> float:
        """The share of all IPv4 addresses that is in it."""
        ranges = self._four
        return sum(last - first + 1 for first, last in zip(ranges.firsts, ranges.lasts, strict=True)) / 2**32

    @property
    def octets(self) -> int:
        """What it costs in memory, its arrays only."""
        return sum(len(each) * each.itemsize for each in self._arrays())

    def _arrays(self) -> Iterator[array[int]]:
        for ranges in (self._four, self._six):
            yield ranges.firsts
            yield ranges.lasts


class _Ranges:
    """Ranges of numbers, none of which touch."""

    __slots__ = ("firsts", "lasts")

    def __init__(self, code: str, ranges: list[tuple[int, int]]) -> None:
        ranges.sort()
        joined: list[tuple[int, int]] = []
        for first, last in ranges:
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        self.firsts = array(code, (first for first, _ in joined))
        self.lasts = array(code, (last for _, last in joined))


def parse_line(line: bytes) -> IPv4Network | IPv6Network | None:
    """Read one line of a feed: an address or a network, then perhaps a comment behind ``#`` or ``;``.

    :returns: ``None`` for a line that has no network.
    :raises ValueError: it is no network, or one that is too wide to be believed.
    """
    text = line[:_LINE_OCTETS].partition(b"#")[0].partition(b";")[0].strip()
    if not text:
        return None
    network = ip_network(text.split()[0].decode("ascii"), strict=False)
    if network.version == 6 and network.network_address.ipv4_mapped is not None and network.prefixlen >= 96:
        network = ip_network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96), strict=False)
    if network.prefixlen < (WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6):
        raise ValueError(f"{network} is too wide to be believed")
    return network
