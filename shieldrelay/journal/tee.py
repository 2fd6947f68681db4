"""`FedOutput`: an output that hands what it writes to the trace's named pipe too, as far as that takes it at once.

For nodes whose journal is no file. What the pipe has no room for is dropped by whole lines and counted; the count is
put into the pipe when it takes something again. The output itself is as if there were no pipe.
"""

from __future__ import annotations

import os
from pathlib import Path

from shieldrelay.journal.output import Output

PENDING_OCTETS = 1 << 18
"""What is kept for a pipe that is full."""
PIECE_OCTETS = 4096
"""What goes into a pipe whole, whoever else writes (PIPE_BUF, pipe(7))."""
TRY_EVERY = 10
"""So many writes apart it is tried to open the pipe, while nobody reads it."""


class FedOutput:
    """Writes to an output, and feeds.

    :param path: of the pipe.
    :ivar lost: lines that the pipe did not get, and was not told of yet.
    """

    def __init__(self, output: Output, path: Path) -> None:
        self._output = output
        self._path = path
        self._pipe: int | None = None
        self._pending = b""
        self._tries = 0
        self.lost = 0

    def write(self, octets: bytes) -> int:
        """Write (`Output.write`)."""
        taken = self._output.write(octets)
        self._feed(octets[:taken])
        return taken

    def reopen(self) -> None:
        """Open the output anew."""
        self._output.reopen()

    def close(self) -> None:
        """Let go of both."""
        self._output.close()
        self._let_go()

    def _feed(self, octets: bytes) -> None:
        self._pending += octets
        if self._pipe is None and not self._opened():
            self._drop(0)
            return
        if self.lost:
            self._pending = b'{"lost":%d}\n' % self.lost + self._pending
            self.lost = 0
        self._write()
        if len(self._pending) > PENDING_OCTETS:
            self._drop(PENDING_OCTETS // 2)

    def _write(self) -> None:
        """Write whole lines for as long as they are taken."""
        assert self._pipe is not None
        done = 0
        try:
            while done < len(self._pending):
                piece = self._pending[done : done + PIECE_OCTETS]
                piece = piece[: piece.rfind(b"\n") + 1] or (piece if len(piece) == PIECE_OCTETS else b"")
                if not piece:
                    break
                done += os.write(self._pipe, piece)
        except BlockingIOError:
            done += 0
        except OSError:
            self._let_go()
        self._pending = self._pending[done:]

    def _drop(self, most: int) -> None:
        """Keep so many octets at most, the latest, and the beginning of a line that has not come whole."""
        end = self._pending.rfind(b"\n") + 1
        begin = self._pending.find(b"\n", max(0, end - most)) + 1 if most else end
        self.lost += self._pending.count(b"\n", 0, begin)
        self._pending = self._pending[begin:]

    def _opened(self) -> bool:
        self._tries += 1
        if self._tries % TRY_EVERY != 1:
            return False
        try:
            self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # nobody reads it, or it is not there yet
            return False
        return True

    def _let_go(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
