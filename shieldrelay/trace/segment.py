"""`Segment`: one file of the index: the journal's lines in compressed blocks, and by which keys each block is found.

A block has the lines of some hundred events. A key leads to blocks, not to lines: the lines of a block are looked
through. That makes the index small, and writing it cheap. Keys are first put into ``fresh``; when a run of blocks is
full they go, in order, into ``term``, at whose end there is always room: nothing is ever written in the middle of a
file that does not fit into memory. How far the journal was read (``meta``) is committed with its lines.

Written by one process (`shelf.Shelf`), read by others meanwhile (WAL). Every method may raise ``sqlite3.Error``.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

BLOCK_LINES = 256
BLOCK_OCTETS = 256 << 10
"""A block is full with so many lines, or octets of them."""
RUN_BLOCKS = 256
"""Blocks whose keys are put in order together: the more, the fewer places a search has to look at."""
CACHE_KIB = 8192
LEVEL = 1
"""Of zlib: its next levels cost twice the CPU for a tenth of the octets."""
FORMAT = "1"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE block (number INTEGER PRIMARY KEY, first REAL NOT NULL, last REAL NOT NULL, lines INTEGER NOT NULL,
                    body BLOB NOT NULL);
CREATE INDEX moment ON block (number, first, last, lines);
CREATE TABLE fresh (key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (key, block)) WITHOUT ROWID;
CREATE TABLE term (run INTEGER NOT NULL, key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (run, key, block))
    WITHOUT ROWID;
"""


class OtherFormat(sqlite3.DatabaseError):
    """The file was written by another version."""


def pack(lines: Sequence[bytes]) -> bytes:
    """Give a block's body."""
    return zlib.compress(b"\n".join(lines), LEVEL)


def unpack(body: bytes) -> list[bytes]:
    """Give a block's lines; one that was removed is empty.

    :raises sqlite3.DatabaseError: it is no body.
    """
    try:
        return zlib.decompress(body).split(b"\n")
    except zlib.error as error:
        raise sqlite3.DatabaseError(f"a block cannot be read: {error}") from error


