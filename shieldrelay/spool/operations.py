"""Everything that the spool asks of the operating system: the one seam between it and a disk.

Each method is one step that can fail, or be the last one before a crash; ``shieldrelay.testing.disk`` has the same
methods on a disk that forgets what was not synced. Called in threads; blocks; knows nothing of mail. Whatever fails
is the operating system's OSError, and the step then did not happen (a write may have happened in part).
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence

from attrs import frozen

_BLOCKS_AT_ONCE = 512
_ONLY_ONCE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FOR_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_FOR_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW


@frozen
class Status:
    """What a name stands for.

    :ivar size: octets.
    :ivar due: the mtime in seconds since the epoch, to whole milliseconds.
    :ivar regular: whether it is a regular file: no directory, symbolic link, pipe or device.
    """

    size: int
    due: float
    regular: bool


@frozen
class Access:
    """Who may do what with a file: its mode with the kind of file in it, as ``st_mode``, and its owner's user id."""

    mode: int
    owner: int


@frozen
class Space:
    """What a file system has left for us; ``inodes_all`` is 0 where they are not counted."""

    octets_free: int
    octets_all: int
    inodes_free: int
    inodes_all: int


class FileOperations:
    """The real disk."""

    def create(self, path: str) -> int:
        """Make a file that did not exist, 0600, and give its descriptor for writing; follows no link."""
        return os.open(path, _ONLY_ONCE, 0o600)

    def open(self, path: str) -> int:
        """Give a descriptor for reading; follows no link and waits for no writer of a pipe."""
        return os.open(path, _FOR_READING)

    def open_for_appending(self, path: str) -> int:
        """Give a descriptor for reading and appending; makes the file, 0600, when there is none."""
        return os.open(path, _FOR_APPENDING, 0o600)

    def write(self, file: int, blocks: Sequence[bytes]) -> None:
        """Write all blocks where the file stands."""
        for at in range(0, len(blocks), _BLOCKS_AT_ONCE):
            part = blocks[at : at + _BLOCKS_AT_ONCE]
            written = os.writev(file, part)
            if written < sum(map(len, part)):
                _write_rest(file, memoryview(b"".join(part))[written:])

    def read(self, file: int, offset: int, octets: int) -> bytes:
        """Give at most so many octets from there on; fewer only at the end of the file."""
        return os.pread(file, octets, offset)

    def fsync(self, file: int) -> None:
        """Fire when content and mtime are durable. After a failure the descriptor proves nothing any more (R13)."""
        os.fsync(file)

    def close(self, file: int) -> None:
        """Let go of a descriptor."""
        os.close(file)

    def set_due(self, file: int | str, due: float) -> None:
        """Set the mtime, to whole milliseconds, of an open file or of a name."""
        nanoseconds = round(due * 1000) * 1_000_000
        if isinstance(file, int):
            os.utime(file, ns=(nanoseconds, nanoseconds))
        else:
            os.utime(file, ns=(nanoseconds, nanoseconds), follow_symlinks=False)

    def status(self, file: int | str) -> Status:
        """Say what an open file is, or what a name stands for; follows no link."""
        found = os.fstat(file) if isinstance(file, int) else os.stat(file, follow_symlinks=False)
        return Status(found.st_size, round(found.st_mtime_ns / 1e6) / 1e3, stat.S_ISREG(found.st_mode))

    def access(self, path: str) -> Access:
        """Say who may do what with what a name stands for; follows no link."""
        found = os.stat(path, follow_symlinks=False)
        return Access(found.st_mode, found.st_uid)

    def identity(self, file: int | str) -> tuple[int, int]:
        """Say which file an open file or a name is: two names of one file give the same; follows no link."""
        found = os.fstat(file) if isinstance(file, int) else os.stat(file, follow_symlinks=False)
        return found.st_dev, found.st_ino

    def link(self, path: str, other: str) -> None:
        """Give a file a second name; FileExistsError when that name is taken."""
        os.link(path, other, follow_symlinks=False)

    def unlink(self, path: str) -> None:
        """Take a name away."""
        os.unlink(path)

    def rename(self, path: str, other: str) -> None:
        """Give a name's file another name instead, replacing what had it.

        A directory replaces nothing that has anything in it, and moves as a whole: a crash finds it here or there.
        """
        os.rename(path, other)

    def make_directory(self, path: str) -> None:
        """Make a directory, 0700; FileExistsError when the name is taken."""
        os.mkdir(path, 0o700)

    def remove_directory(self, path: str) -> None:
        """Take a directory away; OSError (ENOTEMPTY) when anything is in it."""
        os.rmdir(path)

    def fsync_directory(self, path: str) -> None:
        """Make those names durable that the directory has when this is called, not those that come meanwhile."""
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def names(self, path: str) -> Iterator[str]:
        """Give the names in a directory one by one, in no order."""
        with os.scandir(path) as entries:
            for entry in entries:
                yield entry.name

    def scan(self, path: str) -> Iterator[tuple[str, int, float, bool]]:
        """Give the names in a directory one by one, each with size, due and regular as in `Status`.

        Names that go away meanwhile are left out.
        """
        regular = stat.S_ISREG
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield entry.name, found.st_size, round(found.st_mtime_ns / 1e6) / 1e3, regular(found.st_mode)

    def space(self, path: str) -> Space:
        """Say what the file system under a path has left for an unprivileged user."""
        found = os.statvfs(path)
        return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, found.f_favail, found.f_files)

    def lock(self, file: int) -> bool:
        """Take the only lock on an open file until it is closed; false when somebody else has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def replace_content(self, file: int, octets: bytes) -> None:
        """Make an open file hold just this: for notes that need no durability."""
        os.ftruncate(file, 0)
        os.pwrite(file, octets, 0)


def _write_rest(file: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(file, rest) :]
