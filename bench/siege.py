"""Rows of lawful mail while an attack goes on: does it get through, and how long does it take?

Lawful senders and attackers are strangers with default limits, each with an address in a /24 of its own. On loopback
nobody waits before the greeting (R22); elsewhere a stranger waits three seconds once a day.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import accounting
from bench.load import BenchFault, Sink
from bench.peer import Peer
from bench.row import OURS, Figures, Row, Scale, client, named, started

LAWFUL_RATE = 20
"""Lawful sessions a second, each with one message of 4 KB."""
_LAWFUL = (1, 240)
"""Where lawful addresses begin, and how many there are: none comes more than 5 times a minute."""
_BEGIN_SECONDS = 30

ATTACKS: dict[str, tuple[object, ...]] = {
    "calm": (),
    "flood": ("flood", 16, 40, 200),
    "slow drip": ("drip", 24, 400, 2000),
    "harvest, one source": ("harvest", 32, 1, 10),
}
"""What goes on, and the words for ``bench.besiegers``: kind, first address, addresses, rate or sessions."""


def besieged(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Measure lawful mail in calm and under each attack, the relay new to none of them."""
    sink = Sink(peer.next_hop, scratch / "sink")
    sink.start()
    try:
        started(peer)
        figures: Figures = {}
        for name, words in ATTACKS.items():
            figures |= named(name, _lawful(peer, words, scale))
    finally:
        sink.stop()
    return figures


def _lawful(peer: Peer, words: tuple[object, ...], scale: Scale) -> Figures:
    before = peer.account.cpu_seconds()
    first, sources = _LAWFUL
    with _attack(peer.port, words) as heard:
        used = accounting.memory(peer.account.pids()).rss
        answer = client("bench.strangers", "paced", peer.port, first, sources, LAWFUL_RATE, scale.siege)
        cpu = peer.account.cpu_seconds() - before
    ended = answer.pop("ended")
    if answer["success"] < 100:
        print(f"lawful mail during {words}: {ended}", flush=True)
    print(f"{words or 'calm'}: the attackers heard {heard}", flush=True)
    return {
        "lawful success": answer["success"],
        "lawful median ms": answer["median ms"],
        "lawful p99 ms": answer["p99 ms"],
        "lawful worst ms": answer["worst ms"],
        "rss mb": used,
        "all cpu seconds": cpu,
    }


@contextmanager
def _attack(port: int, words: tuple[object, ...]) -> Iterator[dict[str, int]]:
    """Run an attack meanwhile; at its end, what it heard."""
    heard: dict[str, int] = {}
    if not words:
        yield heard
        return
    command = [sys.executable, "-m", "bench.besiegers", str(words[0]), str(port), *map(str, words[1:])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attack:
        assert attack.stdout is not None
        try:
            if not select.select([attack.stdout], [], [], _BEGIN_SECONDS)[0] or not attack.stdout.readline():
                raise BenchFault(f"{words[0]} did not begin")
            yield heard
        finally:
            said = attack.communicate("end\n", timeout=20)[0]
        heard |= json.loads(said.splitlines()[-1])


ROWS = {"siege": Row("Lawful mail during attacks, all strangers with default limits", besieged, OURS, once=True)}
