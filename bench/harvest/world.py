"""Simulated time, clients and sessions around one `Harvest`: what the gate and the wire do, without either.

A *visit* is one connection with one transaction: RCPTs one after the other, each asked when the one before it has
been answered and its delay is over; then a message, or nothing.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Generator

from attrs import define, field

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import (
    Asked,
    Existence,
    Harvest,
    HarvestSession,
    HarvestSettings,
    Level,
    Rung,
    keyed_hash,
)
from shieldrelay.shield.harvest_domain import DomainShield
from shieldrelay.shield.harvest_kinds import HOUR_BEGAN, LEARNT, RATE

DOMAIN = "example.com"
_CONTENT_SECONDS = 1.0


def client(number: int, *, apart: bool = True) -> Client:
    """Give a client of its own; with ``apart`` in a network of its own."""
    if apart:
        return client_of(f"{20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.9")
    return client_of(f"10.9.{number >> 8}.{number & 255}")


@define(eq=False)
class Visit:
    """One connection, and what it came to.

    :ivar names: recipients to ask for, in order.
    :ivar pace: seconds between an answer and the next RCPT.
    :ivar sends: whether a message follows what was granted.
    :ivar left: names that were answered neither 250 nor 550, or not asked for.
    """

    client: Client
    acquaintance: Acquaintance
    names: list[int]
    sender: int
    pace: float = 0.0
    sends: bool = False
    granted: list[int] = field(factory=list)
    refused: list[int] = field(factory=list)
    left: list[int] = field(factory=list)


class World:
    """A domain, who exists there, and a queue of what happens when."""

    def __init__(self, settings: HarvestSettings, exists: Callable[[int], Existence], *, noise: float = 0.0) -> None:
        self.exists = exists
        self.now = 0.0
        self.shields: list[float] = []
        self.level_seconds = [0.0, 0.0, 0.0]
        self._level_since = 0.0
        self.crossings: list[float] = []
        self.harvest = Harvest(settings, level_changed=self._level_changed)
        self.hashed = keyed_hash(b"a bench of its own")
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        if noise:
            self._used_to(noise)

    def _used_to(self, noise: float) -> None:
        """Let the domain be used to so much evidence a minute."""
        table = next(table for table in self.harvest.tables if table.kind.name == "harvest.domain")
        row = table.row(DOMAIN.encode(), 1.0)
        table.put(row, RATE, noise / 60)
        table.put(row, LEARNT, 604800.0)
        table.put(row, HOUR_BEGAN, 1.0)

    def _level_changed(self, domain: DomainShield, before: Level, now: float) -> None:
        self.level_seconds[before] += now - self._level_since
        self._level_since = now
        if domain.level is Level.SHIELD:
            self.shields.append(now)

    def close(self) -> None:
        """Add the time since the last change of level to the books."""
        level = self.harvest.domains(self.now)[0].level
        self.level_seconds[level] += self.now - self._level_since
        self._level_since = self.now

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Let something happen then."""
        heapq.heappush(self._queue, (when, next(self._order), call))

    def visit(self, when: float, visit: Visit, done: Callable[[Visit], None]) -> None:
        """Let a client come then; ``done`` is called when it has left."""
        self.at(when, lambda: self._go_on(self._steps(visit, done)))

    def run(self) -> None:
        """Let everything happen."""
        while self._queue:
            self.now, _, call = heapq.heappop(self._queue)
            call()

    def _go_on(self, steps: Generator[float, None, None]) -> None:
        for seconds in steps:
            if seconds > 0.0:
                self.at(self.now + seconds, lambda: self._go_on(steps))
                return

    def _steps(self, visit: Visit, done: Callable[[Visit], None]) -> Generator[float, None, None]:
        """Go through one connection; yields the seconds to wait."""
        harvest = self.harvest
        if harvest.connect(visit.client, self.now) is not None:
            visit.left = list(visit.names)
            done(visit)
            return
        session = HarvestSession()
        for place, name in enumerate(visit.names):
            rung, delay = self._rcpt(visit, session, name)
            yield delay
            if rung is Rung.CLOSE:
                visit.left += visit.names[place:]
                break
            yield visit.pace
        yield from self._end(visit, session)
        done(visit)

    def _rcpt(self, visit: Visit, session: HarvestSession, name: int) -> tuple[Rung, float]:
        """Ask for one recipient and sort it by its answer."""
        existence = self.exists(name)
        hashed = self.hashed(DOMAIN, b"%d" % name)
        asked = Asked(visit.client, visit.acquaintance, DOMAIN, hashed, existence, visit.sender, session)
        self.harvest.ask(asked, self.now)
        answer = self.harvest.answer(asked, self.now)
        if answer.crossing:
            self.crossings.append(self.now)
        if answer.rung is Rung.TRUTH:
            (visit.granted if existence is Existence.LISTED else visit.refused).append(name)
        elif answer.rung is Rung.UNIFORM:
            visit.left.append(name)
        return answer.rung, answer.delay

    def _end(self, visit: Visit, session: HarvestSession) -> Generator[float, None, None]:
        """Send the message, or drop it."""
        count = len(visit.granted)
        if not count:
            return
        if visit.sends:
            yield _CONTENT_SECONDS
            self.harvest.delivered(visit.client, visit.acquaintance, session, count, self.now)
        else:
            self.harvest.abandoned(visit.client, visit.acquaintance, session, count, self.now)
