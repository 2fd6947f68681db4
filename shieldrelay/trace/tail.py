"""`Tail`: reads the journal's file as it grows, through rotation by renaming or by copying and truncating.

A position is the file's inode, the offset, and the octets before it: a file that was truncated and has grown again is
seen by them. When the file has another inode, the old one is read to its end, then those that were rotated since, then
the new one. A line is given when its end has come. Never waits.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import blake2b
from pathlib import Path

from attrs import frozen

MARK_OCTETS = 1024
"""Octets before a position that must still be there: two lines, whose times differ whatever else is alike."""
LINE_OCTETS = 64 << 10
"""A longer line is none of ours."""
QUIET_SECONDS = 3.0
"""So long must a file that was rotated be still before the next one is read: not every process changes over at once."""
_ROTATED = re.compile(r"[.-][0-9][0-9._-]*\Z")


@frozen
class Position:
    """How far the journal was read.

    :ivar mark: a digest of the octets before it.
    """

    inode: int
    offset: int
    mark: str

    def encode(self) -> str:
        """Write it."""
        return json.dumps([self.inode, self.offset, self.mark])


def position_of(written: str) -> Position | None:
    """Read a position; ``None``: it is none."""
    try:
        inode, offset, mark = json.loads(written)
        return Position(int(inode), int(offset), str(mark))
    except (ValueError, TypeError):
        return None


def _digest(octets: bytes) -> str:
    return blake2b(octets, digest_size=16).hexdigest()


class Tail:
    """Reads.

    :param path: of the journal; it need not be there yet.
    :param most: so much of a journal is read at the very first.
    :ivar broken: lines that were too long, or whose beginning was lost.
    """

    def __init__(self, path: str, position: Position | None, most: int) -> None:
        self._path = Path(path)
        self._file: int | None = None
        self._inode = 0
        self._offset = 0
        self._mark = b""
        self._rest = b""
        self._skipping = False
        self._still: float | None = None
        self.broken = 0
        self._begin(position, most)

    def position(self) -> str:
        """Give how far lines were given; ``""``: there was no file yet."""
        if self._file is None:
            return ""
        offset = self._offset - len(self._rest)
        return Position(self._inode, offset, _digest(self._before(self._file, offset))).encode()

    def read(self, octets: int, now: float) -> list[bytes]:
        """Give the lines that have come, of so many octets at most.

        :param now: seconds, of a clock that does not jump.
        :raises OSError: the file cannot be read.
        """
        if self._file is None and not self._open_path():
            return []
        assert self._file is not None
        self._look_for_truncation()
        read = os.pread(self._file, octets, self._offset)
        if not read:
            self._look_for_another(now)
            return []
        self._still = None
        self._offset += len(read)
        return self._lines(read)

    def behind(self) -> int:
        """Give how many octets there are still to be read."""
        if self._file is None:
            return 0
        size = os.fstat(self._file).st_size
        later = sum(status.st_size for _, status in self._later())
        return max(0, size - self._offset) + later

    def skip(self, octets: int) -> None:
        """Pass over so much of this file, to the next line."""
        assert self._file is not None
        self._offset = min(self._offset + octets, os.fstat(self._file).st_size)
        self._rest = b""
        self._skipping = True
        self._mark = b""

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # where to begin

    def _begin(self, position: Position | None, most: int) -> None:
        if position is not None:
            for path in (self._path, *self._siblings()):
                if self._resumed(path, position):
                    return
        if self._open_path():
            assert self._file is not None
            size = os.fstat(self._file).st_size
            if position is None and size > most:
                self.skip(size - most)

    def _resumed(self, path: Path, position: Position) -> bool:
        """Go on in a file, if it is the one."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        before = self._before(file, position.offset)
        if os.fstat(file).st_ino != position.inode or _digest(before) != position.mark:
            os.close(file)
            return False
        self._take(file)
        self._offset = position.offset
        self._mark = before
        return True

    def _open_path(self) -> bool:
        try:
            self._take(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            return False
        return True

    def _take(self, file: int) -> None:
        self.close()
        self._file = file
        self._inode = os.fstat(file).st_ino
        self._offset = 0
        self._mark = b""
        self._still = None
        self.broken += bool(self._rest)
        self._rest, self._skipping = b"", False

    # how it goes on

    def _before(self, file: int, offset: int) -> bytes:
        """Give the octets before a position."""
        begin = max(0, offset - MARK_OCTETS)
        return os.pread(file, offset - begin, begin)

    def _look_for_truncation(self) -> None:
        """Begin at the beginning of a file that is not what it was."""
        assert self._file is not None
        known = self._mark
        if known and os.pread(self._file, len(known), self._offset - len(known)) == known:
            return
        if known or os.fstat(self._file).st_size < self._offset:
            self._offset = 0
            self.broken += bool(self._rest)
            self._rest, self._mark, self._skipping = b"", b"", False

    def _lines(self, read: bytes) -> list[bytes]:
        self._mark = (self._mark + read)[-MARK_OCTETS:]
        *lines, self._rest = (self._rest + read).split(b"\n")
        if self._skipping and lines:
            del lines[0]
            self._skipping = False
            self.broken += 1
        if len(self._rest) > LINE_OCTETS:
            self._rest, self._skipping = b"", True
        return lines

    def _look_for_another(self, now: float) -> None:
        """Change over to the next file, when this one was rotated and is still."""
        later = self._later()
        if not later:
            self._still = None
            return
        if self._still is None:
            self._still = now
        elif now - self._still >= QUIET_SECONDS:
            try:
                self._take(os.open(later[0][0], os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                return

    def _later(self) -> list[tuple[Path, os.stat_result]]:
        """Give the files that follow this one, the next first; none when this one is still the journal."""
        try:
            live = self._path.stat()
        except FileNotFoundError:
            return []
        if live.st_ino == self._inode or self._file is None:
            return []
        changed = os.fstat(self._file).st_mtime
        between = []
        for path in self._siblings():
            status = path.stat()
            if status.st_ino not in (self._inode, live.st_ino) and status.st_mtime > changed:
                between.append((path, status))
        return [*sorted(between, key=lambda each: each[1].st_mtime), (self._path, live)]

    def _siblings(self) -> list[Path]:
        """Give what the journal was rotated to, as far as it is not compressed."""
        name = self._path.name
        try:
            return [
                each for each in self._path.parent.iterdir()
                if each.name.startswith(name) and _ROTATED.match(each.name[len(name):])
            ]  # fmt: skip
        except OSError:
            return []
