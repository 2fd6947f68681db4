"""`Entries`: what a source yields becomes the line form, in a file aside.

One entry a line: a local-part or an address in UTF-8, and after a TAB ``former`` or ``trap`` where it is not simply
listed. Runs in the child; holds no list in memory. Duplicates stay: whoever builds the version sorts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from shieldrelay.importer.answer import FAULTS_TOLD
from shieldrelay.importer.fault import FaultKind, ImportFault, shown, system_words
from shieldrelay.importer.settings import Limits
from shieldrelay.mail.address import AddressFault, domain_key, parse_mailbox

_FLAGS = {b"": b"", b"listed": b"", b"former": b"\tformer", b"trap": b"\ttrap"}
_KIND = re.compile(rb"([A-Za-z0-9-]+):")
_WRITE_OCTETS = 1 << 18


class Entries:
    """Where sources put what they find.

    :param names: the protected domain first, then its aliases, as ``domain_key`` spells them.
    :param path: of the file; made anew, readable for its owner only.
    :param tick: called with the entries so far, every thousand of them.
    """

    def __init__(self, names: tuple[str, ...], path: Path, limits: Limits, tick: Callable[[int], object]) -> None:
        self._names = frozenset(names)
        self._own = names[0].encode("ascii")
        self._limits = limits
        self._tick = tick
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        self._domains: dict[bytes, bool] = {}
        self._file = _made(path)
        self.octets = 0
        self.count = 0
        self.elsewhere = 0
        self.others = 0
        self.fault_count = 0
        self.faults: list[str] = []

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hexadecimal; once closed, of the file."""
        return self._hash.hexdigest()

    def line(self, text: bytes) -> None:
        """Take a line that has the line form already, or may turn out not to have it when the version is built.

        :raises ImportFault: a limit is exceeded, or the file cannot be written.
        """
        self._pending += text
        self._pending += b"\n"
        self.count += 1
        if not self.count % 1000:
            self._tick(self.count)
        if self.count > self._limits.entries:
            raise ImportFault(FaultKind.TOO_LARGE, f"there are more than {self._limits.entries} entries")
        if len(self._pending) >= _WRITE_OCTETS:
            self._flush()

    def address(self, value: bytes, place: Callable[[], str], flag: bytes = b"") -> None:
        """Take one address or local-part out of a directory or a table.

        Another domain's address is left out and counted; so is a value of another kind (``x400:...``), and one that
        is no address at all, up to a limit.

        :param place: says where the value stood, for the operator.
        :param flag: ``listed`` (or nothing), ``former`` or ``trap``, any case.
        :raises ImportFault: as `line`.
        """
        value = value.strip()
        if not value:
            return
        kind = _KIND.match(value)
        if kind is not None:
            if kind[1].lower() != b"smtp":
                self.others += 1
                return
            value = value[kind.end() :]
        suffix = _FLAGS.get(flag.strip().lower())
        if suffix is None:
            self._fault(place(), f"the flag {shown(flag, 40)} is none of listed, former, trap")
        elif self._is_ours(value, place):
            self.line(_literal(value) + suffix)

    def _is_ours(self, value: bytes, place: Callable[[], str]) -> bool:
        """Whether a value is a lawful address here; counts it when it is not."""
        bare = b"@" not in value or value[-1:] == b'"'
        try:
            domain = b"" if bare else value.rpartition(b"@")[2]
            if not bare and not self._protects(domain):
                self.elsewhere += 1
                return False
            parse_mailbox(value + b"@" + self._own if bare else value, utf8=True)
        except AddressFault as fault:
            self._fault(place(), f"{shown(value, 60)}: {fault}")
            return False
        return True

    def _protects(self, domain: bytes) -> bool:
        known = self._domains.get(domain)
        if known is None:
            known = domain_key(domain) in self._names
            if len(self._domains) < 1000:
                self._domains[domain] = known
        return known

    def _fault(self, place: str, wrong: str) -> None:
        self.fault_count += 1
        if len(self.faults) < FAULTS_TOLD:
            self.faults.append(f"{place}: {wrong}")

    def close(self) -> None:
        """Write the rest, and judge the whole.

        :raises ImportFault: too many values are no addresses, or the file cannot be written.
        """
        self._flush()
        self._file.close()
        limits = self._limits
        values = self.count + self.fault_count
        if self.fault_count > min(limits.faults, limits.fault_share * values):
            told = f"{self.fault_count} of {values} values are no addresses; {self.faults[0]}"
            raise ImportFault(FaultKind.MALFORMED, told)

    def must_have_some(self) -> None:
        """Refuse a source that yielded nothing: a wrong base, column or filter looks like this.

        :raises ImportFault: there is no entry.
        """
        if not self.count:
            also = f" (of other domains: {self.elsewhere})" if self.elsewhere else ""
            raise ImportFault(FaultKind.EMPTY, f"there is no address of {self._own.decode()} in it{also}")

    def _flush(self) -> None:
        self.octets += len(self._pending)
        if self.octets > self._limits.octets:
            raise ImportFault(FaultKind.TOO_LARGE, f"there are more than {self._limits.octets} octets of entries")
        self._hash.update(self._pending)
        try:
            self._file.write(self._pending)
            self._file.flush()
        except OSError as error:
            raise ImportFault(FaultKind.UNREADABLE, f"writing aside: {system_words(error)}") from None
        self._pending.clear()


def _literal(value: bytes) -> bytes:
    """Quote what would mean something in the line form: a directory must not be able to write patterns or comments."""
    if value[:1] == b'"' or (b"*" not in value and value[:1] != b"#"):
        return value
    local, at, domain = value.rpartition(b"@") if b"@" in value else (value, b"", b"")
    return b'"' + local + b'"' + at + domain


def _made(path: Path) -> BinaryIO:
    try:
        path.unlink(missing_ok=True)
        return path.open("xb")
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{path}: {system_words(error)}") from None
