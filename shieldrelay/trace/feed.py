"""`Feed`: reads the journal from a named pipe, of nodes whose journal goes to standard output.

The node's processes write into it what they write out, as far as it takes that at once: what the pipe has no room for
is not seen here, and counted by them. There is no position to come back to: what is told while nobody reads is lost.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import termios
from pathlib import Path

from shieldrelay.trace.tail import LINE_OCTETS

NAME = "feed"
PIPE_OCTETS = 1 << 20


class Feed:
    """Reads.

    :param directory: of the index; the pipe is made there.
    :raises OSError: it cannot be made.
    :ivar broken: lines that were too long.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / NAME
        if path.exists() and not stat.S_ISFIFO(path.stat().st_mode):
            path.unlink()
        if not path.exists():
            os.mkfifo(path, 0o600)
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # so that it never ends
        fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
        self._rest = b""
        self.broken = 0

    def position(self) -> str:
        """Give nothing: it cannot be read again."""
        return ""

    def read(self, octets: int, now: float) -> list[bytes]:
        """Give the lines that have come, of so many octets at most."""
        try:
            read = os.read(self._file, octets)
        except BlockingIOError:
            return []
        *lines, self._rest = (self._rest + read).split(b"\n")
        if len(self._rest) > LINE_OCTETS:
            self._rest = b""
            self.broken += 1
        return lines

    def behind(self) -> int:
        """Give how many octets wait in the pipe."""
        return int(struct.unpack("i", fcntl.ioctl(self._file, termios.FIONREAD, b"\0" * 4))[0])

    def skip(self, octets: int) -> None:
        """Pass over nothing: a pipe that is not read fast enough sheds by itself."""

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)
