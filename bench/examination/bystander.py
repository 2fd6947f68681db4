"""A lawful client that goes on sending while others attack, and how it was served meanwhile."""

from __future__ import annotations

import threading
import time

from attrs import Factory, define

from bench.examination.client import lawful


@define
class Bystander:
    """Sends one message after the other from an address of its own, in a thread.

    :ivar waits: seconds that each message took, connect to 250.
    :ivar failures: what went wrong.
    """

    port: int
    pause: float = 0.05
    source: str = "127.0.0.9"
    patience: float = 10
    waits: list[float] = Factory(list)
    failures: list[str] = Factory(list)
    _stop: threading.Event = Factory(threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Bystander:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(self.patience + 5)

    def _run(self) -> None:
        while not self._stop.wait(self.pause):
            begun = time.monotonic()
            try:
                self.waits.append(lawful(self.port, self.source, self.patience))
            except (OSError, AssertionError, ValueError) as fault:
                self.failures.append(f"after {time.monotonic() - begun:.2f} s: {fault!r}")

    @property
    def worst(self) -> float:
        """The longest wait in seconds; infinite when nothing went through."""
        return max(self.waits, default=float("inf"))

    def percentile(self, share: float) -> float:
        """The wait in seconds that so large a share of messages did not exceed."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")

    @property
    def success(self) -> float:
        """The share of messages that went through."""
        return len(self.waits) / max(1, len(self.waits) + len(self.failures))

    def __str__(self) -> str:
        return (
            f"{len(self.waits)} lawful messages, {len(self.failures)} failed {self.failures[:2] or ''}, "
            f"99th percentile {1000 * self.percentile(0.99):.0f} ms, worst {1000 * self.worst:.0f} ms"
        )
