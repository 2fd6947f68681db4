"""Who connects: an address, and the source and networks that it counts for (R16).

A *source* is an IPv4 address or an IPv6 /64; sources may be refused. *Networks* are the /24, or the /56 and the /48;
they only slow down. All are octets, so that they are cheap keys. An IPv4-mapped IPv6 address is IPv4.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from attrs import define

_MAPPED = bytes(10) + b"\xff\xff"


@define(eq=False)
class Client:
    """The other end of a connection; treated as immutable.

    :ivar address: as text, without a zone.
    :ivar source: 4 octets of IPv4, or the first 8 of IPv6.
    :ivar network: the first 3 octets of IPv4, or the first 7 of IPv6.
    """

    address: str
    source: bytes
    network: bytes

    @property
    def ipv6(self) -> bool:
        """Whether it is IPv6."""
        return len(self.source) == 8


def client_of(address: str) -> Client:
    """Make a client of an IP address as text.

    :raises ValueError: it is none.
    """
    if ":" not in address:
        octets = bytes(map(int, address.split(".")))
        if len(octets) != 4:
            raise ValueError(f"{address!r} is no IPv4 address")
        return Client(address, octets, octets[:3])
    packed = IPv6Address(address.partition("%")[0]).packed
    if packed.startswith(_MAPPED):
        return Client(".".join(map(str, packed[12:])), packed[12:], packed[12:15])
    return Client(address.partition("%")[0], packed[:8], packed[:7])
