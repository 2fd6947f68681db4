"""A lawful client that goes on sending while others attack, and how it was served meanwhile.

It is a process of its own, so that it waits for the relay and not for the attackers beside it:
``python -m bench.examination.bystander PORT PAUSE SOURCE PATIENCE`` sends until its standard input ends, and then
prints what it saw as JSON.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path

from attrs import Factory, define

from bench.examination.client import lawful

_ROOT = Path(__file__).resolve().parents[2]


@define
class Bystander:
    """Sends one message after the other from an address of its own, as long as the ``with`` block runs.

    :ivar pause: seconds between two messages.
    :ivar patience: seconds after which it gives a message up.
    :ivar waits: seconds that each message took, connect to 250; filled at the end, as ``failures``.
    """

    port: int
    pause: float = 0.05
    source: str = "127.0.0.9"
    patience: float = 10
    waits: list[float] = Factory(list)
    failures: list[str] = Factory(list)
    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Bystander:
        words = [str(self.port), str(self.pause), self.source, str(self.patience)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.examination.bystander", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT,
        )  # fmt: skip
        if self._process.stdout is not None:
            self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        said = self._process.communicate(timeout=self.patience + 10)[0]
        self.waits, self.failures = json.loads(said)

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


def send(port: int, pause: float, source: str, patience: float) -> tuple[list[float], list[str]]:
    """Send until standard input ends; at least once."""
    waits: list[float] = []
    failures: list[str] = []
    while True:
        begun = time.monotonic()
        try:
            waits.append(lawful(port, source, patience))
        except (OSError, AssertionError, ValueError) as fault:
            failures.append(f"after {time.monotonic() - begun:.2f} s: {fault!r}")
        if select.select([sys.stdin], [], [], pause)[0]:
            return waits, failures


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(send(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], float(sys.argv[4]))))
