"""What somebody elsewhere in the internet can reach: are the nodes there, and are the protected servers closed?

Only a machine that the customer's firewall does not let in can tell the second; where it is a node, that is said
instead. Nothing is sent: a conversation goes as far as RCPT for the postmaster of a protected domain, and ends.
"""

from __future__ import annotations

import errno
import smtplib
import socket
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from attrs import frozen

from shieldrelay.check.certificate import found, over
from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.subject import Protected, Subject

CONNECT_SECONDS = 8.0
"""How long a port is knocked at; firewalls do not answer."""
REPLY_SECONDS = 30.0
"""How long a reply is waited for; a node may hold its greeting back."""
AT_ONCE = 16
"""Conversations at the same time."""
SMTP_PORT = 25

_PART = "outside"
_CLOSE = "let only the nodes' addresses in at the customer's firewall"


@frozen
class Reach:
    """How the world is reached.

    :ivar port: the port to which mail is delivered.
    :ivar hello: what this machine calls itself in EHLO.
    """

    port: int = SMTP_PORT
    hello: str = "check.invalid"


@frozen
class _Door:
    """One address with a port behind which a protected server may be."""

    domain: str
    host: str
    address: str
    port: int


def outside(subject: Subject, names: Names, client: ssl.SSLContext, reach: Reach) -> Iterator[Finding]:
    """Try everything."""
    node = _is_node(subject, names)
    if node:
        yield Finding(
            _PART, Level.UNSURE, node, "this machine is a node, and the customer lets nodes in: nothing can be told",
            "run this on any other machine: " + elsewhere(subject),
        )  # fmt: skip
        return
    doors = list(_doors(subject, names, reach))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        tried = threads.map(lambda door: list(_tried(door, reach)), [each for each in doors if isinstance(each, _Door)])
        nodes = threads.map(lambda each: list(_node(each, subject, client, reach)), list(_nodes(subject, names)))
        yield from (each for each in doors if isinstance(each, Finding))
        for findings in (*tried, *nodes):
            yield from findings


def elsewhere(subject: Subject) -> str:
    """Give the command that looks at the same from another machine."""
    words = ["shieldrelayctl check --from-outside"]
    words += [f"--domain {each.name}" for each in subject.domains]
    servers = dict.fromkeys(str(hop) for each in subject.domains for hop in each.servers)
    return " ".join([*words, *(f"--server {each}" for each in servers), *(f"--node {each}" for each in subject.nodes)])


def _is_node(subject: Subject, names: Names) -> str:
    """Give the node that this machine is, ``""`` when it is none."""
    for node in subject.nodes:
        try:
            found = names.addresses(node)
        except NoAnswer:
            continue
        if any(not ip_address(each).is_loopback and _is_ours(each) for each in found):
            return node
    return ""


def _is_ours(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as made:
            made.bind((address, 0))
    except OSError:
        return False
    return True


def _doors(subject: Subject, names: Names, reach: Reach) -> Iterator[_Door | Finding]:
    """Give every address of every server, with its own port and the one for mail."""
    seen: set[tuple[str, int]] = set()
    for domain in subject.domains:
        for server in domain.servers:
            try:
                addresses = names.addresses(server.host)
            except NoAnswer as fault:
                yield Finding(_PART, Level.UNSURE, domain.name, str(fault))
                continue
            if not addresses:
                words = f"its server {server.host} has no address that everybody can look up"
                yield Finding(_PART, Level.GOOD, domain.name, words)
            for address in addresses:
                yield from _ports(domain, server.host, address, {server.port, reach.port}, seen)


def _ports(
    domain: Protected, host: str, address: str, ports: Iterable[int], seen: set[tuple[str, int]]
) -> Iterator[_Door | Finding]:
    if not domain.typed and not ip_address(address).is_global:
        words = f"its server {host} is at {address}, where nobody in the internet can reach it"
        yield Finding(_PART, Level.GOOD, domain.name, words)
        return
    for port in sorted(ports):
        if (address, port) not in seen:
            seen.add((address, port))
            yield _Door(domain.name, host, address, port)


def _tried(door: _Door, reach: Reach) -> Iterator[Finding]:
    where = f"{door.address} port {door.port}"
    try:
        made = socket.create_connection((door.address, door.port), CONNECT_SECONDS)
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
        if _is_local_trouble(error):
            yield Finding(_PART, Level.UNSURE, door.domain, f"{where} cannot be tried from here: {why}")
        else:
            yield Finding(_PART, Level.GOOD, door.domain, f"{where} is closed to this machine: {why}")
        return
    with made:
        yield _answered(door, where, made, reach)


def _is_local_trouble(error: OSError) -> bool:
    """Whether it says something of this machine and nothing of the other."""
    return error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EMFILE)


