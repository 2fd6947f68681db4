"""Which settings of ``[smtp]`` hold for a client: those of the longest network that contains it.

Also the limits of connections that networks have of their own. Pure arithmetic over the configuration; the settings for
each network are made once, normal ones and those under stress (D9). Asked by the edge when a connection comes in.
"""

from __future__ import annotations

import ipaddress

from attrs import frozen

from shieldrelay.config.hosts import IpNetwork
from shieldrelay.config.limits import ConnectionLimits
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import changed, declared_in
from shieldrelay.config.smtp import NetworkOverrides, Smtp
from shieldrelay.config.stress import stressed

KNOWN_CLIENTS = 4096
"""Clients whose network is remembered; then all are forgotten."""


class SmtpByNetwork:
    """`Smtp` settings by client address; the objects stay the same, so that what is derived from them can be kept."""

    def __init__(self, configuration: Configuration) -> None:
        self._everyone = _Pair(configuration.smtp, configuration)
        self._known: dict[str, _Pair] = {}
        self._networks: list[tuple[IpNetwork, _Pair]] = [
            (network, _Pair(overridden(configuration.smtp, overrides), configuration))
            for network, overrides in sorted(
                configuration.networks.items(), key=lambda item: item[0].prefixlen, reverse=True
            )
        ]

    def settings_for(self, address: str, *, under_stress: bool = False) -> Smtp:
        """Give the settings for a client.

        :param address: its IP address as text, an IPv4-mapped IPv6 address as IPv4 (R16).
        :param under_stress: whether the node is under stress.
        """
        pair = self._pair(address)
        return pair.stressed if under_stress else pair.normal

    def _pair(self, address: str) -> _Pair:
        if not self._networks:
            return self._everyone
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= KNOWN_CLIENTS:
                self._known.clear()
            known = self._known[address] = self._longest(address)
        return known

    def _longest(self, address: str) -> _Pair:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        for network, pair in self._networks:
            if parsed.version == network.version and parsed in network:
                return pair
        return self._everyone


class _Pair:
    """Settings, and what becomes of them under stress."""

    __slots__ = ("normal", "stressed")

    def __init__(self, smtp: Smtp, configuration: Configuration) -> None:
        self.normal = smtp
        self.stressed = stressed(smtp, configuration.stress.smtp)


def overridden(smtp: Smtp, overrides: NetworkOverrides) -> Smtp:
    """Give the settings with those of a network put over them."""
    names = declared_in(NetworkOverrides).keys() & declared_in(Smtp).keys()
    changes = {name: getattr(overrides, name) for name in names}
    return changed(smtp, **{name: value for name, value in changes.items() if value is not None})


@frozen
class NetworkLimits:
    """A network whose sources have limits of their own (R23).

    :ivar stressed: under stress; ``None``: the same.
    :ivar share: of the slots, for each source and network in it; ``None``: as everybody.
    """

    network: IpNetwork
    limits: ConnectionLimits
    stressed: ConnectionLimits | None
    share: float | None


def network_limits(configuration: Configuration) -> tuple[NetworkLimits, ...]:
    """Give every network that has limits of its own, whole ones: what is left out is as for a stranger."""
    found = []
    for network, overrides in configuration.networks.items():
        if overrides.connections is None:
            continue
        limits = overrides.connections.over(configuration.shield.connections.stranger)
        under = overrides.connections_under_stress
        stressed_limits = None if under is None else under.over(limits).bounded(limits)
        found.append(NetworkLimits(network, limits, stressed_limits, overrides.share))
    return tuple(found)
