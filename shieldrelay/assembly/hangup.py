"""SIGHUP, in the reactor's thread. Used by `assembly.service`, and by the parent of workers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import Any


def on_hangup(reactor: Any, call: Callable[[], object]) -> Any:
    """Call in the reactor's thread when SIGHUP comes; gives what was done before, ``None`` outside the main thread."""
    if current_thread() is not main_thread():
        return None
    return signal.signal(signal.SIGHUP, lambda _number, _frame: reactor.callFromThread(call))
