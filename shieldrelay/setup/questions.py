"""The questions in their order, each with what reads the answer and what is looked at. Gives a `Plan`."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shieldrelay.check.finding import Finding
from shieldrelay.check.names import Names
from shieldrelay.config.hosts import DomainName, Hostname, HostPort, IpAddress, ServerAddress
from shieldrelay.config.kinds import Unfit, shown
from shieldrelay.config.sources import RecipientSource, RecipientSourceText
from shieldrelay.mail.address import AddressFault, parse_mailbox
from shieldrelay.setup.asking import Question, Terminal
from shieldrelay.setup.looks import look_at_certificate, look_at_domain, look_at_host, look_at_list
from shieldrelay.setup.plan import Plan
from shieldrelay.setup.server import look_at_server

Given = Mapping[str, str | None]
"""What the command line says, by option without its dashes; several values are separated by spaces."""


class Questions:
    """Asks for everything.

    :param now: the node's name that is configured already; ``""``: none is.
    :param directory: of the configuration.
    """

    def __init__(self, terminal: Terminal, given: Given, names: Names, now: str, directory: Path) -> None:
        self._terminal = terminal
        self._given = given
        self._names = names
        self._now = now
        self._directory = directory

    def plan(self) -> Plan:
        """Ask.

        :raises GivenUp: an answer is missing.
        """
        hostname = self._hostname()
        domain = self._domain(hostname)
        hops = self._next_hops(domain, hostname)
        recipients = self._recipients(domain)
        return Plan(
            hostname, domain, hops, recipients, self._listed(recipients, domain), self._certificate(hostname),
            self._nodes(hostname), self._addresses(),
        )  # fmt: skip

    def _hostname(self) -> str:
        question = Question("--hostname", "This node's name, which MX records will name", self._now or _own_name())
        return self._terminal.answer(
            question, self._given["hostname"], _hostname, lambda name: look_at_host(name, self._names)
        )

    def _domain(self, hostname: str) -> str:
        question = Question("--domain", "The domain to protect")
        return self._terminal.answer(
            question, self._given["domain"], DomainName().parse,
            lambda domain: look_at_domain(domain, hostname, self._names),
        )  # fmt: skip

    def _next_hops(self, domain: str, hostname: str) -> tuple[HostPort, ...]:
        def look(servers: Sequence[HostPort]) -> Iterator[Finding]:
            for server in servers:
                yield from look_at_server(server, domain, hostname)

        question = Question("--next-hop", "Its mail server (address or name, :port unless 25; several: in order)")
        return self._terminal.answer(question, self._given["next_hop"], _servers, look)

    def _recipients(self, domain: str) -> RecipientSource:
        there = self._directory / "recipients" / f"{domain}.txt"
        question = Question("--recipients", "Where it is written who exists there", f"file:{there}")
        return self._terminal.answer(question, self._given["recipients"], _source, look_at_list)

    def _listed(self, source: RecipientSource, domain: str) -> tuple[str, ...]:
        """Ask who exists, when the file is to be made."""
        if source.path is None or Path(source.path).exists():
            return ()
        question = Question("--exists", f"{source.path} is not there and is made. Who exists (separated by spaces)")
        return self._terminal.answer(question, self._given["exists"], lambda text: _names(text, domain))

    def _certificate(self, hostname: str) -> tuple[Path, Path] | None:
        def look(pair: tuple[Path, Path] | None) -> Iterator[Finding]:
            if pair is not None:
                yield from look_at_certificate(*pair, hostname)

        question = Question(
            "--certificate", "Certificate and key, two files in PEM (empty: as it is; without one it makes one)", ""
        )
        return self._terminal.answer(question, self._given["certificate"], _pair, look)

    def _nodes(self, hostname: str) -> tuple[str, ...]:
        question = Question("--node", "Names of the other nodes (empty: there are none)", "")
        nodes = self._terminal.answer(
            question, self._given["node"], lambda text: tuple(_hostname(each) for each in text.split())
        )
        return tuple(each for each in dict.fromkeys(nodes) if each != hostname)

    def _addresses(self) -> tuple[str, ...]:
        """Take the node's addresses from the command line; DNS knows them otherwise."""
        question = Question("--address", "", "")
        return self._terminal.answer(
            question, self._given["address"] or "", lambda text: tuple(IpAddress().parse(each) for each in text.split())
        )


def _own_name() -> str | None:
    name = socket.getfqdn()
    return name if "." in name and not name.startswith("localhost") else None


def _hostname(text: str) -> str:
    name = Hostname().parse(text)
    if "." not in name:
        raise Unfit(f"{shown(text)} is not a whole name, as mx1.shield.example is")
    return name


def _servers(text: str) -> tuple[HostPort, ...]:
    servers = tuple(dict.fromkeys(ServerAddress().parse(each) for each in text.replace(",", " ").split()))
    if not servers:
        raise Unfit("there must be one")
    return servers


def _source(text: str) -> RecipientSource:
    source = RecipientSourceText().parse(f"file:{text}" if text.startswith("/") else text)
    if source.kind.is_directory:
        raise Unfit(
            "a directory needs more than can be asked here: take a file for now, and put [ldap] into the domain's file "
            "afterwards"
        )
    return source


def _names(text: str, domain: str) -> tuple[str, ...]:
    """Read local-parts and addresses of the domain."""
    for each in text.split():
        whole = each if "@" in each else f"{each}@{domain}"
        try:
            mailbox = parse_mailbox(whole.encode("utf-8"), utf8=True)
        except AddressFault:
            raise Unfit(f"{shown(each)} is not an address") from None
        if mailbox.domain_key != domain:
            raise Unfit(f"{shown(each)} is not an address of {domain}")
    if not text.split():
        raise Unfit("somebody must exist besides postmaster, or all mail is refused")
    return tuple(dict.fromkeys(text.split()))


def _pair(text: str) -> tuple[Path, Path] | None:
    files = text.split()
    if not files:
        return None
    if len(files) != 2 or not all(file.startswith("/") for file in files):
        raise Unfit("two absolute paths are needed: the certificate with its chain, and the key")
    return Path(files[0]), Path(files[1])
