"""`Subject`: what is to be looked at, from a configuration or from what was typed. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from attrs import frozen

from shieldrelay.config.hosts import HostPort
from shieldrelay.config.schema import Configuration


@frozen
class Protected:
    """One protected domain.

    :ivar names: under which mail for it comes, its own first.
    :ivar servers: behind the nodes, each once.
    :ivar typed: somebody named the servers for this look: they are tried wherever they are.
    """

    names: tuple[str, ...]
    servers: tuple[HostPort, ...] = ()
    typed: bool = False

    @property
    def name(self) -> str:
        """Its own name."""
        return self.names[0]


@frozen
class Subject:
    """What is looked at.

    :ivar nodes: names or addresses of the nodes that take mail for the domains, this one first.
    :ivar lists: zones of DNS lists on which no node should be.
    :ivar guessed: labels under which servers are looked for by everybody.
    :ivar ipv6: whether this node listens on IPv6; ``None``: nobody knows.
    """

    domains: tuple[Protected, ...]
    nodes: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    ipv6: bool | None = None


def configured(configuration: Configuration, nodes: Iterable[str] = ()) -> Subject:
    """Give what a configuration says.

    :param nodes: further nodes.
    """
    look = configuration.check
    named = (configuration.node.hostname, *look.nodes, *nodes)
    return Subject(
        domains=tuple(
            Protected(each.names, _once(hop for group in each.next_hops for hop in group))
            for each in configuration.domains
        ),
        nodes=tuple(dict.fromkeys(each.lower() for each in named)),
        lists=look.lists,
        guessed=look.guessed,
        ipv6=any(":" in each.host for each in configuration.listen.smtp),
    )


def typed(domains: Iterable[str], servers: Iterable[HostPort], nodes: Iterable[str], defaults: Subject) -> Subject:
    """Give what somebody typed; every server is one of every domain.

    :param defaults: has lists and labels.
    """
    each = _once(servers)
    named = tuple(dict.fromkeys(node.lower() for node in nodes))
    return Subject(
        domains=tuple(Protected((domain.lower(),), each, typed=True) for domain in domains),
        nodes=named or defaults.nodes,
        lists=defaults.lists,
        guessed=defaults.guessed,
    )


def is_address(host: str) -> bool:
    """Whether a host is given by its address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _once(servers: Iterable[HostPort]) -> tuple[HostPort, ...]:
    return tuple(dict.fromkeys(servers))
