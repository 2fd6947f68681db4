"""`Shelf`: the files of the index in their order: a new one each day, the oldest away when time or room is up.

The one who writes holds the directory's lock. A file that cannot be read is set aside, once; the one before it says
how far the journal had been read then, so that what is still in the journal is read again.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from shieldrelay.trace.segment import Segment, files_of

POSITION = "position"
SHARES = 8
"""One file takes at most this part of the room for all."""
ASIDE = ".damaged"
_NAME = re.compile(r"trace-([0-9]{6})\.db\Z")


class ShelfInUse(Exception):
    """Another process writes here."""


def paths(directory: Path) -> list[Path]:
    """Give the files, the oldest first."""
    found = [each for each in directory.iterdir() if _NAME.match(each.name)]
    return sorted(found)


def number_of(path: Path) -> int:
    """Give a file's number."""
    match = _NAME.match(path.name)
    return int(match[1]) if match else 0


def path_of(directory: Path, number: int) -> Path:
    """Give the file of a number."""
    return directory / f"trace-{number:06d}.db"


class Shelf:
    """The files, for the one who writes.

    :param octets: what all may take.
    :param tell: told of a file that was set aside, and why.
    :raises ShelfInUse: there is somebody else.
    :raises OSError: (``sqlite3.Error``) the directory refuses.
    """

    def __init__(self, directory: Path, octets: int, tell: Callable[[str, str], object]) -> None:
        self._directory = directory
        self._octets = octets
        self._tell = tell
        self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ShelfInUse(f"another process writes {directory}") from None
        self._closed: dict[Path, tuple[float, float, int]] = {}
        try:
            self.current = self._newest()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def oldest(self) -> float | None:
        """The time of the oldest line."""
        firsts = [first for first, _, lines in self._closed.values() if lines]
        firsts += [self.current.first] if self.current.lines else []
        return min(firsts) if firsts else None

    @property
    def lines(self) -> int:
        """All lines."""
        return self.current.lines + sum(lines for _, _, lines in self._closed.values())

    @property
    def octets(self) -> int:
        """What they take on disk."""
        return sum(file.stat().st_size for path in paths(self._directory) for file in files_of(path) if file.exists())

    def position(self) -> str:
        """Give how far the journal was read; ``""``: nobody knows."""
        return self.current.noted(POSITION)

    def turn(self, day: str) -> None:
        """Go on in a new file when the day is another one, or this one is large; `Segment.commit` was called before."""
        current = self.current
        if not current.noted("day"):
            current.note("day", day)
        if current.lines and (current.noted("day") != day or current.octets > self._octets // SHARES):
            self._next(day, self.position())

    def expire(self, keep: float, now: float) -> int:
        """Remove at most one file whose lines are all too old: a clock that jumps must not empty the shelf at once.

        :return: how many files went.
        """
        if all(last >= now - keep for _, last, _ in self._closed.values()):
            return 0
        self._remove(min(self._closed))  # what came before is older, whatever the clock said then
        return 1

    def shrink(self, most: int) -> int:
        """Remove the oldest files until all take so much at most; give how many went. The current one stays."""
        gone = 0
        for path in sorted(self._closed):
            if self.octets <= most:
                break
            self._remove(path)
            gone += 1
        return gone

    def closed(self) -> list[Path]:
        """Give the files that nothing is added to any more, the oldest first."""
        return sorted(self._closed)

    def older(self, than: float) -> list[Path]:
        """Give those of them whose lines are all older than a moment."""
        return [path for path in self.closed() if self._closed[path][1] < than]

    def set_aside(self, why: str) -> None:
        """Put the current file aside and go on in a new one, from where the one before it ended."""
        self.current.close()
        self._aside(self.current.path, why)
        self.current = self._newest()

    def close(self) -> None:
        """Let go of everything."""
        self.current.close()
        os.close(self._lock)

    def _newest(self) -> Segment:
        """Open the newest file that can be; what cannot be is set aside."""
        known = paths(self._directory)
        number = number_of(known[-1]) if known else 0
        for path in reversed(known):
            try:
                opened = Segment(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) and not _is_broken(error):
                    raise
                self._aside(path, str(error))
                continue
            self._closed = {each: _extent(each) for each in known if each < path and each.exists()}
            if number_of(path) == number:
                return opened
            position, self.current = opened.noted(POSITION), opened
            opened.close()
            self._closed[path] = _extent(path)
            return self._made(number + 1, "", position)
        self._closed = {}
        return self._made(number + 1, "", "")

    def _next(self, day: str, position: str) -> None:
        old = self.current
        self._closed[old.path] = (old.first, old.last, old.lines)
        old.close()
        self.current = self._made(number_of(old.path) + 1, day, position)

    def _made(self, number: int, day: str, position: str) -> Segment:
        made = Segment(path_of(self._directory, number))
        if position:
            made.note(POSITION, position)
        if day:
            made.note("day", day)
        return made

    def _remove(self, path: Path) -> None:
        del self._closed[path]
        for file in files_of(path):
            file.unlink(missing_ok=True)

    def _aside(self, path: Path, why: str) -> None:
        """Keep one damaged file, for who wants to look; the one before it goes."""
        for old in self._directory.glob(f"*{ASIDE}"):
            old.unlink()
        main, *others = files_of(path)
        for file in others:
            file.unlink(missing_ok=True)
        main.replace(main.with_name(main.name + ASIDE))
        self._tell(str(main), why)


def _extent(path: Path) -> tuple[float, float, int]:
    """Give a closed file's first and last time and its lines; one that cannot be read is as old as its last change."""
    try:
        segment = Segment(path)
    except sqlite3.Error:
        return 0.0, path.stat().st_mtime, 0
    known = segment.first, segment.last, segment.lines
    segment.close()
    return known


def _is_broken(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
