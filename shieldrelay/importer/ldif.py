"""Reads LDIF content records (RFC 2849): the addresses of all entries, attribute by attribute.

Runs in the child. Change records are refused: they say what to do, not what there is. So are values that stand in other
files (``attribute:< url``): a list must not be able to name what is read. Attributes that are not asked for are
passed over without being kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault, shown

LINE_OCTETS = 1 << 16
"""The longest piece of a line that is read at once."""
VALUE_OCTETS = 1 << 16
"""The longest attribute line of interest, unfolded."""

_FORBIDDEN = (b"changetype", b"add", b"delete", b"replace", b"control")


def read_ldif(file: BinaryIO, attributes: tuple[str, ...], entries: Entries) -> None:
    """Take the values of some attributes of every record.

    :param attributes: any case.
    :raises ImportFault: it is no LDIF, or has change records.
    """
    wanted = frozenset(each.lower().encode("ascii", "replace") for each in attributes)
    for number, line in _unfolded(file, wanted):
        name, colon, rest = line.partition(b":")
        if not colon:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} is no LDIF: {shown(line, 40)}")
        kind = name.partition(b";")[0].strip().lower()
        if kind in _FORBIDDEN:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} belongs to a change record; content is wanted")
        if kind in wanted:
            entries.address(_value(rest, number), partial("line {}".format, number))


def _value(rest: bytes, number: int) -> bytes:
    """Give the value that follows the first colon.

    :raises ImportFault: it is no base64, or stands elsewhere.
    """
    if rest[:1] == b"<":
        raise ImportFault(FaultKind.MALFORMED, f"line {number} points to another file, which is not read")
    if rest[:1] != b":":
        return rest.strip(b" ")
    try:
        return base64.b64decode(rest[1:].strip(b" "), validate=True)
    except binascii.Error:
        raise ImportFault(FaultKind.MALFORMED, f"line {number} is no base64") from None


def _unfolded(file: BinaryIO, wanted: frozenset[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give each attribute line with its number, continuation lines joined, comments left out.

    Of an attribute that is not wanted only the beginning is given.
    """
    start, line, keeps = 0, bytearray(), False
    for number, text, begins in _physical(file):
        if not begins or text[:1] == b" ":
            if not start:
                raise ImportFault(FaultKind.MALFORMED, f"line {number} continues nothing")
            if keeps:
                line += text[1:] if begins else text
            if len(line) > VALUE_OCTETS:
                raise ImportFault(FaultKind.MALFORMED, f"line {start} is longer than {VALUE_OCTETS} octets")
            continue
        if line and not line.startswith(b"#"):
            yield start, bytes(line)
        name = text.partition(b":")[0].partition(b";")[0].strip().lower()
        start, line, keeps = number, bytearray(text), name in wanted or b":" not in text
    if line and not line.startswith(b"#"):
        yield start, bytes(line)


def _physical(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Give number, text without its end, and whether the line begins here, for each piece of a line."""
    number, begins = 0, True
    while piece := file.readline(LINE_OCTETS):
        number += begins
        if b"\0" in piece:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} has a NUL: is this a text in UTF-8?")
        text = piece.rstrip(b"\r\n")
        yield number, text.removeprefix(b"\xef\xbb\xbf") if number == 1 else text, begins
        begins = piece[-1:] == b"\n"
