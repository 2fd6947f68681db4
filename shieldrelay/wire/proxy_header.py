"""The PROXY protocol's header, versions 1 and 2: from whom a connection came that a balancer passes on to us.

Pure: octets in, an address out. The specification is haproxy's ``proxy-protocol.txt``; of version 2 the additional
fields (TLV) are stepped over, and no header may be longer than `MOST_OCTETS`. Called by `wire.proxy_wait`, and only
for what a declared balancer sends. What is no header is a `ProxyFault`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

MOST_OCTETS = 536
"""The longest header that is read: what every host must be able to take in one piece (RFC 1122 §3.3.3)."""
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_WORD = b"PROXY "
_LINE_OCTETS = 107
"""The longest header of version 1, its CRLF included."""
_FIXED_OCTETS = 16
"""Of version 2: signature, version and command, family and transport, length of the rest."""
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESS_OCTETS = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}


class ProxyFault(Exception):
    """This is no header; ``args[0]`` says why, in words for the journal."""


@frozen
class ProxySource:
    """Where a connection came from.

    :ivar address: numeric, as text.
    """

    address: str
    port: int


def header_octets(begun: bytes) -> int | None:
    """Give how long a header is that begins so, in octets; ``None`` when more must be seen to tell.

    :raises ProxyFault: it cannot become a header.
    """
    if begun.startswith(_WORD):
        return _line_octets(begun)
    if begun.startswith(_SIGNATURE):
        if len(begun) < _FIXED_OCTETS:
            return None
        octets = _FIXED_OCTETS + int.from_bytes(begun[14:16], "big")
        if octets > MOST_OCTETS:
            raise ProxyFault(f"a header of {octets} octets, limit {MOST_OCTETS}")
        return octets
    if begun and not _WORD.startswith(begun) and not _SIGNATURE.startswith(begun):
        raise ProxyFault("no PROXY header")
    return None


def parse_header(header: bytes) -> ProxySource | None:
    """Read a whole header.

    :param header: as many octets as `header_octets` said.
    :returns: ``None`` when the connection is the balancer's own (LOCAL), or it does not say whose it is (UNKNOWN).
    :raises ProxyFault: it is malformed.
    """
    return _parse_line(header[:-2]) if header.startswith(_WORD) else _parse_binary(header)


def _line_octets(begun: bytes) -> int | None:
    end = begun.find(b"\r\n", 0, _LINE_OCTETS)
    if end >= 0:
        return end + 2
    if len(begun) >= _LINE_OCTETS:
        raise ProxyFault(f"a header line over {_LINE_OCTETS} octets")
    return None


def _parse_line(line: bytes) -> ProxySource | None:
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":  # what follows is to be ignored
        return None
    if words[1] not in (b"TCP4", b"TCP6") or len(words) != 6:
        raise ProxyFault("a malformed header line")
    try:
        family = IPv4Address if words[1] == b"TCP4" else IPv6Address
        source, _ours = (str(family(word.decode("ascii"))) for word in words[2:4])
        port, _our_port = (_port(word) for word in words[4:6])
    except ValueError as fault:
        raise ProxyFault("a malformed header line") from fault
    return ProxySource(source, port)


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > 65535:
        raise ValueError("no port")
    return int(word)


def _parse_binary(header: bytes) -> ProxySource | None:
    command, family, rest = header[12], header[13], header[_FIXED_OCTETS:]
    if command == _LOCAL:
        return None
    if command != _PROXY or family not in _ADDRESS_OCTETS:
        raise ProxyFault(f"command {command:#04x} for family {family:#04x}")
    if len(rest) < _ADDRESS_OCTETS[family]:
        raise ProxyFault("a header too short for its addresses")
    if family == _TCP4:
        return ProxySource(str(IPv4Address(rest[:4])), int.from_bytes(rest[8:10], "big"))
    if family == _TCP6:
        return ProxySource(str(IPv6Address(rest[:16])), int.from_bytes(rest[32:34], "big"))
    return None
