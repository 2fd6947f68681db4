"""How a process ends whose node could not start: by itself, and with a status that its supervisor understands.

twistd gives a process that stops its reactor status 0, whatever the reason. Called by `assembly.service` and
`workers.service`.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any


def end_process(reactor: Any, status: int = os.EX_UNAVAILABLE) -> None:
    """Stop the reactor, in good order, and have the process end with a status, by default 69 (sysexits.h)."""
    atexit.register(_leave, status)
    reactor.callWhenRunning(reactor.stop)


def _leave(status: int) -> None:
    """Leave with the status; registered last, so called first, and the exits registered before are not called."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
