"""Rows of lawful mail with every defence on beside all of them off, both alive at once, in turns (`bench.paired`).

``defences`` has one generator with a source class; ``strangers`` has 400 addresses with default limits, and asks the
node afterwards what it counted of one: the proof that every judgement ran; ``senders`` is the same with mail of 1, 100
and 10 000 sender domains, about which a real name server answers (`bench.names`): all of them are looked up. One and a
hundred are known after the warm-up, of ten thousand each message's is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.load import BenchFault
from bench.names import DOMAINS, answering
from bench.paired import Pair, Send, generated, in_turns
from bench.peer import Peer
from bench.relay import Relay
from bench.row import Figures, client

ON, OFF = "every defence on", "all defences off"
STRANGERS_ON, STRANGERS_OFF = "strangers, every defence on", "strangers, all defences off"
SENDERS_ON, SENDERS_OFF = "senders, every defence on", "senders, all defences off"
_FIRST = 64
_SOURCES = 400
_MESSAGES = 400
"""Of each load in each turn."""
_SESSIONS = 20


def generator(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from end to end, as the row ``4k`` does."""
    return in_turns(peers, scratch, generated(_MESSAGES), pairs)


def strangers(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, 20 sessions at once: one message a session, then five."""
    found = in_turns(peers, scratch, {"new": crowd(0, 1), "reused": crowd(4, 5)}, pairs)
    _shown(peers[1])
    return found


def senders(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, five messages a session, in 1, 100 (known), 10 000 (new) domains; nsd answers."""
    loads = {f"{count} domains": crowd(8 + 4 * place, 5, count) for place, count in enumerate(DOMAINS)}
    with answering(scratch):
        found = in_turns(peers, scratch, loads, pairs)
    _shown(peers[1])
    return found


def crowd(more: int, each: int, domains: int = 1) -> Send:
    """Give a load of strangers.

    :param more: where their addresses begin.
    :param each: messages a session.
    :param domains: of senders; each turn goes on where the one before ended.
    """

    def send(peer: Peer, turn: int) -> tuple[int, float]:
        words = (peer.port, _FIRST + more, _SOURCES, _MESSAGES, _SESSIONS, each, domains, turn * _MESSAGES)
        answer = client("bench.strangers", "through", *words)
        if answer["taken"] < _MESSAGES:
            raise BenchFault(f"{_MESSAGES - answer['taken']} of {_MESSAGES} were not taken: {answer['ended']}")
        return _MESSAGES, answer["seconds"]

    return send


def _shown(peer: Peer) -> None:
    """Print what the node says of one of the sources, and what it journalled."""
    assert isinstance(peer, Relay)
    print(dict(peer.journalled()), flush=True)
    try:
        print(peer.ask("explain", f"127.{_FIRST + 4}.1.1"), flush=True)
    except BenchFault as fault:
        print(f"the node does not explain sources: {fault}", flush=True)


ROWS = {
    "defences": Pair("End to end, 4 KB, one source with a class of its own", generator, (OFF, ON)),
    "strangers": Pair("End to end, 4 KB, 400 strangers with default limits", strangers, (STRANGERS_OFF, STRANGERS_ON)),
    "senders": Pair("End to end, 4 KB, strangers with senders that DNS knows", senders, (SENDERS_OFF, SENDERS_ON)),
}
