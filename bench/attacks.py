"""Rows of what an attacker costs: connections of a source that may not connect, and recipients that it guesses.

Here the relay is attacked and nothing else happens; ``bench.siege`` has lawful mail meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from bench import accounting
from bench.peer import Peer
from bench.row import OURS, Figures, Row, Scale, client, named, started

DENIED = "127.0.0.9"
"""The address that both relays refuse by their operator's list."""
_HARVESTERS = 500
_GUESSES = 100


def banned(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Turn away a source that the operator has denied, 20 connections at once, each read to its end."""
    started(peer)
    accounting.settled(peer.account)
    return _knocked(peer, DENIED, scale.turned_away)


def too_often(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Turn away a source that has used up its 30 connections a minute; those 30 are served."""
    started(peer)
    accounting.settled(peer.account)
    return _knocked(peer, "127.0.77.1", scale.turned_away)


def _knocked(peer: Peer, source: str, connections: int) -> Figures:
    before = peer.account.cpu_seconds()
    answer = client("bench.knocking", peer.port, source, connections, 20)
    cpu = accounting.settled(peer.account) - before
    return {
        "shed rate": answer["refused"] / answer["seconds"],
        "shed cpu": cpu / connections * 1000,
        "not refused": answer["other"],
    }


def harvesters(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Answer 500 strangers that guess 100 recipients each, in one write and one at a time.

    Default limits: each is told the truth of two at most, then all hear the same, later and later, and are cut off.
    """
    figures: Figures = {}
    started(peer)
    for number, (name, batch) in enumerate((("pipelined", 50), ("ping-pong", 1))):
        before = peer.account.cpu_seconds()
        answer = client("bench.guessing", peer.port, 40 + 4 * number, _HARVESTERS, _GUESSES, batch)
        cpu = accounting.settled(peer.account) - before
        found = {
            "cpu per 1000 answers": cpu / max(1.0, answer["answered"]) * 1000,
            "cpu per 1000 sources": cpu / _HARVESTERS * 1000,
            "answers a source": answer["answered"] / _HARVESTERS,
            "truths a source": answer["truths"] / _HARVESTERS,
            "truths of the first": answer["most"],
        }
        figures |= named(name, found)
    return figures


ROWS = {
    "banned": Row("Connections of a source that the operator has denied, beside postscreen", banned),
    "shed": Row("Connections of a source over its rate, defaults", too_often, OURS),
    "harvest": Row("Recipients guessed by 500 strangers, defaults", harvesters, OURS),
}
