"""Finds the processes that a run of the tests left behind.

A word in the environment is passed on from parent to child, however deep and whoever adopts an orphan; so whatever is
alive after a run and has its word was started by it. A process that was given an environment without the word is not
found. Linux only: elsewhere nothing is found.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

_VARIABLE = "SHIELDRELAY_TEST_RUN"
_PATIENCE_SECONDS = 5.0
"""What was told to end as the last test ended may need so long for it."""
_WORKER = "workertrial.py"


def mark() -> str:
    """Put a new word into this process's environment, for all that it starts from now on; give the word."""
    os.environ[_VARIABLE] = word = uuid.uuid4().hex
    return word


def left_behind(word: str, patience_seconds: float = _PATIENCE_SECONDS) -> dict[int, str]:
    """Give the command, by process id, of all that have this word and do not end by themselves.

    This process is left out, and so are trial's workers.
    """
    deadline, never = time.monotonic() + patience_seconds, threading.Event()
    while (alive := _alive(f"{_VARIABLE}={word}".encode())) and time.monotonic() < deadline:
        never.wait(0.1)
    return alive


def swept(word: str) -> list[str]:
    """End what was left behind, and name it: who holds a worker's output open would keep the run from ending."""
    alive = left_behind(word)
    for process in alive:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return [f"{process} {command}" for process, command in sorted(alive.items())]


def _alive(wanted: bytes) -> dict[int, str]:
    """Look for the variable in every process's environment; zombies have none."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.name == str(os.getpid()) or wanted not in place.joinpath("environ").read_bytes().split(b"\0"):
                continue
            command = place.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if _WORKER not in command:
            found[int(place.name)] = command[:200]
    return found
