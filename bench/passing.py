"""Rows of lawful mail with every defence on beside all of them off, in turns within one run.

``defences`` has one generator with a source class; ``strangers`` has 200 addresses with default limits, and asks the
node afterwards what it counted of one: the proof that every judgement ran.
"""

from __future__ import annotations

from pathlib import Path

from bench import accounting, rows_mail
from bench.load import BenchFault, Sink
from bench.peer import Peer
from bench.relay import Relay
from bench.row import Figures, Row, Scale, client, named, started

ON, OFF = "every defence on", "all defences off"
STRANGERS_ON, STRANGERS_OFF = "strangers, every defence on", "strangers, all defences off"
_FIRST = 64
_SOURCES = 400


def generator(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Send 4 KB from end to end, as the row ``4k`` does."""
    return rows_mail.end_to_end(peer, scratch, 4096, 2 * scale.small)


def strangers(peer: Peer, scratch: Path, scale: Scale) -> Figures:
    """Send 4 KB from 400 addresses, 20 sessions at once: one message a session, then five."""
    sink = Sink(peer.next_hop, scratch / "sink")
    sink.start()
    try:
        started(peer)
        figures: Figures = {}
        for number, (name, each) in enumerate((("new", 1), ("reused", 5))):
            figures |= named(name, _sent(peer, _FIRST + 4 * number, scale.small, each))
        _shown(peer)
    finally:
        sink.stop()
    return figures


def _sent(peer: Peer, first: int, messages: int, each: int) -> Figures:
    before = peer.account.cpu_seconds()
    answer = client("bench.strangers", "through", peer.port, first, _SOURCES, messages, 20, each)
    cpu = accounting.settled(peer.account) - before
    if answer["taken"] < messages:
        raise BenchFault(f"{messages - answer['taken']} of {messages} were not taken: {answer['ended']}")
    return {"rate": messages / answer["seconds"], "cpu": cpu / messages * 1000}


def _shown(peer: Peer) -> None:
    """Print what the node says of one of the sources, and what it journalled."""
    assert isinstance(peer, Relay)
    print(dict(peer.journalled()), flush=True)
    try:
        print(peer.ask("explain", f"127.{_FIRST + 4}.1.1"), flush=True)
    except BenchFault as fault:
        print(f"the node does not explain sources: {fault}", flush=True)


ROWS = {
    "defences": Row("End to end, 4 KB, one source with a class of its own", generator, (OFF, ON)),
    "strangers": Row("End to end, 4 KB, 400 strangers with default limits", strangers, (STRANGERS_OFF, STRANGERS_ON)),
}
