"""What DNS says of the domains and the nodes: does mail come here, and what are the nodes called."""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.subject import Protected, Subject, is_address

_PART = "dns"


def records(subject: Subject, names: Names) -> Iterator[Finding]:
    """Look at the MX records of every name of every domain, then at the names of the nodes."""
    known = _known(subject, names)
    reached: set[str] = set()
    for domain in subject.domains:
        behind = _behind(domain, names)
        for name in domain.names:
            try:
                yield from _exchangers(name, domain, names, known, behind, reached)
            except NoAnswer as fault:
                yield Finding(_PART, Level.UNSURE, name, str(fault))
    for node in subject.nodes:
        try:
            yield from _node(node, subject, names, reached)
        except NoAnswer as fault:
            yield Finding(_PART, Level.UNSURE, node, str(fault))


def _known(subject: Subject, names: Names) -> dict[str, str]:
    """Give node by name and by address, as far as DNS tells."""
    known = {}
    for node in subject.nodes:
        known[node] = node
        try:
            known.update(dict.fromkeys(names.addresses(node), node))
        except NoAnswer:
            continue
    return known


def _behind(domain: Protected, names: Names) -> dict[str, str]:
    """Give the protected servers by name and by address, as far as DNS tells."""
    behind = {}
    for server in domain.servers:
        behind[server.host] = server.host
        try:
            behind.update(dict.fromkeys(names.addresses(server.host), server.host))
        except NoAnswer:
            continue
    return behind


def _exchangers(
    name: str, domain: Protected, names: Names, known: dict[str, str], behind: dict[str, str], reached: set[str]
) -> Iterator[Finding]:
    found = [each.partition(" ")[2] for each in names.ask(name, "MX")]
    if not found:
        yield Finding(
            _PART, Level.ERROR, name, "it has no MX record: mail goes to the domain's own address, past the nodes",
            "publish an MX record for every node",
        )  # fmt: skip
    for exchanger in dict.fromkeys(found):
        yield from _exchanger(name, exchanger, names, known, behind, reached)
    if found and not any(each in reached for each in _targets(found, names, known)):
        yield Finding(
            _PART, Level.ERROR, name, "none of its MX records leads to a node",
            "point them at the nodes; name nodes that this configuration does not know by --node",
        )  # fmt: skip


def _targets(exchangers: list[str], names: Names, known: dict[str, str]) -> Iterator[str]:
    for exchanger in exchangers:
        for each in (exchanger, *_addresses(exchanger, names)):
            if each in known:
                yield known[each]


def _addresses(host: str, names: Names) -> tuple[str, ...]:
    try:
        return names.addresses(host)
    except NoAnswer:
        return ()


def _exchanger(
    name: str, exchanger: str, names: Names, known: dict[str, str], behind: dict[str, str], reached: set[str]
) -> Iterator[Finding]:
    if exchanger == ".":
        yield Finding(_PART, Level.ERROR, name, "its MX says that it takes no mail (RFC 7505)", "publish the nodes")
        return
    words = f"its MX {exchanger}"
    if names.ask(exchanger, "CNAME"):
        yield Finding(
            _PART, Level.WARNING, name, f"{words} is an alias: some senders refuse that (RFC 2181 section 10.3)",
            "give the name address records of its own",
        )  # fmt: skip
    addresses = names.addresses(exchanger)
    if not addresses:
        yield Finding(_PART, Level.ERROR, name, f"{words} has no address", "publish its address, or remove the record")
        return
    server = next((behind[each] for each in (exchanger, *addresses) if each in behind), None)
    nodes = {known[each] for each in (exchanger, *addresses) if each in known}
    if server is not None and not nodes:
        yield Finding(
            _PART, Level.ERROR, name,
            f"{words} is the protected server {server}: mail goes past the nodes, and everybody sees where it is",
            "remove the record; attackers read all MX records, and try the last one first",
        )  # fmt: skip
        return
    if not nodes:
        yield Finding(
            _PART, Level.WARNING, name, f"{words} ({', '.join(addresses)}) is no node that is known here",
            "if it is one, name it in [check] nodes or by --node; if not, mail goes past the nodes",
        )  # fmt: skip
        return
    reached |= nodes
    yield Finding(_PART, Level.GOOD, name, f"{words} is a node")


def _node(node: str, subject: Subject, names: Names, reached: set[str]) -> Iterator[Finding]:
    addresses = names.addresses(node)
    if not addresses:
        yield Finding(_PART, Level.ERROR, node, "the node's name has no address", "publish its address records")
        return
    if subject.domains and node not in reached:
        yield Finding(_PART, Level.NOTE, node, "no MX record leads to this node", "it gets no mail; is that meant?")
    yield from _families(node, subject, addresses)
    if is_address(node):
        return
    for address in addresses:
        called = names.reverse(address)
        if node in called:
            yield Finding(_PART, Level.GOOD, node, f"{address} is called so, there and back")
        else:
            told = f"is called {', '.join(called)}" if called else "has no name"
            yield Finding(
                _PART, Level.WARNING, node, f"its address {address} {told}",
                f"have whoever owns the address set its PTR record to {node}: failure notices are refused without",
            )  # fmt: skip


def _families(node: str, subject: Subject, addresses: tuple[str, ...]) -> Iterator[Finding]:
    """Hold the address families of this node to what it listens on."""
    if subject.ipv6 is None or node != subject.nodes[0]:
        return
    if not subject.ipv6 and any(":" in each for each in addresses):
        yield Finding(
            _PART, Level.WARNING, node, "it has an AAAA record, and the node does not listen on IPv6",
            'add "[::]:25" to [listen] smtp, or remove the record: senders lose time with it',
        )  # fmt: skip
