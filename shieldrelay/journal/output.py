"""Where journal lines go: a file that log rotation may move away, or standard output.

Neither ever waits: a pipe or terminal that is full takes less, and the journal keeps the rest. Called by
`Journal.flush` only.
"""

from __future__ import annotations

import os
import select
import stat
from typing import Protocol

STDOUT = 1

_PIECE_OCTETS = 4096
"""What a pipe that says it is writable takes without waiting (PIPE_BUF, pipe(7))."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


class Output(Protocol):
    """Something that takes octets."""

    def write(self, octets: bytes) -> int:
        """Take as many as go without waiting and tell how many.

        :raises OSError: when none can be taken now; a later call may succeed.
        """

    def reopen(self) -> None:
        """Open the file anew, by its name. :raises OSError: the old one stays in use."""

    def close(self) -> None:
        """Let go of it."""


class FileOutput:
    """A regular file, appended to."""

    def __init__(self, path: str) -> None:
        """Open or make it, mode 0640.

        :raises OSError: when that fails.
        """
        self._path = path
        self._descriptor = os.open(path, _FLAGS, 0o640)

    def write(self, octets: bytes) -> int:
        """Append."""
        return os.write(self._descriptor, octets)

    def reopen(self) -> None:
        """Open the file anew, after log rotation has moved it."""
        fresh = os.open(self._path, _FLAGS, 0o640)
        os.close(self._descriptor)
        self._descriptor = fresh

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class StreamOutput:
    """A descriptor that somebody else opened: standard output, to a terminal, a pipe, a socket or a file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, octets: bytes) -> int:
        """Write in pieces for as long as the other end takes them at once."""
        if self._plain:
            return os.write(self._descriptor, octets)
        taken = 0
        while taken < len(octets) and self._poll.poll(0):
            taken += os.write(self._descriptor, _piece(octets, taken))
        return taken

    def reopen(self) -> None:
        """Do nothing: it is not ours."""

    def close(self) -> None:
        """Do nothing: it is not ours."""


def _piece(octets: bytes, begin: int) -> bytes:
    """Give the next whole lines that fit: workers share the stream, and a line in two pieces could get another between.

    Of a line that is too long by itself, a part.
    """
    piece = octets[begin : begin + _PIECE_OCTETS]
    return piece[: piece.rfind(b"\n") + 1] or piece


def open_output(path: str) -> Output:
    """Open what ``[node] journal`` names.

    :param path: a file, or ``-`` for standard output.
    :raises OSError: when the file cannot be opened.
    """
    return StreamOutput(STDOUT) if path == "-" else FileOutput(path)
