"""Rows of the lists of recipients: one with a million, and a node with 2 000 domains."""

from __future__ import annotations

import time
from pathlib import Path

from bench.load import BenchFault
from bench.peer import Peer
from bench.relay import Relay
from bench.row import OURS, Figures, Row, Scale, client, memory, named, started

DOMAINS = 2000
_RECIPIENTS = 100
_MOST_SECONDS = 180


def million(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Build one large list, look recipients up in it, and start a node with it: for the first time, and again."""
    figures = client("bench.lookups", scratch / "lookups", scale.listed, most_seconds=240)
    relay = _relay(peer)
    with (relay.directory / "recipients").open("w") as lines:
        lines.writelines(f"first.last{number}@example.com\n" for number in range(scale.listed))
    figures["first start seconds"] = started(relay, _MOST_SECONDS)
    relay.stop()
    figures["start seconds"] = started(relay)
    return figures | memory(relay, "node")


def domains(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Start a node with 2 000 domains of 100 recipients each: for the first time, again, and read it all again."""
    relay = _relay(peer)
    relay.lay_out_domains(DOMAINS, _RECIPIENTS)
    figures = {"first start seconds": started(relay, _MOST_SECONDS)}
    figures |= memory(relay, "first")
    relay.stop()
    figures["start seconds"] = started(relay)
    figures |= memory(relay, "again")
    begun = time.monotonic()
    relay.ask("reload")
    return figures | named("reload", {"seconds": time.monotonic() - begun})


def _relay(peer: Peer) -> Relay:
    if not isinstance(peer, Relay):
        raise BenchFault("lists are measured of our own relay only")
    return peer


ROWS = {
    "list": Row("A list of a million recipients", million, OURS, once=True),
    "domains": Row("2 000 domains with 100 recipients each", domains, OURS, once=True),
}
