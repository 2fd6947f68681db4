"""What a group of processes costs: CPU seconds, those of processes that are gone included, and memory.

A relay is started inside an `Account`. Where control groups can be made (version 2, or version 1's cpuacct) the kernel
keeps the account, exactly; elsewhere the process tree is read from ``/proc``, which misses what short-lived processes
used if their parent has not waited for them yet.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

_V2 = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_V1 = Path("/sys/fs/cgroup/cpuacct")
_TICKS = os.sysconf("SC_CLK_TCK")


class Account(Protocol):
    """The account of one group of processes."""

    @property
    def kind(self) -> str:
        """How it is kept, in words."""

    def enter(self, command: list[str]) -> list[str]:
        """Wrap a command so that it and all its descendants are counted here."""

    def cpu_seconds(self) -> float:
        """User and system time of all processes so far, living and dead."""

    def pids(self) -> list[int]:
        """The processes that live."""

    def close(self) -> None:
        """Kill what still lives and remove the account."""


@frozen
class Memory:
    """Memory of a group, in MB of 10^6 octets.

    :ivar rss: resident sets added up: pages that processes share are counted for each.
    :ivar pss: proportional: shared pages counted once. The fair figure for a relay of many processes.
    """

    rss: float
    pss: float


def memory(pids: list[int]) -> Memory:
    """Add up the memory of processes; one that ended meanwhile counts nothing."""
    rss = pss = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:] if line.endswith("kB")}
        rss += kilobytes.get("Rss", 0)
        pss += kilobytes.get("Pss", 0)
    return Memory(rss * 1024 / 1e6, pss * 1024 / 1e6)


def settled(account: Account, quiet_seconds: float = 0.3, most_seconds: float = 5.0) -> float:
    """Wait until a group has become quiet and give its CPU seconds then."""
    deadline = time.monotonic() + most_seconds
    before = account.cpu_seconds()
    while True:
        time.sleep(quiet_seconds)
        now = account.cpu_seconds()
        if now - before < 0.01 * quiet_seconds or time.monotonic() > deadline:
            return now
        before = now


def kill(pids: list[int], most_seconds: float = 5.0) -> None:
    """End processes of ours, first kindly."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + most_seconds
        for pid in pids:
            _signal(pid, number)
        while pids and time.monotonic() < deadline:
            pids = [pid for pid in pids if _lives(pid)]
            time.sleep(0.02)
        if not pids:
            return


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@frozen
class _ControlGroup:
    """An account that the kernel keeps."""

    kind: str
    directory: Path
    usage: Path

    def enter(self, command: list[str]) -> list[str]:
        procs = str(self.directory / "cgroup.procs")
        return ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', procs, *command]

    def cpu_seconds(self) -> float:
        text = self.usage.read_text()
        if text.startswith("usage_usec"):
            return int(text.split()[1]) / 1e6
        return int(text) / 1e9

    def pids(self) -> list[int]:
        return [int(pid) for pid in (self.directory / "cgroup.procs").read_text().split()]

    def close(self) -> None:
        kill(self.pids())
        for _ in range(50):
            try:
                self.directory.rmdir()
            except OSError:
                time.sleep(0.02)
            else:
                return


@frozen
class _ProcessTree:
    """An account read from ``/proc``: all processes that carry our mark in their environment."""

    mark: str
    kind: str = "process tree"
    seen: dict[int, float] = field(factory=dict)

    def enter(self, command: list[str]) -> list[str]:
        return ["/usr/bin/env", f"SHIELDRELAY_BENCH={self.mark}", *command]

    def cpu_seconds(self) -> float:
        for pid in self.pids():
            self.seen[pid] = max(self.seen.get(pid, 0.0), _ticks(pid))
        return sum(self.seen.values())

    def pids(self) -> list[int]:
        marked = f"SHIELDRELAY_BENCH={self.mark}".encode()
        return [int(each.name) for each in Path("/proc").glob("[0-9]*") if marked in _environment(each)]

    def close(self) -> None:
        kill(self.pids())


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _ticks(pid: int) -> float:
    """CPU seconds of a process and of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(each) for each in fields[11:15]) / _TICKS


def account(name: str) -> Account:
    """Open an account, by the best means that this machine allows.

    :param name: a word; the process id is added to it.
    """
    unique = f"{name}-{os.getpid()}"
    for place, usage in [*((each, "cpu.stat") for each in _V2), (_V1, "cpuacct.usage")]:
        group = place / unique
        try:
            group.mkdir()
            if (group / usage).exists() and (group / "cgroup.procs").exists():
                return _ControlGroup("control group", group, group / usage)
        except OSError:
            continue
        group.rmdir()
    return _ProcessTree(unique)
