"""Kinds that name machines, networks and mailboxes, and the values they give.

Knows no resolver: whether a name exists is not asked. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

import ipaddress
import re

from attrs import frozen

from shieldrelay.config.kinds import Kind, Unfit, shown, text_of
from shieldrelay.mail.address import AddressFault, Mailbox, domain_key, parse_mailbox

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SMTP_PORT = 25

_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::(\d{1,5}))?\Z", re.ASCII)
_PLAIN = re.compile(r"([^:\[\]]+)(?::(\d{1,5}))?\Z", re.ASCII)


@frozen
class HostPort:
    """Where a server is or listens.

    :ivar host: an IPv4 or IPv6 address in its shortest spelling, or a host name in lower case.
    :ivar port: 0 to 65535; 0 only where we listen (the system chooses one).
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name."""
        return _address(self.host) is not None


def _address(text: str) -> str | None:
    """Give an IP address in its shortest spelling, ``None`` when it is none; scopes are not taken."""
    try:
        return None if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def parse_hostname(text: str) -> str:
    """Give a host name in lower case, A-labels (RFC 5890).

    :raises Unfit: when it is no lawful name, or an address.
    """
    try:
        key = domain_key(text.encode("utf-8"))
    except (AddressFault, UnicodeEncodeError):
        raise Unfit(f"{shown(text)} is not a host name") from None
    if key.startswith("[") or _address(text) is not None or key.rpartition(".")[2].isdigit():
        raise Unfit(f"{shown(text)} is an address, not a host name")
    return key


def _split(text: str) -> tuple[str, str | None]:
    """Split ``host[:port]``; a bare IPv6 address has no port."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, None
    match = _BRACKETED.match(text) or _PLAIN.match(text)
    if match is None or (text.startswith("[") and ":" not in match[1]):
        raise Unfit(f"{shown(text)} is not of the form host:port")
    return match[1], match[2]


def _port(text: str, least: int) -> int:
    if not least <= int(text) <= 65535:
        raise Unfit(f"the port {text} is out of bounds")
    return int(text)


@frozen
class Hostname(Kind[str]):
    """A host name, not an address."""

    def parse(self, written: object) -> str:
        """Give it in lower case."""
        return parse_hostname(text_of(written))

    @property
    def valid(self) -> str:
        """The form."""
        return 'a host name such as "mx1.shield.example"'


@frozen
class HostPattern(Kind[str]):
    """A host name, or ``*.`` and a host name for everything one label below it."""

    def parse(self, written: object) -> str:
        """Give it in lower case."""
        text = text_of(written)
        stem = text.removeprefix("*.")
        return text[: len(text) - len(stem)] + parse_hostname(stem)

    @property
    def valid(self) -> str:
        """The forms."""
        return 'a host name such as "mx2.shield.example" or "*.shield.example"'


@frozen
class CertifiedName(Kind[str]):
    """What a certificate can be issued for: a host name or an IP address."""

    def parse(self, written: object) -> str:
        """Give a name in lower case, or an address in its shortest spelling."""
        text = text_of(written)
        return _address(text) or parse_hostname(text)

    @property
    def valid(self) -> str:
        """The forms."""
        return 'a host name such as "mail.example.com", or an IP address'


@frozen
class ListenAddress(Kind[HostPort]):
    """An IP address and a port to listen on (R32)."""

    def parse(self, written: object) -> HostPort:
        """Give address and port."""
        host, port = _split(text_of(written))
        address = _address(host)
        if address is None:
            raise Unfit(f"{shown(host)} is not an IP address")
        if port is None:
            raise Unfit(f"{shown(written)} has no port")
        return HostPort(address, _port(port, 0))

    @property
    def valid(self) -> str:
        """The forms."""
        return 'an IP address and a port, as in "0.0.0.0:25" or "[::]:25"'


@frozen
class IpAddress(Kind[str]):
    """An IP address."""

    def parse(self, written: object) -> str:
        """Give it in its shortest spelling."""
        address = _address(text_of(written))
        if address is None:
            raise Unfit(f"{shown(written)} is not an IP address")
        return address

    @property
    def valid(self) -> str:
        """The forms."""
        return 'an IP address such as "192.0.2.1" or "2001:db8::1"'


@frozen
class ServerAddress(Kind[HostPort]):
    """A server: address or name, and its port when it is not the usual one."""

    port: int = SMTP_PORT

    def parse(self, written: object) -> HostPort:
        """Give host and port."""
        host, port = _split(text_of(written))
        return HostPort(_address(host) or parse_hostname(host), self.port if port is None else _port(port, 1))

    @property
    def valid(self) -> str:
        """The forms."""
        return f'an address or host name, with ":port" unless it is {self.port}, as in "192.0.2.25:{self.port}"'


@frozen
class ServerIp(Kind[HostPort]):
    """A server by its IP address, because nobody could look a name up, and its port when it is not the usual one."""

    port: int

    def parse(self, written: object) -> HostPort:
        """Give address and port."""
        server = ServerAddress(self.port).parse(written)
        if not server.is_address:
            raise Unfit(f"{shown(written)} is not an IP address")
        return server

    @property
    def valid(self) -> str:
        """The forms."""
        return f'an IP address, with ":port" unless it is {self.port}, as in "192.0.2.53" or "[2001:db8::53]:5353"'


@frozen
class Network(Kind[IpNetwork]):
    """A network in CIDR form; a single address is a network of one."""

    def parse(self, written: object) -> IpNetwork:
        """Give the network; host bits are an error because they show a slip."""
        try:
            return ipaddress.ip_network(text_of(written))
        except ValueError:
            raise Unfit(f"{shown(written)} is not a network") from None

    @property
    def valid(self) -> str:
        """The form."""
        return 'a network such as "192.0.2.0/24" or "2001:db8::/32", without host bits'


@frozen
class DomainName(Kind[str]):
    """A mail domain."""

    def parse(self, written: object) -> str:
        """Give its comparison form (``Mailbox.domain_key``)."""
        return parse_hostname(text_of(written))

    @property
    def valid(self) -> str:
        """The form."""
        return 'a domain name such as "example.com"'


@frozen
class MailboxText(Kind[Mailbox]):
    """A mailbox."""

    def parse(self, written: object) -> Mailbox:
        """Give the parsed mailbox."""
        try:
            return parse_mailbox(text_of(written).encode("utf-8"), utf8=True)
        except (AddressFault, UnicodeEncodeError):
            raise Unfit(f"{shown(written)} is not a mailbox") from None

    @property
    def valid(self) -> str:
        """The form."""
        return 'a mailbox such as "postmaster@example.com"'
