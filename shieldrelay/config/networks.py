"""Which settings of ``[smtp]`` hold for a client: those of the longest network that contains it.

Pure arithmetic over the configuration; the settings for each network are made once. Asked by the edge when a
connection comes in.
"""

from __future__ import annotations

import ipaddress

from shieldrelay.config.hosts import IpNetwork
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import changed, declared_in
from shieldrelay.config.smtp import NetworkOverrides, Smtp

KNOWN_CLIENTS = 4096
"""Clients whose network is remembered; then all are forgotten."""


class SmtpByNetwork:
    """`Smtp` settings by client address; the objects stay the same, so that what is derived from them can be kept."""

    def __init__(self, configuration: Configuration) -> None:
        self._everyone = configuration.smtp
        self._known: dict[str, Smtp] = {}
        self._networks: list[tuple[IpNetwork, Smtp]] = [
            (network, overridden(configuration.smtp, overrides))
            for network, overrides in sorted(
                configuration.networks.items(), key=lambda item: item[0].prefixlen, reverse=True
            )
        ]

    def settings_for(self, address: str) -> Smtp:
        """Give the settings for a client.

        :param address: its IP address as text, an IPv4-mapped IPv6 address as IPv4 (R16).
        """
        if not self._networks:
            return self._everyone
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= KNOWN_CLIENTS:
                self._known.clear()
            known = self._known[address] = self._longest(address)
        return known

    def _longest(self, address: str) -> Smtp:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        for network, smtp in self._networks:
            if parsed.version == network.version and parsed in network:
                return smtp
        return self._everyone


def overridden(smtp: Smtp, overrides: NetworkOverrides) -> Smtp:
    """Give the settings with those of a network put over them."""
    changes = {name: getattr(overrides, name) for name in declared_in(NetworkOverrides)}
    return changed(smtp, **{name: value for name, value in changes.items() if value is not None})