def _answered(door: _Door, where: str, made: socket.socket, reach: Reach) -> Finding:
    """Say how far a stranger gets."""
    refused = ""
    try:
        with _Conversation(made) as said:
            refused = said.refusal(door.domain, reach.hello)
    except (OSError, smtplib.SMTPException) as error:
        refused = f"it accepts connections and says nothing of use ({error})"
    if not refused:
        words = f"{where} takes mail from this machine: everybody can send past the nodes"
        return Finding(_PART, Level.ERROR, door.domain, words, _CLOSE)
    words = f"{where} is open to this machine, though it takes no mail: {refused}"
    return Finding(_PART, Level.WARNING, door.domain, words, f"{_CLOSE}: what is open can be flooded")


class _Conversation(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, made: socket.socket) -> None:
        super().__init__(local_hostname="check.invalid", timeout=REPLY_SECONDS)
        made.settimeout(REPLY_SECONDS)
        self.sock = made
        self.greeting = self.getreply()

    def refusal(self, domain: str, hello: str) -> str:
        """Ask for a postmaster as a stranger would; give the reply that refuses, ``""`` when none does."""
        code, text = self.greeting
        if code == 220:
            code, text = self.ehlo(hello)
        if code == 250:
            code, text = self.mail("")
        if code == 250:
            code, text = self.rcpt(f"postmaster@{domain}")
        return "" if code in (250, 251) else f"{code} {text[:120].decode('latin-1')}"


def _nodes(subject: Subject, names: Names) -> Iterator[tuple[str, str]]:
    for node in subject.nodes:
        try:
            yield from ((node, address) for address in names.addresses(node))
        except NoAnswer:
            continue  # told by check.records


def _node(at: tuple[str, str], subject: Subject, client: ssl.SSLContext, reach: Reach) -> Iterator[Finding]:
    """Ask a node for a postmaster, and look at its certificate as a client that verifies does."""
    node, address = at
    where = f"{address} port {reach.port}"
    try:
        made = socket.create_connection((address, reach.port), CONNECT_SECONDS)
    except OSError as error:
        if _is_local_trouble(error):
            yield Finding(_PART, Level.UNSURE, node, f"{where} cannot be tried from here: {error.strerror}")
            return
        words = f"{where} cannot be reached: {error.strerror or error}"
        yield Finding(_PART, Level.ERROR, node, words, "is the node running, and does its firewall let port 25 in?")
        return
    try:
        with made, _Conversation(made) as said:
            yield from _talked(node, where, said, subject, client, reach)
    except (OSError, smtplib.SMTPException) as error:
        words = f"{where} answers, and not as a node does: {error}"
        yield Finding(_PART, Level.ERROR, node, words, "is it the node that listens there?")


def _talked(
    node: str, where: str, said: _Conversation, subject: Subject, client: ssl.SSLContext, reach: Reach
) -> Iterator[Finding]:
    code, text = said.greeting
    if code != 220:
        words = f"{where} turns this machine away: {code} {text[:120].decode('latin-1')}"
        yield Finding(_PART, Level.UNSURE, node, words, "shieldrelayctl explain on the node says why")
        return
    said.ehlo(reach.hello)
    if not said.has_extn("starttls"):
        yield Finding(_PART, Level.WARNING, node, f"{where} offers no STARTTLS", "what stands between strips it out?")
    elif said.docmd("STARTTLS")[0] == 220:
        bare = said.sock
        assert bare is not None
        wrapped = client.wrap_socket(bare, server_hostname=node, do_handshake_on_connect=False)
        said.sock = wrapped
        shown = over(wrapped)
        yield found(shown, node, f"{node} ({where})")
        if shown.trouble:
            return
        said.file = None
        said.ehlo(reach.hello)
    else:
        yield Finding("tls", Level.UNSURE, node, f"{where} refuses STARTTLS now: has this machine asked too often?")
    for domain in subject.domains:
        refused = said.refusal(domain.name, reach.hello) if said.rset()[0] == 250 else "it does not reset"
        if refused:
            yield Finding(_PART, Level.UNSURE, node, f"{where} takes nothing for {domain.name} now: {refused}")
        else:
            yield Finding(_PART, Level.GOOD, node, f"{where} takes mail for {domain.name}")
