"""``python -m tests.attackers.oracle``: whether the time of an answer tells who exists, when its words do not (D8).

A node in a process of its own, whose domain was just attacked, is asked by strangers for one recipient each, half of
whom exist, in a random order; answers are held back for nobody, so that the smallest difference shows. The difference
of the ranks is held against those of random halves of the same times (permutation test).
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from attrs import frozen

from tests.attackers import guessing
from tests.attackers.guessing import PATIENCE, Session
from tests.attackers.node import WarpedNode

AT_ONCE = '[shield.harvest]\ntarpit = "0s"\nhold = "10h"\n'
"""Nobody's answer is held back, and the shield stays up as long as the measurement takes."""
PERMUTATIONS = 1000
GUESSERS = 40


@frozen
class Times:
    """How long answers took, in seconds, in the order of asking."""

    valid: tuple[float, ...]
    invalid: tuple[float, ...]

    def difference(self, share: float) -> float:
        """Give the difference of the quantiles, valid minus invalid, in seconds."""
        return _quantile(self.valid, share) - _quantile(self.invalid, share)

    def chance(self, rnd: random.Random) -> float:
        """Give how often random halves differ in their ranks at least as much: small says that there is an oracle."""
        order = sorted([(one, True) for one in self.valid] + [(one, False) for one in self.invalid])
        ranks = range(len(order))
        middle = len(self.valid) * (len(order) - 1) / 2
        seen = abs(sum(rank for rank in ranks if order[rank][1]) - middle)
        beyond = sum(abs(sum(rnd.sample(ranks, len(self.valid))) - middle) >= seen for _ in range(PERMUTATIONS))
        return (beyond + 1) / (PERMUTATIONS + 1)


def measure(address: tuple[str, int], count: int, rnd: random.Random) -> Times:
    """Attack a node, and ask as often as wanted.

    :raises AssertionError: a stranger was told the truth.
    """
    for number in range(GUESSERS):
        guessing.play(address, Session(f"127.1.{number}.1", (b"ghost%d" % number,)))
    asked = [number % 2 == 0 for number in range(count)]
    rnd.shuffle(asked)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number, exists in enumerate(asked):
        name = b"user%d" % (number % 2000) if exists else b"none%d" % number
        source = f"127.{10 + number // 250}.{number % 250}.7"
        times[exists].append(_timed(address, source, name))
    return Times(tuple(times[True]), tuple(times[False]))


def _timed(address: tuple[str, int], source: str, name: bytes) -> float:
    """Give the seconds until a RCPT is answered."""
    with socket.create_connection(address, PATIENCE, source_address=(source, 0)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.recv(1000)
        for said in (guessing.HELLO, b"MAIL FROM:<a@%b.test>\r\n" % name):
            one.sendall(said)
            one.recv(1000)
        began = time.perf_counter()
        one.sendall(b"RCPT TO:<%b@example.test>\r\n" % name)
        reply = one.recv(1000)
        seconds = time.perf_counter() - began
    if not reply.startswith(b"450"):
        raise AssertionError(f"{name!r} was answered {reply!r}")
    return seconds


def _quantile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def _serve(pipe: Connection) -> None:
    """Run a node until the other side is done."""
    from twisted.internet import reactor as the_reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.threads import deferToThread

    reactor: Any = the_reactor
    node = WarpedNode(reactor, more=AT_ONCE)

    async def life() -> None:
        try:
            await node.start()
            pipe.send(node.address)
            await deferToThread(pipe.recv)
        finally:
            await node.close()
            reactor.stop()

    def failed(failure: Any) -> None:
        sys.stderr.write(failure.getTraceback())
        pipe.close()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(life()).addErrback(failed))
    reactor.run(installSignalHandlers=False)


def main() -> None:
    """Measure, and print a row of a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.attackers.oracle", description="Time uniform answers.")
    parser.add_argument("--count", type=int, default=10_000, help="how many recipients are asked for")
    options = parser.parse_args()
    rnd = random.Random(1)
    ours, theirs = get_context("fork").Pipe()
    serving = get_context("fork").Process(target=_serve, args=(theirs,))
    serving.start()
    theirs.close()  # the child has its own: when that one is closed, nothing can be heard here any more
    times = measure(ours.recv(), options.count, rnd)
    ours.send(None)
    serving.join()
    micro = [f"{times.difference(share) * 1e6:+.1f}" for share in (0.1, 0.5, 0.9, 0.99)]
    median = statistics.median([*times.valid, *times.invalid]) * 1e6
    sys.stdout.write("| asked for | median | 10 % | 50 % | 90 % | 99 % | chance |\n|---|---|---|---|---|---|---|\n")
    row = [str(options.count), f"{median:.0f} µs", *(f"{each} µs" for each in micro), f"{times.chance(rnd):.2f}"]
    sys.stdout.write("| " + " | ".join(row) + " |\n")


if __name__ == "__main__":
    main()
