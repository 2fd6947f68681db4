"""Relays that differ in one thing, alive at once and loaded in turns: what that one thing costs, on a busy machine too.

Single runs of one relay after the other tell more of what else the machine does than of a defence. Here both run, every
load goes to the one and to the other within a second or two, first to this one and first to that one by turns, and what
counts are the least and the median of at least seven such pairs, and the median of the pairs' own quotients.

``python -m bench.paired`` measures by hand, without a row: two setups, or two trees of the source, say a change and
the commit before it. Its ``--help`` says how.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from bench import accounting, setup
from bench.load import BenchFault, Load, Sink, wait_until
from bench.peer import Peer
from bench.relay import BINARIES, ROOT, Relay
from bench.row import Figures, started

PAIRS = 7
"""The least that says anything."""

Send = Callable[[Peer, int], tuple[int, float]]
"""Sends to a peer in the turn of that number, 0 for the warm-up; gives how many messages it took, and the seconds."""
Sample = tuple[float, float, float]
"""Milliseconds of CPU a message, messages a second, and milliseconds of the generator's own CPU a message."""
Samples = dict[str, list[Sample]]
"""By load, a turn each."""


@frozen
class Pair:
    """A row of two columns that are measured together.

    :ivar title: its heading; the docstring of `measure` says the rest.
    :ivar measure: takes both relays, not started, a directory and how many pairs there are to be.
    :ivar columns: names that ``bench.contestants`` knows; the second is compared to the first.
    """

    title: str
    measure: Callable[[Sequence[Peer], Path, int], Mapping[str, Figures]]
    columns: tuple[str, str]
    once: bool = True


def in_turns(peers: Sequence[Peer], scratch: Path, loads: Mapping[str, Send], pairs: int) -> dict[str, Figures]:
    """Start relays, load them in turns and give each one's figures.

    :param pairs: turns that count; one goes before them.
    :raises BenchFault: mail was refused or got stuck.
    """
    sinks = [Sink(peer.next_hop, scratch / f"sink-{number}") for number, peer in enumerate(peers)]
    samples: dict[str, Samples] = {peer.name: {load: [] for load in loads} for peer in peers}
    try:
        for sink, peer in zip(sinks, peers, strict=True):
            sink.start()
            started(peer)
        for turn in range(pairs + 1):
            ordered = list(zip(peers, sinks, strict=True))[:: -1 if turn % 2 else 1]
            for load, (peer, sink) in itertools.product(loads, ordered):
                sample = _sample(peer, sink, loads[load], turn)
                if turn:
                    samples[peer.name][load].append(sample)
    finally:
        for sink in sinks:
            sink.stop()
    first = samples[peers[0].name]
    return {peer.name: figures(samples[peer.name], first) for peer in peers}


def _sample(peer: Peer, sink: Sink, send: Send, turn: int) -> Sample:
    before, taken, generating = peer.account.cpu_seconds(), sink.messages(), _children()
    messages, seconds = send(peer, turn)
    generated = _children() - generating
    wait_until(lambda: sink.messages() - taken >= messages, 60, "the last delivery", 0.005)
    used = accounting.settled(peer.account) - before
    return used / messages * 1000, messages / seconds, generated / messages * 1000


def _children() -> float:
    """CPU seconds of the processes that were waited for: generators."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def figures(own: Samples, first: Samples) -> Figures:
    """Give one relay's figures: CPU seconds of 1000 messages, rates, and the median quotients to the first one's."""
    found: Figures = {}
    for load, samples in own.items():
        cpu, rate = [each[0] for each in samples], [each[1] for each in samples]
        beside = list(zip(samples, first[load], strict=True))
        found[f"{load} least cpu"] = min(cpu)
        found[f"{load} median cpu"] = statistics.median(cpu)
        found[f"{load} quotient cpu"] = statistics.median(mine[0] / its[0] for mine, its in beside)
        found[f"{load} median rate"] = statistics.median(rate)
        found[f"{load} quotient rate"] = statistics.median(mine[1] / its[1] for mine, its in beside)
        found[f"{load} generator's cpu"] = statistics.median(each[2] for each in samples)
    return found


def generated(messages: int, octets: int = 4096) -> dict[str, Send]:
    """Give the loads of Postfix's generator: a connection for each message, and connections that are used again."""

    def load(reuse: bool) -> Send:
        return lambda peer, _turn: (messages, Load(messages, octets, reuse).send(peer.port))

    return {"new": load(False), "reused": load(True)}


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    named = [name for name, value in vars(setup).items() if isinstance(value, setup.Setup)]
    parser = argparse.ArgumentParser(
        prog="python -m bench.paired",
        description="Measure two of ours that differ in one thing, in turns: two setups of bench.setup, or two trees.",
    )
    parser.add_argument("--first", choices=named, default="GENERATOR", help="setup of the first (default: GENERATOR)")
    parser.add_argument("--second", choices=named, default=None, help="setup of the second (default: the first's)")
    for each in ("first", "second"):
        tree = f"the tree that the {each} is run from, such as a work tree of another commit (default: this one)"
        parser.add_argument(f"--{each}-tree", type=Path, default=ROOT, metavar="DIRECTORY", help=tree)
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs that count (default: {PAIRS})")
    parser.add_argument("--messages", type=int, default=600, help="of each load (default: 600)")
    parser.add_argument("--octets", type=int, default=4096, help="of each message (default: 4096)")
    parser.add_argument("--python", type=Path, default=BINARIES, metavar="DIRECTORY", help="where another twistd is")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run as the command line says, and print a line for each figure."""
    options = _arguments(words)
    scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-paired-", dir="/var/tmp"))
    scratch.chmod(0o755)
    first, second = (getattr(setup, name) for name in (options.first, options.second or options.first))
    binaries = options.python
    peers = [
        Relay(scratch / "first", setup=first, name="first", tree=options.first_tree.resolve(), binaries=binaries),
        Relay(scratch / "second", setup=second, name="second", tree=options.second_tree.resolve(), binaries=binaries),
    ]
    try:
        found = in_turns(peers, scratch, generated(options.messages, options.octets), options.pairs)
    except BenchFault as fault:
        print(f"{fault}\n{''.join(peer.trouble() for peer in peers)}", file=sys.stderr)
        return 1
    finally:
        for peer in peers:
            peer.close()
        shutil.rmtree(scratch, ignore_errors=True)
    for figure in found["first"]:
        print(f"{figure:24}", *(f"{found[name][figure]:10.4g}" for name in ("first", "second")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
