"""An outbreak: many sources send lawful mail to a customer all at once, faster than his server bears (R4).

A known-good server, which earned its name by mail over four days, goes on sending meanwhile. ``python -m
tests.attackers.outbreak`` plays the whole of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from shieldrelay.testing.nexthop import Occasion, Step
from tests.attackers import guessing
from tests.attackers.guessing import Ending, Session, Told
from tests.attackers.node import WarpedNode

FRIEND = "127.9.9.9"
FRIEND_SECONDS = 5.0
"""How often the known-good server sends."""
HISTORY = 25
MINUTE = 60.0


@frozen
class Outcome:
    """What an outbreak came to; seconds are the node's.

    :ivar sources: one message each.
    :ivar taken: messages of theirs that were answered 250 at once.
    :ivar kept: the most that lay in the spool.
    :ivar minute: the most messages that the customer saw within a minute.
    :ivar friendly: seconds from the first octet to the customer, of each known-good message.
    :ivar drained: seconds from the first message until the last one was out.
    :ivar lost: messages answered 250 that never came out.
    """

    sources: int
    taken: int
    kept: int
    minute: int
    friendly: tuple[float, ...]
    drained: float
    lost: int


class Outbreak:
    """One outbreak.

    :param a_second: sources that come in a second.
    :param pace: messages a minute that the customer declared.
    """

    def __init__(self, reactor: Any, sources: int, a_second: int, pace: int) -> None:
        self._sources = sources
        self._a_second = a_second
        self._arrivals: dict[bytes, float] = {}
        self._begun: dict[bytes, float] = {}
        self._taken: set[bytes] = set()
        self._kept = 0
        self.node = WarpedNode(reactor, domain=f'pace.messages = "{pace}/min"')
        self.node.hop.script.on(Step.CONTENT, self._arrived)

    async def run(self) -> Outcome:
        """Play it to the end."""
        await self.node.start()
        try:
            await self._make_friends()
            began = self.node.warp.seconds()
            await self._come()
            await self._until_drained()
        finally:
            await self.node.close()
        friendly = tuple(self._arrivals[one] - self._begun[one] for one in self._begun if one in self._arrivals)
        last = max(self._arrivals.values())
        strangers = {one for one in self._taken if one.startswith(b"stranger")}
        lost = len((self._taken | set(self._begun)) - set(self._arrivals))  # a friend that is put off counts as lost
        times = sorted(when for when in self._arrivals.values() if when >= began)
        return Outcome(
            self._sources, len(strangers), self._kept, _most_within(times, MINUTE), friendly, last - began, lost
        )

    async def _make_friends(self) -> None:
        """Earn a good name."""
        for number in range(HISTORY):
            await self.node.rest(4 * 3600.0)
            await self._send([_message(FRIEND, b"history %d" % number, number)])

    async def _come(self) -> None:
        """Let the sources come, and the known-good server between them."""
        due = self.node.warp.seconds()
        for _, some in groupby(range(self._sources), lambda number: number // self._a_second):
            if self.node.warp.seconds() >= due:
                due += FRIEND_SECONDS
                await self._friendly()
            await self._send([_message(_source(number), b"stranger %d" % number, number) for number in some])
            self._look()
            await self.node.drain(1.0)

    async def _until_drained(self) -> None:
        """Let time pass until nothing is left, the known-good server going on."""
        due = self.node.warp.seconds()
        while self._spooled():
            if self.node.warp.seconds() >= due:
                due += FRIEND_SECONDS
                await self._friendly()
            await self.node.drain(1.0)

    async def _friendly(self) -> None:
        subject = b"friend %d" % len(self._begun)
        self._begun[subject] = self.node.warp.seconds()
        await self._send([_message(FRIEND, subject, len(self._begun))])

    async def _send(self, sessions: Sequence[Session]) -> None:
        told = await deferToThread(_play, self.node.address, sessions)
        self._taken.update(_subject(one.session.body) for one in told if one.sent == 250)

    def _look(self) -> None:
        self._kept = max(self._kept, self._spooled())

    def _spooled(self) -> int:
        return sum(1 for _ in self.node.directory.glob("spool/*/example.test/new/*"))

    def _arrived(self, occasion: Occasion) -> None:
        if occasion.message is not None:
            self._arrivals[_subject(occasion.message.content)] = self.node.warp.seconds()


def _message(source: str, subject: bytes, number: int) -> Session:
    body = b"Subject: %b\r\n\r\nSome words.\r\n" % subject
    return Session(source, (b"user%d" % (number % 2000),), ending=Ending.MESSAGE, body=body)


def _source(number: int) -> str:
    """Give an address in a /24 of its own."""
    return f"127.{20 + number // 250}.{number % 250}.7"


def _subject(content: bytes) -> bytes:
    return next(line[9:] for line in content.split(b"\r\n") if line.startswith(b"Subject: "))


def _play(address: tuple[str, int], sessions: Sequence[Session]) -> list[Told]:
    """Play sessions in real time: nothing here is held back, and a disk that is busy must not look like hours."""
    return [guessing.play(address, one) for one in sessions]


def _most_within(times: Sequence[float], seconds: float) -> int:
    """Give the most of some sorted moments that lie within so many seconds."""
    most = first = 0
    for last, when in enumerate(times):
        while when - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def _print(reactor: Any, sources: int, a_second: int, pace: int) -> None:
    """Play one, and print a row of a table."""
    outcome = await Outbreak(reactor, sources, a_second, pace).run()
    friendly = f"{statistics.median(outcome.friendly):.1f} s, {max(outcome.friendly):.1f} s of {len(outcome.friendly)}"
    row = [
        f"{outcome.sources} in {sources / a_second:.0f} s",
        f"{pace} a minute",
        str(outcome.taken),
        str(outcome.minute),
        friendly,
        str(outcome.kept),
        f"{outcome.drained:.0f} s",
        str(outcome.lost),
    ]
    sys.stdout.write("| sources | pace | taken | most in a minute | known-good | kept | drained | lost |\n")
    sys.stdout.write("|---" * len(row) + "|\n| " + " | ".join(row) + " |\n")


def main() -> None:
    """Play an outbreak."""
    parser = argparse.ArgumentParser(prog="python -m tests.attackers.outbreak", description="Play an outbreak.")
    parser.add_argument("--sources", type=int, default=5000, help="one message each")
    parser.add_argument("--a-second", type=int, default=50, help="of them come in a second")
    parser.add_argument("--pace", type=int, default=600, help="messages a minute that the customer declared")
    options = parser.parse_args()
    react(
        lambda reactor: Deferred.fromCoroutine(_print(reactor, options.sources, options.a_second, options.pace))
    )


if __name__ == "__main__":
    main()
