"""Where a notice goes: the servers to try for one destination, in order (R8, RFC 5321 §5.1).

Three routes for the setting ``notices``: `MxRoute` (by DNS), `SmartHostRoute`, `OwnNextHopRoute` (the protected
domain's own servers). Asked by ``delivery.notice_queue``. A destination is a name that an unknown sender chose, so
what DNS says about it is hostile: only addresses of the public internet that are not ours are used, and they are used
as addresses, so that no second look-up can swap them. Trouble is a value: `NotNow` or `Undeliverable`, no exception.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from attrs import frozen

from shieldrelay.ports import Resolver

SMTP_PORT = 25
HOSTS = 5
"""How many mail exchangers are tried (RFC 5321 §5.1 leaves the number to us)."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST6 = ipaddress.IPv6Network("2000::/3")


@frozen
class Candidate:
    """One server to try.

    :ivar host: an IP address, or the configured name of a smart host or next hop.
    """

    host: str
    port: int


@frozen
class Candidates:
    """The servers to try, best first, never empty."""

    servers: tuple[Candidate, ...]


@frozen
class NotNow:
    """It cannot be told now, for a reason in our words: try again later."""

    reason: str


@frozen
class Undeliverable:
    """There is no server for this destination, for a reason in our words."""

    reason: str


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Routing = Candidates | NotNow | Undeliverable


class NoticeRoute(Protocol):
    """A way out for notices."""

    async def servers(self, destination: str, protected: str) -> Routing:
        """Give the servers to try.

        :param destination: the comparison form of the domain, or address literal, that is written to.
        :param protected: the protected domain for which the notice speaks.
        """


class SmartHostRoute:
    """``notices = "smarthost:HOST[:PORT]"``: everything to one server."""

    def __init__(self, host: str, port: int = SMTP_PORT) -> None:
        self._routing = Candidates((Candidate(host, port),))

    async def servers(self, destination: str, protected: str) -> Routing:
        """Give the smart host."""
        return self._routing


NextHopsOf = Callable[[str], Sequence[tuple[str, int]]]
"""Gives host and port of a protected domain's next hops, in order; empty for a domain that is not protected."""


class OwnNextHopRoute:
    """``notices = "next_hop"``: to the protected domain's own servers, which then relay for us."""

    def __init__(self, next_hops: NextHopsOf) -> None:
        self._next_hops = next_hops

    async def servers(self, destination: str, protected: str) -> Routing:
        """Give the protected domain's next hops."""
        hops = self._next_hops(protected)
        if not hops:
            return Undeliverable("the domain for which the notice speaks is not protected any more")
        return Candidates(tuple(Candidate(host, port) for host, port in hops))


class MxRoute:
    """``notices = "mx"``: to the destination's own mail exchangers.

    :param our_names: host names of this cluster, in comparison form: a domain whose best exchanger is one of them has
        no way out through DNS.
    :param our_addresses: addresses of this cluster.
    :param next_hops: destinations that we protect ourselves are reached directly.
    :param no_such_name: the exception by which the resolver says that a name does not exist (``DNSNameError``).
    :param port: of mail exchangers.
    """

    def __init__(
        self,
        resolver: Resolver,
        our_names: Collection[str],
        our_addresses: Collection[str],
        next_hops: NextHopsOf,
        no_such_name: type[Exception],
        port: int = SMTP_PORT,
    ) -> None:
        self._resolver = resolver
        self._no_such_name = no_such_name
        self._our_names = frozenset(our_names)
        self._our_addresses = frozenset(map(ipaddress.ip_address, our_addresses))
        self._next_hops = next_hops
        self._port = port

    async def servers(self, destination: str, protected: str) -> Routing:
        """Look the destination up."""
        if hops := self._next_hops(destination):
            return Candidates(tuple(Candidate(host, port) for host, port in hops))
        if destination.startswith("["):
            return self._literal(destination)
        try:
            names = await self._resolver.mail_exchangers(destination)
        except self._no_such_name:
            return Undeliverable("the domain does not exist")
        except (ValueError, OSError) as error:
            return NotNow(f"its mail exchangers could not be looked up ({type(error).__name__})")
        if not names:
            return Undeliverable("the domain takes no mail (null MX)")
        return await self._addresses(self._before_ourselves(names))

    def _literal(self, destination: str) -> Routing:
        """Route an address literal; other literals than IP addresses have no server."""
        try:
            address = _parsed(destination[1:-1].removeprefix("ipv6:"))
        except ValueError:
            return Undeliverable("the address literal is of no known kind")
        if not self._is_allowed(address):
            return Undeliverable("the address literal is not of the public internet, or ours")
        return Candidates((Candidate(str(address), self._port),))

    def _before_ourselves(self, names: Sequence[str]) -> Sequence[str]:
        """Leave out ourselves and whatever is no better than we are (RFC 5321 §5.1)."""
        for position, name in enumerate(names):
            if name.rstrip(".").lower() in self._our_names:
                return names[:position]
        return names

    async def _addresses(self, names: Sequence[str]) -> Routing:
        """Look the exchangers' addresses up until `HOSTS` of them have some; one address of each family a host."""
        servers: list[Candidate] = []
        unknown = ""
        hosts = 0
        for name in names[: 2 * HOSTS]:
            try:
                found = self._usable(await self._resolver.addresses(name))
            except self._no_such_name:
                continue
            except (ValueError, OSError) as error:
                unknown = unknown or f"the address of a mail exchanger could not be looked up ({type(error).__name__})"
                continue
            servers += [candidate for candidate in found if candidate not in servers]
            hosts += bool(found)
            if hosts == HOSTS:
                break
        if servers:
            return Candidates(tuple(servers))
        return NotNow(unknown) if unknown else Undeliverable("no mail exchanger that we may use")

    def _usable(self, addresses: Sequence[str]) -> list[Candidate]:
        """Give the first allowed address of each family, in order."""
        chosen: dict[int, Candidate] = {}
        for text in addresses:
            try:
                address = _parsed(text)
            except ValueError:
                continue
            if self._is_allowed(address):
                chosen.setdefault(address.version, Candidate(str(address), self._port))
        return list(chosen.values())

    def _is_allowed(self, address: Address) -> bool:
        """Tell whether a stranger's name may lead us there: public unicast, and not this cluster."""
        inner = _embedded(address)
        if inner is not None and not self._is_allowed(inner):
            return False
        if isinstance(address, ipaddress.IPv6Address) and inner is None and address not in _UNICAST6:
            return False
        return address.is_global and not address.is_multicast and address not in self._our_addresses


def _parsed(text: str) -> Address:
    """Parse an address, an IPv4-mapped one as IPv4 (R16); ValueError when it is none."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Give the IPv4 address that an IPv6 address of a transition mechanism leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo[1] if address.teredo else None)
