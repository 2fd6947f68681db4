"""Rows of mail passing through, of mail waiting, and of sessions that stand still."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench import accounting
from bench.load import Load, Sink, wait_until
from bench.peer import Peer
from bench.row import Figures, Row, Scale, client, memory, named, started


def _through(peer: Peer, sink: Sink, load: Load) -> Figures:
    """Send a load from end to end."""
    before_cpu, before = peer.account.cpu_seconds(), sink.messages()
    begun = time.monotonic()
    load.send(peer.port)
    wait_until(lambda: sink.messages() - before >= load.messages, 120, "the last delivery", 0.005)
    seconds = time.monotonic() - begun
    cpu = accounting.settled(peer.account) - before_cpu
    return {"rate": load.messages / seconds, "cpu": cpu / load.messages * 1000}


def end_to_end(peer: Peer, scratch: Path, octets: int, messages: int) -> Figures:
    """Measure mail passing through, new connections and reused ones."""
    sink = Sink(peer.next_hop, scratch / "sink")
    sink.start()
    try:
        started(peer)
        _through(peer, sink, Load(100, octets, False))
        fresh = _through(peer, sink, Load(messages, octets, False))
        reused = _through(peer, sink, Load(messages, octets, True))
        used = accounting.memory(peer.account.pids())
    finally:
        sink.stop()
    return {**named("new", fresh), **named("reused", reused), "after rss mb": used.rss, "after pss mb": used.pss}


def small(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """4 KB end to end."""
    return end_to_end(peer, scratch, 4096, scale.small)


def large(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """100 KB end to end."""
    return end_to_end(peer, scratch, 102400, scale.large)


def outage(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Absorb 4 KB messages while the next hop is down, then drain them when it is back and a flush is asked for."""
    started(peer)
    figures: Figures = {}
    for name, reuse in (("absorb new", False), ("absorb reused", True)):
        before = peer.account.cpu_seconds()
        seconds = Load(scale.outage, 4096, reuse).send(peer.port)
        cpu = accounting.settled(peer.account) - before
        figures |= named(name, {"rate": scale.outage / seconds, "cpu": cpu / scale.outage * 1000})
    return figures | named("drain", _drained(peer, scratch, 2 * scale.outage))


def _drained(peer: Peer, scratch: Path, messages: int) -> Figures:
    """Bring the next hop back, flush, and time the drain to the last message."""
    sink = Sink(peer.next_hop, scratch / "sink")
    before = peer.account.cpu_seconds()
    sink.start()
    try:
        begun = time.monotonic()
        peer.flush()
        wait_until(lambda: sink.messages() >= messages, 120, "the drain", 0.005)
        seconds = time.monotonic() - begun
        cpu = accounting.settled(peer.account) - before
        used = accounting.memory(peer.account.pids())
    finally:
        sink.stop()
    return {"rate": messages / seconds, "cpu": cpu / messages * 1000, "rss mb": used.rss, "pss mb": used.pss}


def unknown(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Refuse recipients that do not exist to a source that is not cut off: one at a time, and 50 in one write."""
    started(peer)
    figures: Figures = {}
    for name, batch in (("ping-pong", 1), ("pipelined", 50)):
        before = peer.account.cpu_seconds()
        answer = client("bench.sessions", "unknown", peer.port, 20, 100, batch, scale.waves)
        cpu = accounting.settled(peer.account) - before
        refused = max(1.0, answer["refused"])
        figures |= named(name, {"rate": answer["refused"] / answer["seconds"], "cpu": cpu / refused * 1000})
        figures[f"{name} not refused"] = answer["other"]
    return figures


def restart(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Start with a full spool and the next hop up: when does it listen, when does it deliver, when is it done?"""
    started(peer)
    Load(scale.spooled, 4096, True).send(peer.port)
    accounting.settled(peer.account)
    peer.stop()
    sink = Sink(peer.next_hop, scratch / "sink")
    sink.start()
    try:
        return _restarted(peer, sink, scale.spooled)
    finally:
        sink.stop()


def _restarted(peer: Peer, sink: Sink, messages: int) -> Figures:
    before = peer.account.cpu_seconds()
    begun = time.monotonic()
    listening = started(peer)
    peer.flush()
    wait_until(lambda: sink.messages() > 0, 60, "the first delivery", 0.005)
    first = time.monotonic() - begun
    early = accounting.memory(peer.account.pids())
    wait_until(lambda: sink.messages() >= messages, 180, "the last delivery")
    seconds = time.monotonic() - begun
    cpu = accounting.settled(peer.account) - before
    return {
        "listening seconds": listening,
        "first delivery seconds": first,
        "drain rate": messages / (seconds - listening),
        "drain cpu": cpu / messages * 1000,
        "rss mb": early.rss,
        "pss mb": early.pss,
    }


def idle(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Memory with nobody there, with 500 and with 4000 sessions that were opened and say nothing."""
    started(peer)
    accounting.settled(peer.account)
    figures = memory(peer, "idle")
    for count in (500, 4000):
        client = subprocess.Popen(
            [sys.executable, "-m", "bench.sessions", "idle", str(peer.port), str(count), "10"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        answer = json.loads(client.stdout.readline())
        figures |= {f"{count} greeted": answer["greeted"], **memory(peer, str(count))}
        client.communicate(timeout=30)
        accounting.settled(peer.account)
    return figures


ROWS: dict[str, Row] = {
    "4k": Row("End to end, 4 KB, every defence on", small),
    "100k": Row("End to end, 100 KB, every defence on", large),
    "outage": Row("Next hop down, then back", outage),
    "unknown": Row("Unknown recipients, no limits on errors (Postfix) and harvest (ours)", unknown),
    "restart": Row("Restart with a full spool", restart, once=True),
    "idle": Row("Sessions that say nothing, from many addresses", idle, once=True),
}