class Segment:
    """One file, opened to be written.

    :param path: made when it is not there.
    :ivar lines: that it has, ``first`` and ``last`` their times; 0 without any.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: set[int] = set()
        self._times: tuple[float, float] | None = None
        self._dirty = False
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'term'").fetchone():
            db.executescript("BEGIN;" + _SCHEMA + "COMMIT;")
            self.note("format", FORMAT)
        if self.noted("format") != FORMAT:
            raise OtherFormat(f"{self.path} has the format {self.noted('format')}")
        row = db.execute("SELECT coalesce(sum(lines), 0), coalesce(min(first), 0), coalesce(max(last), 0) FROM block")
        self.lines: int = 0
        self.first, self.last = 0.0, 0.0
        self.lines, self.first, self.last = row.fetchone()
        self._number, self._block, self._octets = self._begun()

    def _begun(self) -> tuple[int, list[bytes], int]:
        """Give the block that is not full yet."""
        row = self._db.execute("SELECT number, lines, body FROM block ORDER BY number DESC LIMIT 1").fetchone()
        if row is None:
            return 0, [], 0
        number, count, body = row
        lines = unpack(body)
        octets = sum(map(len, lines))
        if count >= BLOCK_LINES or octets >= BLOCK_OCTETS:
            return number + 1, [], 0
        return number, lines, octets

    @property
    def octets(self) -> int:
        """What it takes on disk."""
        return sum(file.stat().st_size for file in files_of(self.path) if file.exists())

    def add(self, at: float, line: bytes, keys: Iterable[int]) -> None:
        """Add a line; it can be found after the next `commit`."""
        if self._octets + len(line) > BLOCK_OCTETS and self._block:
            self._end_block()
        self._block.append(line)
        self._octets += len(line)
        self._keys.update(keys)
        first, last = self._times or (at, at)
        self._times = min(first, at), max(last, at)
        self.lines += 1
        self._dirty = True
        if len(self._block) >= BLOCK_LINES:
            self._end_block()

    def note(self, name: str, value: str) -> None:
        """Keep a word; with what was added, if there was anything."""
        if self._dirty:
            self._begin()
        self._db.execute("REPLACE INTO meta VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str:
        """Give a word that was kept; ``""``: none."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def commit(self) -> None:
        """Have what was added found, and kept over crashes."""
        if self._keys:
            self._write()
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._dirty = False

    def close(self) -> None:
        """Let go; what was not committed is lost."""
        self._db.close()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _write(self) -> None:
        """Write the block as far as it is."""
        self._begin()
        first, last = self._times or (0.0, 0.0)
        known = self._db.execute("SELECT first, last FROM block WHERE number = ?", (self._number,)).fetchone()
        if known is not None:
            first, last = min(first, known[0]), max(last, known[1])
        row = (self._number, first, last, len(self._block), pack(self._block))
        self._db.execute("REPLACE INTO block VALUES (?, ?, ?, ?, ?)", row)
        number = self._number
        self._db.executemany("INSERT OR IGNORE INTO fresh VALUES (?, ?)", [(key, number) for key in sorted(self._keys)])
        self.first = min(self.first or first, first)
        self.last = max(self.last, last)
        self._keys.clear()
        self._times = None

    def _end_block(self) -> None:
        self._write()
        self._number += 1
        self._block, self._octets = [], 0
        if self._number % RUN_BLOCKS == 0:
            self._end_run(self._number // RUN_BLOCKS - 1)

    def _end_run(self, run: int) -> None:
        self._db.execute("INSERT INTO term SELECT ?, key, block FROM fresh ORDER BY key, block", (run,))
        self._db.execute("DELETE FROM fresh")

    def thin(self, key: int, expired: Callable[[bytes], bool]) -> int:
        """Remove lines, from the blocks that a key leads to; what is left keeps its place. Nothing was added before.

        :param expired: says of a line whether it is to go.
        :return: how many went.
        """
        gone = 0
        asked = "SELECT block FROM term WHERE run = ? AND key = ? UNION SELECT block FROM fresh WHERE key = ?"
        for run in range(self._number // RUN_BLOCKS + 1):
            for (number,) in self._db.execute(asked, (run, key, key)).fetchall():
                gone += self._thin_block(number, expired)
        return gone

    def _thin_block(self, number: int, expired: Callable[[bytes], bool]) -> int:
        row = self._db.execute("SELECT body FROM block WHERE number = ?", (number,)).fetchone()
        if row is None:
            return 0
        lines = unpack(row[0])
        left = [b"" if line and expired(line) else line for line in lines]
        gone = sum(1 for line, kept in zip(lines, left, strict=True) if line != kept)
        if gone:
            self._db.execute("UPDATE block SET body = ? WHERE number = ?", (pack(left), number))
        return gone


@frozen
class Extent:
    """What a search needs to know of a file.

    :ivar blocks: the number behind the last one.
    """

    first: float
    last: float
    blocks: int


class SegmentView:
    """One file, opened to be searched: as it is when it is first asked. See `Segment` for what may be raised."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.execute("BEGIN")

    def extent(self) -> Extent | None:
        """Give its extent; ``None``: it has no lines."""
        row = self._db.execute("SELECT min(first), max(last), max(number) FROM block").fetchone()
        return None if row[2] is None else Extent(row[0], row[1], row[2] + 1)

    def lines(self, number: int) -> list[bytes]:
        """Give a block's lines."""
        row = self._db.execute("SELECT body FROM block WHERE number = ?", (number,)).fetchone()
        return [] if row is None else unpack(row[0])

    def within(self, run: int, since: float, until: float) -> set[int]:
        """Give the blocks of a run that have lines between two moments."""
        asked = "SELECT number FROM block WHERE number BETWEEN ? AND ? AND last >= ? AND first <= ?"
        first = run * RUN_BLOCKS
        return {row[0] for row in self._db.execute(asked, (first, first + RUN_BLOCKS - 1, since, until))}

    def having(self, run: int, key: int) -> set[int]:
        """Give the blocks of a run that a key leads to."""
        found = {row[0] for row in self._db.execute("SELECT block FROM term WHERE run = ? AND key = ?", (run, key))}
        found.update(number for number in self._fresh(key) if number // RUN_BLOCKS == run)
        return found

    def _fresh(self, key: int) -> Iterator[int]:
        for row in self._db.execute("SELECT block FROM fresh WHERE key = ?", (key,)):
            yield row[0]

    def close(self) -> None:
        """Let go."""
        self._db.close()


def files_of(path: Path) -> tuple[Path, ...]:
    """Give a segment's files."""
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
