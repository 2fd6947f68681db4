"""Rows of lawful mail with every defence on beside all of them off, both alive at once, in turns (`bench.paired`).

``defences`` has one generator with a source class; ``strangers`` has 400 addresses with default limits, and asks the
node afterwards what it counted of one: the proof that every judgement ran; ``senders`` is the same with mail of 1, 100
and 10 000 sender domains, about which a real name server answers (`bench.names`): all of them were looked up in the
warm-up, and each source has sent for its domains. In ``senders-new`` each message's domain is one that never sent
before, and all of them are looked up; ``senders-shipped`` is that with the default of how many are in a second.
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
NEW_ON, NEW_OFF = "new senders, every defence on", "new senders, all defences off"
SHIPPED_ON, SHIPPED_OFF = "new senders, as shipped", "new senders, all off"
_FIRST = 64
_SOURCES = 400
_MESSAGES = 400
"""Of each load in each turn."""
_NEW = 1000
"""The same where each sender is new: more, because of the first hundred in a turn all are looked up as shipped."""
_SESSIONS = 20
_EACH = 5
"""Messages a session, of those with more than one."""


def generator(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from end to end, as the row ``4k`` does."""
    return in_turns(peers, scratch, generated(_MESSAGES), pairs)


def strangers(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, 20 sessions at once: one message a session, then five."""
    found = in_turns(peers, scratch, {"new": crowd(0, 1), "reused": crowd(4, _EACH)}, pairs)
    _shown(peers[1])
    return found


def senders(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, five a session, in 1, 100 and 10 000 domains that sent before; nsd answers."""
    loads = {f"{count} domains": crowd(8 + 4 * place, _EACH, count, count) for place, count in enumerate(DOMAINS)}
    with answering(scratch):
        found = in_turns(peers, scratch, loads, pairs)
    _shown(peers[1])
    return found


def newcomers(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from 400 addresses, five messages a session, each in a domain that never sent before; nsd answers."""
    with answering(scratch):
        found = in_turns(peers, scratch, {"new domains": crowd(8, _EACH, max(DOMAINS), messages=_NEW)}, pairs)
    _shown(peers[1])
    return found


def crowd(more: int, each: int, domains: int = 1, known: int = 0, messages: int = _MESSAGES) -> Send:
    """Give a load of strangers.

    :param more: where their addresses begin.
    :param each: messages a session.
    :param domains: of senders; each turn goes on where the one before ended.
    :param known: messages of the warm-up at least, and so many of the domains have sent before. Each source sends then.
    :param messages: of each turn behind it.
    """
    warm = max(known, _SOURCES * each)

    def send(peer: Peer, turn: int) -> tuple[int, float]:
        count = messages if turn else warm
        begin = warm + (turn - 1) * messages if turn else 0
        words = (peer.port, _FIRST + more, _SOURCES, count, _SESSIONS, each, domains, begin)
        answer = client("bench.strangers", "through", *words)
        if answer["taken"] < count:
            raise BenchFault(f"{count - answer['taken']} of {count} were not taken: {answer['ended']}")
        return count, answer["seconds"]

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
    "senders-new": Pair("The same, each sender a new one", newcomers, (NEW_OFF, NEW_ON)),
    "senders-shipped": Pair("The same, 100 of them looked up in a second", newcomers, (SHIPPED_OFF, SHIPPED_ON)),
}
