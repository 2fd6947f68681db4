"""The row of memory: ten million distinct sources seen by everything that remembers, in one process."""

from __future__ import annotations

from pathlib import Path

from bench.peer import Peer
from bench.row import OURS, Figures, Row, Scale, client


def seen(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Drive the tables of all defences; the relay itself is not started."""
    return client("bench.remembering", scale.sources, most_seconds=1200)


ROWS = {"sources": Row("Ten million distinct sources seen by all defences", seen, OURS, once=True)}
