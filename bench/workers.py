"""The row of two workers behind one port beside one process, both sharing through Redis what they know.

Both are alive at once and loaded in turns (`bench.paired`). Generator, sink and Redis run on the same cores and are
outside the account: where the cores are few, they take from the workers what they use, which is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.hub_rows import serving
from bench.paired import Pair, generated, in_turns
from bench.peer import Peer
from bench.row import Figures

ONE, TWO = "one worker", "two workers"
_MESSAGES = 1200
"""Of each load in each turn."""


def throughput(peers: Sequence[Peer], scratch: Path, pairs: int) -> dict[str, Figures]:
    """Send 4 KB from end to end, 20 sessions at once."""
    with serving(scratch):
        return in_turns(peers, scratch, generated(_MESSAGES), pairs)


ROWS = {"workers": Pair("Two workers beside one: 4 KB, one source with a class of its own", throughput, (ONE, TWO))}
