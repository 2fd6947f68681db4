"""What the bench asks of a relay under measurement, and how one is started and ended."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path
from typing import Protocol

from bench.accounting import Account, account
from bench.load import BenchFault

_NUMBERS = itertools.count(1)


class Peer(Protocol):
    """One relay: ``example.com`` comes in on `port` and goes to `next_hop`; only user1@example.com exists."""

    name: str
    port: int
    next_hop: int
    account: Account

    def version(self) -> str:
        """Name and version in words."""

    def configuration(self) -> str:
        """The configuration that it runs with, as text."""

    def start(self) -> None:
        """Start it; returns at once, without waiting for it to listen. What is spooled stays.

        :raises BenchFault: it cannot be started.
        """

    def flush(self) -> None:
        """Ask it to offer everything that is spooled, now."""

    def stop(self) -> None:
        """End it; returns when all its processes are gone. Allowed when it does not run."""

    def close(self) -> None:
        """Stop, and close its account."""

    def trouble(self) -> str:
        """The end of what it logged, for a fault's message."""


def run(command: list[str], peer: Account, most_seconds: float = 60) -> str:
    """Run a peer's own command to its end inside its account and give what it said.

    :raises BenchFault: it failed.
    """
    ended = subprocess.run(
        peer.enter(command), capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=most_seconds
    )
    if ended.returncode:
        raise BenchFault(f"{' '.join(command)}: {(ended.stderr + ended.stdout).strip()[-400:]}")
    return ended.stdout


def open_account(name: str) -> Account:
    """Open the account of a peer; several may be open at a time."""
    return account(f"shieldrelay-bench-{name}-{next(_NUMBERS)}")


def tail(path: Path, octets: int = 600) -> str:
    """Give the end of a log, or nothing when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - octets))
        return file.read().decode(errors="replace")
