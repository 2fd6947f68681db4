"""The packets of the milter protocol, version 6: a length of four octets, a letter, and what belongs to it.

Octets in and out, nothing else; `scanners.milter` speaks it. The protocol is that of sendmail's libmilter
(``include/libmilter/mfdef.h``), which everybody who speaks it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag

from attrs import frozen

from shieldrelay.scanners.line import ScannerFault

VERSION = 6
BODY_OCTETS = 65535
"""The largest piece of a body in one packet."""
PACKET_OCTETS = 1 << 20
"""The largest packet that a milter may send."""


class Changes(IntFlag):
    """What a milter may be allowed to change (SMFIF)."""

    ADD_FIELDS = 0x01
    CHANGE_FIELDS = 0x10
    QUARANTINE = 0x20


class Leave(IntFlag):
    """What a milter may ask us to leave out, or to do (SMFIP)."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RCPT = 0x08
    NO_BODY = 0x10
    NO_FIELDS = 0x20
    NO_END_OF_FIELDS = 0x40
    UNANSWERED_FIELDS = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    UNANSWERED_CONNECT = 0x1000
    UNANSWERED_HELO = 0x2000
    UNANSWERED_MAIL = 0x4000
    UNANSWERED_RCPT = 0x8000
    UNANSWERED_DATA = 0x10000
    UNANSWERED_UNKNOWN = 0x20000
    UNANSWERED_END_OF_FIELDS = 0x40000
    UNANSWERED_BODY = 0x80000
    LEADING_SPACE = 0x100000


WE_ALLOW = Changes.ADD_FIELDS | Changes.CHANGE_FIELDS | Changes.QUARANTINE
WE_CAN_LEAVE = Leave(0x1FF7FF)
"""All but the recipients that were refused already (0x800): a milter is not shown them."""


@frozen
class Packet:
    """One packet: its letter and the rest."""

    letter: bytes
    rest: bytes = b""


def packet(letter: bytes, *strings: bytes) -> bytes:
    """Build a packet whose rest is strings, each ended by NUL.

    :raises ValueError: a string has a NUL.
    """
    for each in strings:
        if b"\0" in each:
            raise ValueError("a NUL cannot be said to a milter")
    return raw(letter, b"".join(each + b"\0" for each in strings))


def raw(letter: bytes, rest: bytes = b"") -> bytes:
    """Build a packet."""
    return (len(rest) + 1).to_bytes(4, "big") + letter + rest


def options() -> bytes:
    """Build our offer: what a milter may change, and what we can leave out."""
    return raw(b"O", b"".join(number.to_bytes(4, "big") for number in (VERSION, WE_ALLOW, WE_CAN_LEAVE)))


def agreed(answer: Packet) -> Leave:
    """Read a milter's answer to our offer: what is to be left out.

    :raises ScannerFault: it is none, or it wants what we cannot leave out.
    """
    if answer.letter != b"O" or len(answer.rest) < 12:
        raise ScannerFault("the milter does not negotiate")
    version, _, leave = (int.from_bytes(answer.rest[at : at + 4], "big") for at in (0, 4, 8))
    if not 2 <= version <= VERSION:
        raise ScannerFault(f"the milter speaks version {version}, and we speak 2 to {VERSION}")
    if leave & 0xFFFFFFF & ~WE_CAN_LEAVE:
        raise ScannerFault(f"the milter wants {leave:#x}, and we can do {int(WE_CAN_LEAVE):#x}")
    return Leave(leave & WE_CAN_LEAVE)


def macros(stage: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """Build what tells a milter of a stage's macros."""
    told = (name + b"\0" + value.replace(b"\0", b"") + b"\0" for name, value in values.items())
    return raw(b"D", stage + b"".join(told))


def connected(address: str, name: str) -> bytes:
    """Build the packet of a connection; the client's port is not known here.

    :param name: of the address, ``""`` when it has none that is sure.
    """
    shown = address.encode()
    family, literal = (b"6", b"[IPv6:" + shown + b"]") if ":" in address else (b"4", b"[" + shown + b"]")
    return raw(b"C", (name.encode() or literal) + b"\0" + family + b"\0\0" + shown + b"\0")


def strings(rest: bytes) -> list[bytes]:
    """Take strings apart, each ended by NUL; one that is not ended is taken too."""
    parts = rest.split(b"\0")
    return parts if parts[-1] else parts[:-1]


class Unpacking:
    """Packets out of octets that come as they come."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> None:
        """Take octets."""
        self._held += octets

    def next(self) -> Packet | None:
        """Give the next whole packet.

        :raises ScannerFault: it is empty, or too long.
        """
        if len(self._held) < 4:
            return None
        length = int.from_bytes(self._held[:4], "big")
        if not 1 <= length <= PACKET_OCTETS:
            raise ScannerFault(f"the milter sends a packet of {length} octets")
        if len(self._held) < 4 + length:
            return None
        taken, self._held = self._held[4 : 4 + length], self._held[4 + length :]
        return Packet(taken[:1], taken[1:])
