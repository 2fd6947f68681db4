"""The entries of one version, as they are looked up: a small list in memory, a large one in its LMDB file.

The one place that opens LMDB. A version's file is immutable, so it is opened without locks and shared by all processes
through the page cache. A small list is read whole and its file closed: two thousand domains cost no descriptors.

Looked up in the reactor's thread only; `items` may run in another. LMDB believes what a file says and a truncated one
would kill the process, so `shelf` proves length and digest before anything is opened here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import lmdb

from shieldrelay.recipients.fault import BuildFailed
from shieldrelay.recipients.line import CODES, PATTERN_MARK, STANDINGS, Entry
from shieldrelay.recipients.standing import Standing

IN_MEMORY_OCTETS = 32768
"""Keys of at most so many octets (some 2 000 names) are held in memory."""

_BUCKET_NAMES = 8
_MAP_OCTETS = 1 << 36
_BATCH = 50_000


class Names(Protocol):
    """The entries of one version."""

    def standing(self, key: bytes) -> Standing | None:
        """Tell how the name with this key stands; ``None`` for a name that is not there."""

    def items(self) -> Iterator[Entry]:
        """Give all entries, patterns first, sorted by key."""


class NoNames:
    """A list without entries."""

    def standing(self, key: bytes) -> Standing | None:
        """There is none."""
        return None

    def items(self) -> Iterator[Entry]:
        """There are none."""
        return iter(())


class FewNames:
    """Names in memory: buckets of some, each one string that is searched; a tenth of the memory of a dictionary."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(b"\n%b\t%b" % (each.key, CODES[each.standing]) for each in entries)
        self._mask = (1 << max(0, (len(self._entries) // _BUCKET_NAMES).bit_length())) - 1
        sorted_out: list[list[bytes]] = [[] for _ in range(self._mask + 1)]
        for each in self._entries:
            sorted_out[hash(each[1:-2]) & self._mask].append(each)
        self._buckets = tuple(b"".join(each) for each in sorted_out)
        del self._entries

    def standing(self, key: bytes) -> Standing | None:
        """Tell how a name stands."""
        bucket = self._buckets[hash(key) & self._mask]
        wanted = b"\n%b\t" % key
        at = bucket.find(wanted)
        if at < 0:
            return None
        end = at + len(wanted)
        return STANDINGS[bucket[end : end + 1]]

    def items(self) -> Iterator[Entry]:
        """Give all entries, sorted."""
        for each in sorted(line for bucket in self._buckets for line in bucket.split(b"\n")[1:]):
            yield Entry(each[:-2], STANDINGS[each[-1:]])


class ManyNames:
    """Names in an LMDB file that stays open as long as this lives."""

    def __init__(self, file: Path) -> None:
        self._environment = _opened(file)
        self._look_up = self._environment.begin().get

    def standing(self, key: bytes) -> Standing | None:
        """Tell how a name stands."""
        code = self._look_up(key)
        return None if code is None else STANDINGS[code]

    def items(self) -> Iterator[Entry]:
        """Give all entries, sorted, in a transaction of its own."""
        yield from _entries_of(self._environment)


def open_names(file: Path, names_octets: int) -> Names:
    """Open the entries of one version. Blocks for the reading of a small list.

    A file cannot be opened twice in one process while it is large.

    :param names_octets: of all keys, as its record says.
    :raises OSError: it cannot be read; also for what LMDB says of it.
    """
    try:
        if names_octets > IN_MEMORY_OCTETS:
            return ManyNames(file)
        environment = _opened(file)
        try:
            return FewNames(_entries_of(environment))
        finally:
            environment.close()
    except lmdb.Error as error:
        raise OSError(f"it is no list: {error}") from error


def write_names(file: Path, entries: Iterable[Entry]) -> None:
    """Write entries into a new file and sync it.

    :param entries: sorted, each key once; may raise, and then the file is to be removed.
    :raises BuildFailed: the disk refuses.
    """
    try:
        environment = lmdb.open(
            str(file), subdir=False, map_size=_MAP_OCTETS, lock=False, sync=False, metasync=False, mode=0o600
        )
        try:
            _append(environment, entries)
            environment.sync(True)
        finally:
            environment.close()
    except lmdb.Error as error:
        raise BuildFailed(f"the list cannot be written: {error}") from error


def _append(environment: lmdb.Environment, entries: Iterable[Entry]) -> None:
    """Put sorted entries in; a transaction for each batch, so that memory does not grow with the list."""
    transaction = environment.begin(write=True)
    try:
        for count, entry in enumerate(entries, 1):
            transaction.put(entry.key, CODES[entry.standing], append=True)
            if count % _BATCH == 0:
                transaction.commit()
                transaction = environment.begin(write=True)
        transaction.commit()
    except BaseException:
        transaction.abort()
        raise


def _opened(file: Path) -> lmdb.Environment:
    return lmdb.open(
        str(file), subdir=False, readonly=True, lock=False, create=False, readahead=False, map_size=file.stat().st_size
    )


def _entries_of(environment: lmdb.Environment) -> Iterator[Entry]:
    with environment.begin() as transaction:
        for key, code in transaction.cursor():
            yield Entry(key, STANDINGS[code])


def patterns_of(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give the patterns among sorted entries, their mark taken off."""
    found = []
    for entry in entries:
        if entry.key[:1] != PATTERN_MARK:
            break
        found.append(Entry(entry.key[1:], entry.standing))
    return tuple(found)
