"""Bogons: addresses that no mail server in the internet has (IANA special-purpose registries, RFC 6890).

Two tables from the registries of IPv4 and IPv6 as of 2026, made into sorted bounds at import; a look-up is one
bisection of integers. The registries' few globally reachable blocks inside larger ones are cut out. IPv6 that carries
an IPv4 address (mapped, translated, 6to4) is judged by that. Pure; cannot fail on a parsed address. Used by
`shield.lawful` for clients and by ``wire.lookup_reach`` for mail exchangers.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_SPECIAL = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relays, withdrawn"),
    ("192.168.0.0/16", "private use"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_SPECIAL6 = (
    ("::/16", "unspecified, loopback, or an embedded address"),
    ("64:ff9b:1::/48", "translation for local use"),
    ("100::/64", "discard only"),
    ("100:0:0:1::/64", "dummy prefix"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local, withdrawn"),
    ("ff00::/8", "multicast"),
)
_GLOBAL_AFTER_ALL = (
    "192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:3::/32",
    "2001:4:112::/48", "2001:20::/28", "2001:30::/28",
)  # fmt: skip
"""Globally reachable, although they lie in a block that is not."""
_UNICAST6 = ip_network("2000::/3")
_CARRIERS = (("::ffff:0:0/96", 0), ("64:ff9b::/96", 0), ("2002::/16", 80))
"""IPv6 networks whose addresses carry an IPv4 address, and how many bits stand behind it."""

_Bounds = tuple[list[int], list[str]]


def bogon(address: str) -> str:
    """Say what an address is instead of one in the internet; empty for one that may send and take mail.

    :param address: as text; a zone is ignored.
    :raises ValueError: it is no IP address.
    """
    parsed = ip_address(address.partition("%")[0])
    return _of_four(int(parsed)) if isinstance(parsed, IPv4Address) else _of_six(parsed)


def bogon_source(source: bytes, address: str) -> str:
    """Say the same of a client, quickly.

    :param source: `mail.client.Client.source`.
    :param address: `mail.client.Client.address`.
    """
    if len(source) == 4:
        return _of_four(int.from_bytes(source, "big"))
    return _remembered(address)


@lru_cache(maxsize=1024)
def _remembered(address: str) -> str:
    return bogon(address)


def _of_four(number: int) -> str:
    bounds, names = _FOUR
    return names[bisect_right(bounds, number)]


def _of_six(address: IPv6Address) -> str:
    number = int(address)
    for network, mask, shift in _CARRYING:
        if number & mask == network:
            return _of_four(number >> shift & 0xFFFFFFFF)
    bounds, names = _SIX
    found = names[bisect_right(bounds, number)]
    return found or ("" if address in _UNICAST6 else "not allocated")


def _bounds(special: tuple[tuple[str, str], ...]) -> _Bounds:
    """Give ascending bounds, and the name that holds below each of them and behind the last."""
    edges: dict[int, str] = {0: ""}
    for text, name in special:
        _lay(edges, text, name)
    for text in _GLOBAL_AFTER_ALL:
        if (":" in text) == (":" in special[0][0]):
            _lay(edges, text, "")
    ordered = sorted(edges)
    return ordered[1:], [edges[edge] for edge in ordered]


def _lay(edges: dict[int, str], text: str, name: str) -> None:
    """Lay a network over what holds so far."""
    network = ip_network(text)
    first, behind = int(network.network_address), int(network.broadcast_address) + 1
    after = edges[max(edge for edge in edges if edge <= behind)]
    for edge in [edge for edge in edges if first <= edge < behind]:
        del edges[edge]
    edges[first] = name
    edges.setdefault(behind, after)


_FOUR = _bounds(_SPECIAL)
_SIX = _bounds(_SPECIAL6)
_CARRYING = tuple(
    (int(ip_network(text).network_address), int(ip_network(text).netmask), shift) for text, shift in _CARRIERS
)
