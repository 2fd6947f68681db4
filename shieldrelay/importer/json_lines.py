"""Reads JSON lines: each a string with an address, or an object with ``address`` and perhaps ``flag``.

Runs in the child. A line that is neither fails the import.
"""

from __future__ import annotations

import json
from functools import partial
from typing import BinaryIO

from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault

LINE_OCTETS = 65536
"""The longest line."""


def read_json_lines(file: BinaryIO, entries: Entries) -> None:
    """Take the address of every line.

    :raises ImportFault: a line is too long or not what is wanted.
    """
    number = 0
    while line := file.readline(LINE_OCTETS + 1):
        number += 1
        if len(line) > LINE_OCTETS:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} is longer than {LINE_OCTETS} octets")
        if line.strip():
            address, flag = _read(line, number)
            entries.address(address, partial("line {}".format, number), flag)


def _read(line: bytes, number: int) -> tuple[bytes, bytes]:
    """Give address and flag.

    :raises ImportFault: the line has none.
    """
    try:
        value = json.loads(line.decode("utf-8"))
        if isinstance(value, str):
            return value.encode("utf-8"), b""
        address, flag = value["address"], value.get("flag", "listed")
        return address.encode("utf-8"), flag.encode("utf-8")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ImportFault(FaultKind.MALFORMED, f'line {number} is neither a string nor has an "address"') from None
