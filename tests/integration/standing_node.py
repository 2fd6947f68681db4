"""A node that can be made to stand still at any of its steps, and whose disk's locks keep nobody out.

``python -m tests.integration.standing_node FILE ...``, otherwise as ``twistd ...``. On SIGUSR1 it reads a number from
that file, and stops itself, as SIGSTOP does, before the so-manieth step from then on; once. A
step is a file operation of the spool, or octets written to a client or to the customer's server. The locks are those
of storage that several machines reach and that tells none of them what the others hold (R15).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.scripts.twistd import run

from shieldrelay.spool.operations import FileOperations
from shieldrelay.wire.direct import DirectWriter

_REGULAR = ("space", "identity", "lock")
"""What a node asks each second, whether or not anything happens, is no step."""


class Countdown:
    """Counts steps, in whatever thread they are taken.

    :param file: of the number.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._left = 0
        self._lock = threading.Lock()

    def begin(self, *_signal: object) -> None:
        """Read how many steps are left to be taken, this one included."""
        self._left = int(self._file.read_text())

    def step(self) -> None:
        """Stop the process when this is the step."""
        if not self._left:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)


def stepwise(kind: type, name: str, countdown: Countdown) -> None:
    """Have a method be a step."""
    method: Callable[..., Any] = getattr(kind, name)

    def counted(self: object, *arguments: Any, **more: Any) -> Any:
        countdown.step()
        return method(self, *arguments, **more)

    setattr(kind, name, counted)


def let_everybody_in(_disk: FileOperations, _file: int) -> bool:
    """Grant a lock, whoever has it."""
    return True


def main() -> None:
    """Be twistd."""
    countdown = Countdown(Path(sys.argv.pop(1)))
    for name in (name for name in vars(FileOperations) if not name.startswith("_") and name not in _REGULAR):
        stepwise(FileOperations, name, countdown)
    stepwise(DirectWriter, "write", countdown)
    setattr(FileOperations, "lock", let_everybody_in)  # noqa: B010 - a method is replaced, and it is to be seen
    signal.signal(signal.SIGUSR1, countdown.begin)
    run()


if __name__ == "__main__":
    main()
