"""One attack against one node, with lawful mail beside it: plays both in the order of time, and keeps the books."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.internet.threads import deferToThread

from tests.attackers import guessing
from tests.attackers.attacks import Attack, Wave
from tests.attackers.dictionary import Dictionary, dictionary
from tests.attackers.guessing import Ending, Session, Told
from tests.attackers.lawful import Kind, Message, messages
from tests.attackers.node import DIRECTORY, WarpedNode


@frozen
class Result:
    """What an attack came to.

    :ivar hits: of its guesses exist.
    :ivar learned: so many of them it was told of.
    :ivar truths: guesses that were answered truthfully, valid or not.
    :ivar cut: seconds until a guess was first not answered truthfully; ``None``: never.
    :ivar delays: of lawful messages in seconds, by kind.
    :ivar lost: lawful messages that never came out behind.
    """

    attack: Attack
    share: float
    seed: int
    hits: int
    learned: int
    truths: int
    cut: float | None
    delays: dict[Kind, list[float]]
    lost: int

    @property
    def wanted(self) -> float | None:
        """So many it may learn at most; ``None``: nobody has said."""
        attack = self.attack
        if attack.wanted is None:
            return None if attack.least == 3 else float(attack.least)
        return max(float(attack.least), attack.wanted * self.hits)


@define(eq=False)
class Siege:
    """One attack while it lasts.

    :ivar lawful: messages of each kind.
    """

    node: WarpedNode
    attack: Attack
    words: Dictionary
    rnd: random.Random
    lawful: int = 4
    learned: set[bytes] = field(factory=set)
    refused: set[bytes] = field(factory=set)
    cut: float | None = None
    _began: float = 0.0
    _waiting: list[Message] = field(factory=list)

    async def run(self) -> list[Message]:
        """Play the attack, and then the lawful mail to its end; gives what was lawful."""
        self._began = self._now()
        everything = messages(self.lawful, self._began, max(3600.0, self.attack.lasts), self.rnd)
        self._waiting = list(everything)
        script = self.attack.play(self.words, self.rnd)
        wave = next(script, None)
        while wave is not None:
            await self._until(self._now() + wave.after)
            told = await self._play(wave)
            self._book(told)
            try:
                wave = script.send(told)
            except StopIteration:
                wave = None
        while self._waiting:
            await self._until(min(one.due for one in self._waiting))
        return everything

    def _now(self) -> float:
        return self.node.warp.seconds()

    async def _until(self, when: float) -> None:
        """Let time pass, and lawful mail be tried as it is due."""
        while self._waiting:
            first = min(self._waiting, key=lambda one: one.due)
            if first.due > when:
                break
            await self.node.rest(first.due - self._now())
            told = (await self._play(Wave(0.0, (first.session(self.rnd),))))[0]
            if not first.told(told, self._now()):
                self._waiting.remove(first)
        await self.node.rest(when - self._now())

    async def _play(self, wave: Wave) -> list[Told]:
        """Play the sessions of a wave."""
        address, passing = self.node.address, self.node.passing
        if not wave.sessions:
            return []
        if wave.together:
            return list(await deferToThread(guessing.play_together, address, wave.sessions, passing))
        return list(await deferToThread(_each, address, wave.sessions, passing))

    def _book(self, told: Sequence[Told]) -> None:
        """Note what the attacker was told of; who sends a message knows the recipient."""
        for one in told:
            if one.session.ending is Ending.MESSAGE:
                continue
            self.learned.update(one.granted)
            self.refused.update(one.refused)
            if self.cut is None and one.undecided:
                self.cut = self._now() - self._began


async def besiege(reactor: Any, attack: Attack, share: float, seed: int, *, lawful: int = 4) -> Result:
    """Play one attack against a node of its own."""
    words = dictionary(attack.guesses, share, seed, DIRECTORY)
    node = WarpedNode(reactor)
    await node.start()
    try:
        siege = Siege(node, attack, words, random.Random(seed), lawful)
        everything = await siege.run()
        bugs = node.journal("bug")
        if bugs:
            raise AssertionError(f"{attack.name}: {bugs[0]}")
    finally:
        await node.close()
    arrived = _subjects(node)
    taken = [one for one in everything if one.delivered is not None and b"Subject: lawful %d" % one.number in arrived]
    delays: dict[Kind, list[float]] = {kind: [] for kind in Kind}
    for one in taken:
        if one.delay is not None:
            delays[one.kind].append(one.delay)
    return Result(
        attack,
        share,
        seed,
        len(words.valid),
        len(siege.learned & words.valid),
        len(siege.learned) + len(siege.refused),
        siege.cut,
        delays,
        len(everything) - len(taken),
    )


def _subjects(node: WarpedNode) -> set[bytes]:
    """Give the subjects of what came out behind."""
    lines = (line for one in node.hop.messages for line in one.content.split(b"\r\n"))
    return {line for line in lines if line.startswith(b"Subject: ")}


def _each(address: tuple[str, int], sessions: Sequence[Session], passing: guessing.Pass) -> list[Told]:
    return [guessing.play(address, one, passing) for one in sessions]
