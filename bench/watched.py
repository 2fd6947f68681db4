"""The row of a node at which 20 dashboards are open beside one at which nobody looks.

Both are alive at once and loaded in turns (`bench.paired`). The dashboards are a process of its own, outside the
account, and they look on while the other node has its turn: what both nodes lose by that is in neither's CPU.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.load import BenchFault
from bench.paired import Pair, Send, generated, in_turns
from bench.peer import Peer
from bench.relay import ROOT, Relay
from bench.row import Figures
from bench.setup import ADMINISTRATION

UNSEEN, SEEN = "nobody looks", "20 dashboards"
DASHBOARDS = 20
_MESSAGES = 1200
"""Of each load in each turn."""


class Onlookers:
    """The dashboards; opened when the node is first loaded."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def look_at(self, relay: Relay) -> None:
        """Open them, once.

        :raises BenchFault: they cannot be opened.
        """
        if self._process is not None:
            return
        token = relay.ask("token", "create", "bench", "--role", "view").split()
        secret = next((word for word in token if word.startswith("srt_")), "")
        words = [sys.executable, "-m", "bench.dashboards", str(ADMINISTRATION[1]), secret, str(DASHBOARDS)]
        self._process = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "open":
            raise BenchFault("the dashboards cannot be opened")

    def close(self) -> None:
        """Close them, and print what they heard."""
        if self._process is not None:
            said, _ = self._process.communicate(timeout=30)
            print(f"dashboards: {said.strip()}", flush=True)


def looked_at(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from end to end, 20 sessions at once."""
    onlookers = Onlookers()

    def before(send: Send) -> Send:
        def sent(peer: Peer, turn: int) -> tuple[int, float]:
            if peer.name == SEEN:
                assert isinstance(peer, Relay)
                onlookers.look_at(peer)
            return send(peer, turn)

        return sent

    try:
        return in_turns(peers, scratch, {name: before(each) for name, each in generated(_MESSAGES).items()}, pairs)
    finally:
        onlookers.close()


ROWS = {"dashboards": Pair("End to end, 4 KB, while 20 dashboards are open", looked_at, (UNSEEN, SEEN))}
