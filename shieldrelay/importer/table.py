"""Reads tables of comma-separated values (RFC 4180): one column has addresses, another may have flags.

Runs in the child. A record that cannot be read fails the import, since what follows a lost quote is guesswork; a value
that is no address is counted by `Entries`.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.settings import CsvSettings

LINE_OCTETS = 1 << 20
"""The longest line of a table."""


def read_table(file: BinaryIO, settings: CsvSettings, entries: Entries) -> None:
    """Take the column's value of every record.

    :raises ImportFault: it is not UTF-8, not lawful CSV, or lacks the column.
    """
    records = csv.reader(_lines(file), delimiter=settings.delimiter, strict=True)
    number = 0
    try:
        address, flag = _columns(settings, next(records, []) if settings.skips_first else [])
        for record in records:
            number = records.line_num
            if record:
                _take(record, number, address, flag, entries)
    except csv.Error as error:
        raise ImportFault(FaultKind.MALFORMED, f"line {max(number, records.line_num)}: {error}") from None


def _take(record: Sequence[str], number: int, address: int, flag: int | None, entries: Entries) -> None:
    if len(record) <= max(address, flag or 0):
        raise ImportFault(FaultKind.MALFORMED, f"line {number} has {len(record)} columns only")
    entries.address(
        record[address].encode("utf-8"),
        partial("line {}".format, number),
        b"" if flag is None else record[flag].encode("utf-8"),
    )


def _lines(file: BinaryIO) -> Iterator[str]:
    """Give the lines as text, their ends kept: they may belong to a quoted field."""
    number = 0
    while line := file.readline(LINE_OCTETS + 1):
        number += 1
        if len(line) > LINE_OCTETS:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} is longer than {LINE_OCTETS} octets")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            raise ImportFault(FaultKind.MALFORMED, f"line {number} is not UTF-8") from None


def _columns(settings: CsvSettings, header: Sequence[str]) -> tuple[int, int | None]:
    """Find the two columns, counted from 0."""
    flag = settings.flag_column
    return _column(settings.column, header), None if flag is None else _column(flag, header)


def _column(wanted: str, header: Sequence[str]) -> int:
    if wanted.isdecimal():
        return int(wanted) - 1
    names = [name.strip().lower() for name in header]
    found = names.count(wanted.strip().lower())
    if found != 1:
        there = ", ".join(shown(name, 30) for name in header[:10]) or "nothing"
        often = "no column" if not found else f"{found} columns"
        raise ImportFault(FaultKind.MALFORMED, f"{often} called {shown(wanted, 40)} in the header, which has {there}")
    return names.index(wanted.strip().lower())
