"""`Body`: a document on its way into a file, its size bounded before and after decompression.

Sans-io but for the file. What came is whole or it is nothing: a compressed document that breaks off is a fault,
whatever the connection says.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from shieldrelay.importer.fault import FaultKind, ImportFault, shown, system_words

_STEP_OCTETS = 1 << 18


class Body:
    """One document.

    :param coding: of the ``Content-Encoding`` header field: nothing, ``identity`` or ``gzip``.
    :param file: where to write; owned by the caller.
    :param octets_most: before and after decompression.
    :raises ImportFault: another coding.
    """

    def __init__(self, coding: bytes, file: BinaryIO, octets_most: int) -> None:
        known = coding.strip().lower()
        if known not in (b"", b"identity", b"gzip", b"x-gzip"):
            raise ImportFault(FaultKind.MALFORMED, f"the document is coded in {shown(coding, 40)}")
        self._inflater = zlib.decompressobj(wbits=31) if known.endswith(b"gzip") else None
        self._file = file
        self._most = octets_most
        self.received = 0
        self.written = 0

    def feed(self, octets: bytes) -> None:
        """Take what came.

        :raises ImportFault: it is too much, no gzip, or cannot be written.
        """
        self.received += len(octets)
        if self.received > self._most:
            raise self._too_large()
        if self._inflater is None:
            self._write(octets)
        else:
            self._inflate(self._inflater, octets)

    def end(self) -> None:
        """All has come.

        :raises ImportFault: the compressed document is not whole.
        """
        inflater = self._inflater
        if inflater is None:
            return
        while rest := inflater.decompress(b"", _STEP_OCTETS):
            self._write(rest)
        if not inflater.eof:
            raise ImportFault(FaultKind.INCOMPLETE, "the compressed document breaks off")

    def _inflate(self, inflater: zlib._Decompress, octets: bytes) -> None:
        """Decompress in steps, so that a small piece cannot become a large one in memory."""
        try:
            while octets and not inflater.eof:
                self._write(inflater.decompress(octets, _STEP_OCTETS))
                octets = inflater.unused_data or inflater.unconsumed_tail
        except zlib.error:
            raise ImportFault(FaultKind.MALFORMED, "the document is said to be gzip, and is not") from None
        if octets:
            raise ImportFault(FaultKind.MALFORMED, "something follows the compressed document")

    def _write(self, octets: bytes) -> None:
        self.written += len(octets)
        if self.written > self._most:
            raise self._too_large()
        try:
            self._file.write(octets)
        except OSError as error:
            raise ImportFault(FaultKind.UNREADABLE, f"writing aside: {system_words(error)}") from None

    def _too_large(self) -> ImportFault:
        return ImportFault(FaultKind.TOO_LARGE, f"the document has more than {self._most} octets")
