"""What is in force for a source or a network, and the networks in which a client is looked up.

Pure values and look-ups; `register` decides what is in them. A look-up takes well under a microsecond for each length
of prefix that occurs in the lists.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from attrs import frozen

from shieldrelay.cluster.change import Change, ChangeKind
from shieldrelay.mail.client import Client

CONFIGURATION = "configuration"
_MAPPED = IPv6Network("::ffff:0:0/96")


@frozen
class Entry:
    """One ban, or one network of a list, in force.

    :ivar kind: BAN, ALLOW or DENY.
    :ivar subject: the source's octets, or the network in CIDR notation, ASCII.
    :ivar at: since when, seconds since the epoch; 0 for what the configuration says.
    :ivar until: likewise; ``None``: until it is revoked, or the configuration changes.
    :ivar by: the defence or the operator; `CONFIGURATION`.
    :ivar configured: it stands in the configuration and cannot be revoked at run time.
    """

    kind: ChangeKind
    subject: bytes
    at: float
    until: float | None
    reason: str
    by: str
    configured: bool = False

    @property
    def text(self) -> str:
        """The source or network as a person writes it."""
        return source_text(self.subject) if self.kind is ChangeKind.BAN else self.subject.decode("ascii")

    @property
    def cursor(self) -> str:
        """Where a listing goes on behind this entry."""
        return f"{self.kind.value}:{self.subject.hex()}:{self.configured:d}"


def entry_of(change: Change) -> Entry:
    """Make the entry that a BAN, ALLOW or DENY puts in force."""
    return Entry(change.kind, change.subject, change.at, change.until, change.reason, change.by)


def source_text(source: bytes) -> str:
    """Write a source: an address, or a /64.

    :raises ValueError: it has neither 4 nor 8 octets.
    """
    if len(source) == 4:
        return str(IPv4Address(source))
    if len(source) == 8:
        return f"{IPv6Address(source + bytes(8))}/64"
    raise ValueError("a source has 4 or 8 octets")


def network_of(text: str) -> IPv4Network | IPv6Network:
    """Read a network in CIDR notation, or an address. A mapped one is IPv4 (R16).

    :raises ValueError: it is none, or has bits behind its prefix.
    """
    network = ip_network(text.strip())
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


class Networks:
    """Entries by network; the longest prefix that covers a client is its own."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._four: tuple[tuple[int, dict[int, Entry]], ...] = ()
        self._six: tuple[tuple[int, dict[int, Entry]], ...] = ()
        self._hosts: tuple[tuple[int, dict[int, Entry]], ...] = ()

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return tuple(self._entries.values())

    def get(self, subject: bytes) -> Entry | None:
        """Give the entry of exactly this network."""
        return self._entries.get(subject)

    def put(self, entry: Entry) -> None:
        """Put an entry in the place of the one for its network."""
        self._entries[entry.subject] = entry
        self._file(entry)

    def remove(self, subject: bytes) -> None:
        """Take out the entry of a network, if there is one."""
        entry = self._entries.pop(subject, None)
        if entry is not None:
            self._unfile(entry)

    def find(self, client: Client, now_wall: float) -> Entry | None:
        """Give the entry of the longest prefix that covers a client and is in force."""
        source = client.source
        number = int.from_bytes(source, "big")
        if len(source) == 4:
            return _among(self._four, number, now_wall)
        if self._hosts:
            entry = _among(self._hosts, int(IPv6Address(client.address)), now_wall)
            if entry is not None:
                return entry
        return _among(self._six, number, now_wall)

    def _file(self, entry: Entry) -> None:
        which, shift, number = _place(entry)
        shelves = dict(getattr(self, which))
        shelves.setdefault(shift, {})[number] = entry
        setattr(self, which, tuple(sorted(shelves.items())))

    def _unfile(self, entry: Entry) -> None:
        which, shift, number = _place(entry)
        shelves = dict(getattr(self, which))
        del shelves[shift][number]
        setattr(self, which, tuple((each, entries) for each, entries in sorted(shelves.items()) if entries))


def _place(entry: Entry) -> tuple[str, int, int]:
    """Give where a network is looked for: family, the bits behind its prefix, and those in front of them."""
    network = network_of(entry.subject.decode("ascii"))
    number = int(network.network_address)
    if isinstance(network, IPv4Network):
        which, bits = "_four", 32
    elif network.prefixlen > 64:
        which, bits = "_hosts", 128
    else:
        which, bits, number = "_six", 64, number >> 64
    shift = bits - network.prefixlen
    return which, shift, number >> shift


def _among(shelves: tuple[tuple[int, dict[int, Entry]], ...], number: int, now_wall: float) -> Entry | None:
    for shift, entries in shelves:
        entry = entries.get(number >> shift)
        if entry is not None and (entry.until is None or entry.until > now_wall):
            return entry
    return None
