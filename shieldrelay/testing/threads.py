"""Threads that are none: stand-ins for `ports.ThreadRunner` in tests that want no real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed


class ImmediateThreads:
    """Runs every call at once, in the caller's thread."""

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call, and give a Deferred that has fired; what is no `Exception` (a power cut) is raised here and now."""
        try:
            return succeed(call(*args))
        except Exception as error:  # noqa: BLE001 - whatever the call raises is the Deferred's to carry
            return fail(error)


class HeldThreads:
    """Keeps every call until the test runs it, in whatever order it likes.

    :ivar waiting: the calls that have not been run, in the order in which they came.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Keep the call."""
        result: Deferred[Any] = Deferred()
        self.waiting.append((result, call, args))
        return result

    def go(self, index: int = 0) -> None:
        """Run one of the calls that wait and fire its Deferred."""
        result, call, args = self.waiting.pop(index)
        try:
            value = call(*args)
        except Exception as error:  # noqa: BLE001 - whatever the call raises is the Deferred's to carry
            result.errback(error)
        else:
            result.callback(value)

    def go_on(self) -> None:
        """Run everything that waits, and what comes of it, first come first served."""
        while self.waiting:
            self.go()
