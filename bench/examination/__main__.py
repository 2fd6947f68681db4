"""Examine a node: ``python -m bench.examination [PART ...] [--quick]``. Ends with 1 when a claim does not hold.

Each part has a node of its own, started as an operator starts it, with a recording next hop behind it. What holds is
counted, what does not is printed; ``--verbose`` prints everything.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen

from bench.examination import (
    chunks,
    conformance,
    endless,
    flood,
    injection,
    memory,
    ordering,
    relaying,
    single,
    slow,
    smuggling,
)
from bench.examination.fact import Fact
from bench.examination.node import DEFAULTS, LIFTED, Node
from bench.examination.recorder import Recorder
from bench.examination.smuggling import Ground


@frozen
class Part:
    """One part of the examination.

    :ivar settings: lines of the node's ``[smtp]``.
    :ivar quick: the same in a few seconds, when it takes longer.
    :ivar shield: how far the limits of sources hold.
    """

    settings: str
    examine: Callable[[Ground], Iterable[Fact]]
    quick: Callable[[Ground], Iterable[Fact]] | None = None
    shield: str = LIFTED


_LIMITS = slow.Limits()
PARTS = {
    "conformance": Part(conformance.SETTINGS, conformance.examine),
    "relaying": Part(relaying.SETTINGS, relaying.examine),
    "smuggling": Part(smuggling.SETTINGS, smuggling.examine),
    "normalizing": Part(smuggling.SETTINGS + 'bare_newlines = "normalize"\n', smuggling.normalized),
    "chunks": Part(chunks.SETTINGS, chunks.examine),
    "injection": Part(injection.SETTINGS, injection.examine),
    "endless": Part(endless.SETTINGS, endless.examine, lambda ground: endless.examine(ground, 5 << 20)),
    "slow": Part(
        _LIMITS.settings,
        lambda ground: slow.examine(ground.node, slow.kinds(_LIMITS)),
        lambda ground: slow.examine(ground.node, slow.kinds(_LIMITS), 56),
    ),
    "flood": Part(flood.SETTINGS, flood.examine, lambda ground: flood.examine(ground, seconds=3.0)),
    "single": Part(single.SETTINGS, single.examine, lambda ground: single.examine(ground, seconds=3.0), DEFAULTS),
    "ordering": Part(ordering.SETTINGS, ordering.examine, lambda ground: ordering.examine(ground, 5)),
    "memory": Part(memory.SETTINGS, memory.examine, lambda ground: memory.examine(ground, (500,))),
}


def run(part: Part, quick: bool, show: Callable[[Fact], None]) -> tuple[int, int]:
    """Examine one part; give the numbers of claims that hold and that do not."""
    scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-examination-"))
    recorder = Recorder()
    recorder.start()
    node = Node(scratch, recorder.port, part.settings, part.shield)
    counts = [0, 0]
    try:
        node.start()
        for fact in (part.quick if quick and part.quick else part.examine)(Ground(node, recorder)):
            counts[not fact.holds] += 1
            show(fact)
    finally:
        node.stop()
        recorder.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return counts[0], counts[1]


def main() -> int:
    """Run the parts that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.examination", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="the short form of the long parts")
    parser.add_argument("--verbose", action="store_true", help="show what holds as well")
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    failed = 0
    for name in options.parts or PARTS:
        begun = time.monotonic()
        held, broken = run(PARTS[name], options.quick, lambda fact: _show(fact, options.verbose))
        failed += broken
        print(f"{name}: {held} hold, {broken} do not, {time.monotonic() - begun:.0f} s", flush=True)
    return 1 if failed else 0


def _show(fact: Fact, verbose: bool) -> None:
    if verbose or not fact.holds:
        print(f"  {fact}"[:800], flush=True)


if __name__ == "__main__":
    sys.exit(main())
