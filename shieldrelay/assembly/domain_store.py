"""`DomainStore`: domains that were given at run time, as files of the state directory (R31).

``NAME.toml`` has the settings of one, ``NAME.removed`` says that it was taken away; the first line of both says which
decision of the cluster that was. Blocking; each file is there whole or as it was. `config.pushed` reads the same files
as part of the configuration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen

from shieldrelay.config import pushed
from shieldrelay.recipients.shelf import replace

_FIRST = "# pushed "
_REMOVED = ".removed"


@frozen
class PushedDomain:
    """What was decided of a domain.

    :ivar text: its settings, TOML; ``None``: it was taken away.
    :ivar at: when, and ``id`` of the decision; an empty one: the others have not been told.
    :ivar by: whose decision it was.
    """

    domain: str
    text: str | None
    at: float
    id: str
    by: str

    @property
    def age(self) -> tuple[float, str]:
        """As `Change.age`."""
        return self.at, self.id

    @property
    def digest(self) -> str:
        """Tell one from another; empty for one that was taken away."""
        return "" if self.text is None else hashlib.blake2b(self.text.encode("utf-8"), digest_size=16).hexdigest()


class DomainStore:
    """The files."""

    def __init__(self, state: str) -> None:
        self._directory = pushed.directory_of(state)

    def all(self) -> dict[str, PushedDomain]:
        """Give everything that is known, by domain."""
        names = {file.name.removesuffix(_REMOVED).removesuffix(pushed.SUFFIX) for file in self._files()}
        found = {name: self.get(name) for name in names}
        return {name: one for name, one in found.items() if one is not None}

    def get(self, domain: str) -> PushedDomain | None:
        """Give the last that was decided of one; what an operator has put there by hand was decided long ago."""
        read = [_read(domain, file) for file in self._both(domain)]
        return max((one for one in read if one is not None), key=lambda one: one.age, default=None)

    def write(self, decided: Iterable[PushedDomain]) -> Callable[[], None]:
        """Write some; gives what makes everything as it was.

        :raises OSError: the disk refuses.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        before: dict[Path, bytes | None] = {}
        for one in decided:
            settings, removed = self._both(one.domain)
            before |= {file: _octets(file) for file in (settings, removed)}
            mark = _FIRST + json.dumps({"at": one.at, "id": one.id, "by": one.by}) + "\n"
            there, gone = (removed, settings) if one.text is None else (settings, removed)
            replace(there, (mark + (one.text or "")).encode("utf-8"))
            gone.unlink(missing_ok=True)
        return lambda: _restore(before)

    def write_later(self, decided: Iterable[PushedDomain]) -> Callable[[], None]:
        """Write those of them that are later than what is known."""
        known = ((self.get(one.domain), one) for one in decided)
        return self.write([one for here, one in known if here is None or here.age < one.age])

    def stamp(self) -> frozenset[tuple[str, int, int]]:
        """Give what differs when a file does."""
        found = set()
        for file in self._files():
            try:
                status = file.stat()
            except FileNotFoundError:
                continue
            found.add((file.name, status.st_mtime_ns, status.st_size))
        return frozenset(found)

    def _files(self) -> list[Path]:
        try:
            return [file for file in self._directory.iterdir() if file.suffix in (pushed.SUFFIX, _REMOVED)]
        except FileNotFoundError:
            return []

    def _both(self, domain: str) -> tuple[Path, Path]:
        if "/" in domain or domain.startswith("."):
            raise ValueError(f"{domain!r} cannot be a file's name")
        return self._directory / f"{domain}{pushed.SUFFIX}", self._directory / f"{domain}{_REMOVED}"


def _read(domain: str, file: Path) -> PushedDomain | None:
    octets = _octets(file)
    if octets is None:
        return None
    text = octets.decode("utf-8", "replace")
    first, _, rest = text.partition("\n")
    is_removed = file.suffix == _REMOVED
    try:
        mark = json.loads(first.removeprefix(_FIRST) if first.startswith(_FIRST) else "{}")
        return PushedDomain(
            domain, None if is_removed else rest, float(mark["at"]), str(mark["id"]), str(mark["by"])
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None if is_removed else PushedDomain(domain, text, 0.0, "", "")


def _octets(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _restore(before: dict[Path, bytes | None]) -> None:
    for file, octets in before.items():
        if octets is None:
            file.unlink(missing_ok=True)
        else:
            replace(file, octets)
