"""What is to be changed outside the node: records of DNS, and the rule of the customer's firewall. Text only, pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shieldrelay.config.hosts import HostPort

TTL_SECONDS = 300
_PREFERENCE = 10


def dns_records(domain: str, nodes: Mapping[str, Sequence[str]]) -> str:
    """Give the records, as they stand in a zone's file.

    :param nodes: addresses by name; all nodes have one preference, so that senders spread over them.
    """
    lines = [f"{domain}. {TTL_SECONDS} IN MX {_PREFERENCE} {name}." for name in nodes]
    for name, addresses in nodes.items():
        kinds = ((address, "AAAA" if ":" in address else "A") for address in addresses)
        lines += [f"{name}. {TTL_SECONDS} IN {kind} {address}" for address, kind in kinds]
        lines += [f"; the PTR record of {address} should name {name}." for address in addresses]
        if not addresses:
            lines.append(f"; {name}. needs an address record: A, and AAAA where it has IPv6")
    return "".join(f"{line}\n" for line in lines)


def nftables_rule(nodes: Mapping[str, Sequence[str]], servers: Sequence[HostPort]) -> str:
    """Give a table for the customer's server that lets the nodes in, and nobody else, whatever other tables say."""
    four, six = _addresses(nodes)
    ports = f"tcp dport {{ {', '.join(str(port) for port in _ports(servers))} }}"
    return (
        "table inet shieldrelay\n"  # so that there is one to be deleted: what is in force is replaced at one stroke
        "delete table inet shieldrelay\n"
        "table inet shieldrelay {\n"
        f"{_set('nodes4', 'ipv4_addr', four)}"
        f"{_set('nodes6', 'ipv6_addr', six)}"
        "    chain input {\n"
        "        type filter hook input priority -10; policy accept;\n"
        f'        {ports} iifname "lo" accept\n'
        f"        {ports} ip saddr @nodes4 accept\n"
        f"        {ports} ip6 saddr @nodes6 accept\n"
        f"        {ports} drop\n"
        "    }\n}\n"
    )


def any_firewall(nodes: Mapping[str, Sequence[str]], servers: Sequence[HostPort]) -> str:
    """Say the same in words, for any other firewall."""
    return "".join(f"{line}\n" for line in _words(nodes, servers))


def _words(nodes: Mapping[str, Sequence[str]], servers: Sequence[HostPort]) -> Iterator[str]:
    four, six = _addresses(nodes)
    for port in _ports(servers):
        for version, addresses in (("IPv4", four), ("IPv6", six)):
            if addresses:
                yield f"{version}: allow TCP to port {port} from {', '.join(addresses)}"
            yield f"{version}: deny TCP to port {port} from everybody{' else' if addresses else ''}"


def _addresses(nodes: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    every = [address for addresses in nodes.values() for address in addresses]
    return [each for each in every if ":" not in each], [each for each in every if ":" in each]


def _ports(servers: Sequence[HostPort]) -> list[int]:
    return sorted({server.port for server in servers})


def _set(name: str, kind: str, addresses: Sequence[str]) -> str:
    elements = f" elements = {{ {', '.join(addresses)} }};" if addresses else ""
    return f"    set {name} {{ type {kind};{elements} }}\n"
