"""One row of the bench: what it measures, of whom, and what its measurements share.

A measurement gives figures by name. Names end in their unit: ``rate`` is messages (or answers) a second, ``cpu`` the
relay's own CPU seconds per 1000 of them, ``seconds``, ``ms``, ``us`` and ``mb`` speak for themselves. CPU is read when
the relay has become quiet again, so that what it puts off is counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from bench import accounting
from bench.load import BenchFault, greets, wait_until
from bench.peer import Peer

Figures = dict[str, float]
_START_SECONDS = 60
_ENTER_SECONDS = 2
BOTH = ("Postfix", "shieldrelay")
OURS = ("shieldrelay",)


@frozen
class Scale:
    """How much is sent.

    :ivar small: messages of 4 KB a run.
    :ivar large: messages of 100 KB a run.
    :ivar outage: messages a run while the next hop is down, fresh and reused connections each.
    :ivar spooled: messages in the spool at the restart.
    :ivar waves: of 20 sessions with 100 unknown recipients.
    :ivar turned_away: connections of a source that may not connect.
    :ivar siege: seconds that each attack lasts.
    :ivar sources: distinct sources seen, for the memory of the tables.
    :ivar listed: recipients of the large list.
    """

    small: int = 2000
    large: int = 1000
    outage: int = 3000
    spooled: int = 20000
    waves: int = 10
    turned_away: int = 5000
    siege: float = 15.0
    sources: int = 10_000_000
    listed: int = 1_000_000


QUICK = Scale(
    small=1000,
    large=400,
    outage=1000,
    spooled=4000,
    waves=4,
    turned_away=1000,
    siege=5,
    sources=300_000,
    listed=100_000,
)
"""For a look: a few minutes in all."""

Measure = Callable[[Peer, Path, Scale], Figures]


@frozen
class Row:
    """One row.

    :ivar title: its heading.
    :ivar measure: takes a relay that was not started, a directory and the scale.
    :ivar columns: of whom it is measured; names that ``bench.contestants`` knows.
    :ivar once: whether one round is enough: it takes long, and what it shows does not depend on a moment's noise.
    """

    title: str
    measure: Measure
    columns: tuple[str, ...] = BOTH
    once: bool = False


def started(peer: Peer, most_seconds: float = _START_SECONDS) -> float:
    """Start a relay and give the seconds until it greets."""
    begun = time.monotonic()
    peer.start()
    wait_until(lambda: greets(peer.port) or _ended(peer, begun), most_seconds, f"{peer.name} listening")
    return time.monotonic() - begun


def _ended(peer: Peer, begun: float) -> bool:
    """Give up on a relay that has no process any more; never true.

    :raises BenchFault: it ended instead of listening.
    """
    if time.monotonic() - begun > _ENTER_SECONDS and not peer.account.pids():
        raise BenchFault(f"{peer.name} ended instead of listening")
    return False


def named(prefix: str, figures: Figures) -> Figures:
    """Give figures under longer names."""
    return {f"{prefix} {name}": value for name, value in figures.items()}


def memory(peer: Peer, name: str) -> Figures:
    """Give what a relay takes now."""
    used = accounting.memory(peer.account.pids())
    return {f"{name} rss mb": used.rss, f"{name} pss mb": used.pss}


def client(module: str, *words: object, most_seconds: float = 120) -> Figures:
    """Run one of our own clients to its end; its last line is JSON.

    :raises BenchFault: it failed or took too long.
    """
    command = [sys.executable, "-m", module, *map(str, words)]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=most_seconds
        )
    except subprocess.TimeoutExpired as late:
        raise BenchFault(f"{module} took more than {most_seconds:g} s") from late
    if ended.returncode:
        raise BenchFault(f"{module}: {ended.stderr.strip()[-400:]}")
    figures: Figures = json.loads(ended.stdout.splitlines()[-1])
    return figures
