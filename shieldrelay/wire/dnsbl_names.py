"""DNS lists in names and answers: what is asked of a list about an address, and what its answer means (RFC 5782).

Pure. Used by `wire.dnsbl`, which asks, and by `wire.zone`, which answers such questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

from attrs import field, frozen

LOOPBACK = IPv4Network("127.0.0.0/8")
TROUBLE = IPv4Network("127.255.255.0/24")
"""Answers by which lists say that they do not want to be asked in this way: no listing."""

LISTED_POINT, FREE_POINT = "127.0.0.2", "127.0.0.1"
"""Test points of RFC 5782 §5: every list has the first and never the second."""
FREE_POINT_6 = "::ffff:7f00:1"


@frozen
class ListZone:
    """One list.

    :ivar name: the zone's.
    :ivar weight: what a listing counts; below 0 for a list of good senders.
    :ivar ipv6: whether it has IPv6 addresses too.
    :ivar answers: networks within 127.0.0.0/8; other answers are no listing here.
    """

    name: str
    weight: int = 1
    ipv6: bool = False
    answers: tuple[IPv4Network, ...] = field(default=(LOOPBACK,))

    def __attrs_post_init__(self) -> None:
        if not self.weight:
            raise ValueError(f"{self.name}: a weight of 0 says nothing")
        if not all(network.subnet_of(LOOPBACK) for network in self.answers):
            raise ValueError(f"{self.name}: answers are addresses within {LOOPBACK}")


class Meaning(Enum):
    """What an answer means."""

    __hash__ = object.__hash__

    LISTED = "listed"
    NOT_LISTED = "not listed"
    OUTSIDE = "it answers outside 127.0.0.0/8"
    """This is no list (any more): the domain was sold, or a resolver puts its own answers in place of none."""
    TROUBLE = "it does not want our questions"


def question(address: str, zone: str) -> str:
    """Give the name that is asked (RFC 5782 §2.1 and §2.4)."""
    return f"{reversed_name(address)}.{zone}"


def reversed_name(address: str) -> str:
    """Give an address as labels, the last part first; IPv6 by nibbles."""
    if ":" not in address:
        return ".".join(reversed(address.split(".")))
    return ".".join(reversed(IPv6Address(address).packed.hex()))


def address_of(labels: Sequence[str]) -> IPv4Address | IPv6Address | None:
    """Give the address that labels name, ``None`` when they name none: the way back."""
    try:
        if len(labels) == 4:
            return IPv4Address(".".join(reversed(labels)))
        if len(labels) == 32 and all(len(label) == 1 for label in labels):
            return IPv6Address(int("".join(reversed(labels)), 16))
    except ValueError:
        return None
    return None


def meaning(answers: Sequence[str], zone: ListZone) -> Meaning:
    """Say what the addresses of an answer mean."""
    found = [ip_address(each) for each in answers]
    if not found:
        return Meaning.NOT_LISTED
    if any(each not in LOOPBACK for each in found):
        return Meaning.OUTSIDE
    if any(each in network and each not in TROUBLE for each in found for network in zone.answers):
        return Meaning.LISTED
    return Meaning.TROUBLE if any(each in TROUBLE for each in found) else Meaning.NOT_LISTED
