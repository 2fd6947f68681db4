"""The file of a domain's ledger: ``<domain>/ledger``, one line for each change, appended and synced (R7).

A line is ``<seconds since the epoch> down`` or ``... up``. A crash may tear the last line: it is passed over when
read, and the next line begins on a line of its own. Losing a line makes mail expire a little sooner or later, never
at once. Blocks; called in threads, one call for a domain at a time.
"""

from __future__ import annotations

import re

from shieldrelay.spool.deposit import remove_quietly
from shieldrelay.spool.faults import unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.ledger import Change, Ledger

_LINE = re.compile(rb"([0-9]{1,12}(?:\.[0-9]{1,6})?) (down|up)\Z")
_LONGEST_OCTETS = 4 << 20
LEDGER_NAME = "ledger"


class LedgerFile:
    """The ledger of one domain on disk."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._operations = folder.operations
        self._path = f"{folder.path}/{LEDGER_NAME}"

    def load(self) -> Ledger:
        """Read it; an empty one when there is no file.

        :raises SpoolUnavailable: when it cannot be read.
        """
        try:
            return decode_ledger(self._octets())
        except OSError as error:
            raise unavailable(error) from error

    def append(self, change: Change, at: float) -> None:
        """Add a change; durable when this returns.

        :raises SpoolUnavailable: when it cannot be written; it may count or not.
        """
        try:
            whole = self._octets()[-1:] in (b"", b"\n")
            file = self._operations.open_for_appending(self._path)
            try:
                self._operations.write(file, (b"" if whole else b"\n", _line(change, at)))
                self._operations.fsync(file)
            finally:
                self._operations.close(file)
            self._operations.fsync_directory(self._folder.path)
        except OSError as error:
            raise unavailable(error) from error

    def compact(self, before: float) -> Ledger:
        """Leave out what ended before a time and give the rest; the file is replaced as a whole, if at all."""
        ledger = self.load()
        rest = ledger.since(before)
        if rest != ledger:
            self._replace(rest)
        return rest

    def merge(self, other: Ledger) -> Ledger:
        """Add another ledger's down-times and give the whole; the file is replaced as a whole, if at all."""
        ledger = self.load()
        whole = ledger.united(other)
        if whole != ledger:
            self._replace(whole)
        return whole

    def _replace(self, ledger: Ledger) -> None:
        temporary = self._folder.temporary()
        try:
            file = self._operations.create(temporary)
            try:
                self._operations.write(file, (encode_ledger(ledger),))
                self._operations.fsync(file)
            finally:
                self._operations.close(file)
            self._operations.rename(temporary, self._path)
            self._operations.fsync_directory(self._folder.path)
        except OSError as error:
            remove_quietly(self._folder, temporary)
            raise unavailable(error) from error

    def _octets(self) -> bytes:
        try:
            file = self._operations.open(self._path)
        except FileNotFoundError:
            return b""
        try:
            return self._operations.read(file, 0, _LONGEST_OCTETS)
        finally:
            self._operations.close(file)


def encode_ledger(ledger: Ledger) -> bytes:
    """Give a ledger as a file's octets."""
    return b"".join(_line(change, at) for change, at in ledger.changes())


def decode_ledger(octets: bytes) -> Ledger:
    """Read a file's octets; lines that are torn or not ours are passed over."""
    ledger = Ledger()
    for line in octets.split(b"\n"):
        match = _LINE.match(line)
        if match is not None:
            ledger = ledger.noting(Change(match[2].decode("ascii")), float(match[1]))
    return ledger


def _line(change: Change, at: float) -> bytes:
    return b"%.3f %b\n" % (at, change.value.encode("ascii"))
