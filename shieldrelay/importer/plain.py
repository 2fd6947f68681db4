"""Reads lists that have the line form already: lines are taken as they are, and judged when the version is built.

Runs in the child. Only what could not be a line is refused here: octets without an end, and NUL.
"""

from __future__ import annotations

from typing import BinaryIO

from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault

LINE_OCTETS = 4096
"""The longest line: an address has 254 octets, a comment some more."""


def read_plain(file: BinaryIO, entries: Entries) -> None:
    """Take every line that is not blank and not wholly a comment.

    :raises ImportFault: a line is too long, or has a NUL.
    """
    number = 0
    while line := file.readline(LINE_OCTETS + 2):
        number += 1
        text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") if number == 1 else line.rstrip(b"\r\n")
        if len(text) > LINE_OCTETS:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} is longer than {LINE_OCTETS} octets")
        if b"\0" in text:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} has a NUL: is this a text in UTF-8?")
        if text and text[:1] != b"#" and not text.isspace():
            entries.line(text)
