"""Does anything that everybody can read give away where the protected servers are?

SPF records, names that everybody guesses, and the header of a message that left the customer's network. MX records
are looked at in ``check.records``. A server that is known is attacked past the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from attrs import frozen

from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.subject import Protected, Subject

SPF_NAMES = 10
"""Names that one record may have asked for (RFC 7208 §4.6.4)."""
HEADER_OCTETS = 1 << 20
WIDE = {4: 22, 6: 44}
"""IP version: networks wider than this name nobody."""

_PART = "address"
_MOVE = "close its ports to all but the nodes, and move it to another address when that has leaked"
_NUMBER = re.compile(r"(?<![0-9A-Fa-f:.])(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15})")

Address = IPv4Address | IPv6Address


@frozen
class Servers:
    """The servers of a domain.

    :ivar hosts: as they are named in the configuration, those that are names.
    :ivar addresses: all of them.
    """

    hosts: frozenset[str]
    addresses: frozenset[Address]

    def among(self, text: str) -> str:
        """Give the server that an address or a network has, ``""`` when there is none."""
        network = ip_network(text, strict=False)
        if network.prefixlen < WIDE[network.version]:
            return ""
        return next((str(each) for each in sorted(self.addresses, key=str) if each in network), "")


def leaks(subject: Subject, names: Names) -> Iterator[Finding]:
    """Look at the SPF record of every domain and at names that everybody guesses."""
    for domain in subject.domains:
        servers = servers_of(domain, names)
        if not servers.addresses:
            continue
        before = False
        for name in domain.names:
            for finding in (*_spf(name, servers, names), *_guessed(name, subject, servers, names)):
                before = True
                yield finding
        if not before:
            yield Finding(_PART, Level.GOOD, domain.name, "SPF and usual names do not tell where its servers are")


def servers_of(domain: Protected, names: Names) -> Servers:
    """Find the addresses of a domain's servers, as far as DNS tells."""
    addresses: set[Address] = set()
    for server in domain.servers:
        try:
            addresses.update(map(ip_address, names.addresses(server.host)))
        except NoAnswer:
            continue
    hosts = frozenset(each.host.lower() for each in domain.servers if not each.is_address)
    return Servers(hosts, frozenset(addresses))


def _spf(name: str, servers: Servers, names: Names) -> Iterator[Finding]:
    try:
        told = _told_by_spf(name, servers, names, [])
    except NoAnswer as fault:
        yield Finding(_PART, Level.UNSURE, name, str(fault))
        return
    if told:
        yield Finding(
            _PART, Level.WARNING, name, f"its SPF record tells where a protected server is: {told}",
            "send outgoing mail from another address and take this one out of the record; " + _MOVE,
        )  # fmt: skip


def _told_by_spf(name: str, servers: Servers, names: Names, asked: list[str]) -> str:
    """Say which mechanism of a record, or of those it includes, has a server."""
    if name in asked or len(asked) >= SPF_NAMES:
        return ""
    asked.append(name)
    for record in names.ask(name, "TXT"):
        if record.lower().startswith("v=spf1"):
            for term in record.split()[1:]:
                told = _told_by_term(term.lstrip("+-~?").lower(), name, servers, names, asked)
                if told:
                    return told if name == asked[0] else f"{told}, in {name}"
    return ""


def _told_by_term(term: str, name: str, servers: Servers, names: Names, asked: list[str]) -> str:
    what, _, value = term.partition("=") if term.startswith("redirect=") else term.partition(":")
    what = what.partition("/")[0]
    if what in ("ip4", "ip6"):
        try:
            return term if servers.among(value) else ""
        except ValueError:
            return ""
    host = value.partition("/")[0] or name
    if "%" in host:
        return ""
    if what in ("include", "redirect"):
        return _told_by_spf(host, servers, names, asked)
    if what == "a":
        return term if _is_server(host, servers, names) else ""
    if what == "mx":
        exchangers = [each.partition(" ")[2] for each in names.ask(host, "MX")]
        return term if any(_is_server(each, servers, names) for each in exchangers) else ""
    return ""


def _is_server(host: str, servers: Servers, names: Names) -> bool:
    return host != "." and any(ip_address(each) in servers.addresses for each in names.addresses(host))


def _guessed(name: str, subject: Subject, servers: Servers, names: Names) -> Iterator[Finding]:
    for host in (name, *(f"{label}.{name}" for label in subject.guessed)):
        try:
            if _is_server(host, servers, names):
                yield Finding(
                    _PART, Level.WARNING, name, f"{host} is a protected server, under a name that everybody tries",
                    "give it a name that nobody guesses, or none; " + _MOVE,
                )  # fmt: skip
        except NoAnswer as fault:
            yield Finding(_PART, Level.UNSURE, name, str(fault))
            return


def header_leaks(octets: bytes, origin: str, subject: Subject, names: Names) -> Iterator[Finding]:
    """Look for the servers in the header of a message that the customer sent.

    :param octets: the message, or as much of it as has the header.
    :param origin: what to call it.
    """
    header = re.split(rb"\r?\n\r?\n", octets[:HEADER_OCTETS], maxsplit=1)[0].decode("latin-1")
    lines = re.sub(r"\r?\n[ \t]+", " ", header).splitlines()
    clean = True
    for domain in subject.domains:
        servers = servers_of(domain, names)
        for line in lines:
            told = _told_by_line(line, servers)
            if told:
                clean = False
                field = line.partition(":")[0]
                yield Finding(
                    _PART, Level.WARNING, domain.name, f"{origin}: its {field} field has {told}, a protected server",
                    "have the server that sends outgoing mail take such fields out; " + _MOVE,
                )  # fmt: skip
    if clean:
        yield Finding(_PART, Level.GOOD, origin, "no field of its header has a protected server")


def _told_by_line(line: str, servers: Servers) -> str:
    for text in _NUMBER.findall(line):
        try:
            if ip_address(text.rstrip(".")) in servers.addresses:
                return str(text)
        except ValueError:
            continue
    words = set(re.findall(r"[a-z0-9.-]+", line.lower()))
    return next(iter(sorted(servers.hosts & words)), "")
