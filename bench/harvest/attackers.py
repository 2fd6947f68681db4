"""The attackers: what each guesses, from where and when. `KINDS` has them by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from attrs import define, field

from bench.harvest.world import Visit, World, client
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Existence, HarvestSettings

START = 7200.0
_INVALID = 10**6
GOOD, HALF, STRANGER = Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR, Acquaintance.STRANGER


@define(eq=False)
class Plan:
    """What comes when: visits with their times, and lawful-looking messages beside them.

    :ivar primed: clients that had messages taken before.
    """

    visits: list[tuple[float, Visit]] = field(factory=list)
    primed: list[Client] = field(factory=list)


@define
class Result:
    """What one attack came to.

    :ivar hits: valid recipients among all guesses.
    :ivar learned: those that were answered 250.
    :ivar truths: answers of 250 and 550.
    :ivar detected: seconds to the first cut or shield; ``None``: never.
    """

    hits: int
    learned: int
    truths: int
    detected: float | None


def guesses(count: int, valid: float, chance: random.Random) -> list[int]:
    """Give a shuffled list of guesses with so much of it valid; invalid names are ``_INVALID`` and above."""
    hits = max(1, round(count * valid))
    names = chance.sample(range(100_000), hits) + [_INVALID + i for i in range(count - hits)]
    chance.shuffle(names)
    return names


def _chunks(names: list[int], size: int) -> Iterator[list[int]]:
    for at in range(0, len(names), size):
        yield names[at : at + size]


def _visit(who: Client, names: list[int], *, pace: float = 0.0, kind: Acquaintance = STRANGER) -> Visit:
    sender = (int.from_bytes(who.source, "big") << 20 | names[0]) % (2**61 - 1) + 1
    return Visit(who, kind, names, sender, pace)


def _one(size: int, per_visit: int, every: float, *, pace: float = 0.0, kind: Acquaintance = STRANGER) -> Planner:
    """One source with so many guesses, so many in a session, a session every so many seconds."""

    def plan(valid: float, chance: random.Random) -> Plan:
        who = client(1)
        parts = enumerate(_chunks(guesses(size, valid, chance), per_visit))
        visits = [(START + at * every, _visit(who, part, pace=pace, kind=kind)) for at, part in parts]
        return Plan(visits, [who] if kind is GOOD else [])

    return plan


def _many(
    sources: int, each: int, when: Callable[[random.Random, int], float], *, pace: float = 2.0,
    kind: Acquaintance = STRANGER, per_visit: int = 1000, every: float = 0.0, apart: bool = True,
) -> Planner:  # fmt: skip
    """Many sources with so many guesses each, in networks of their own or all in one /24."""

    def plan(valid: float, chance: random.Random) -> Plan:
        found = Plan()
        for number, part in enumerate(_chunks(guesses(sources * each, valid, chance), each)):
            who, begin = client(number, apart=apart), START + when(chance, number)
            for at, names in enumerate(_chunks(part, per_visit)):
                found.visits.append((begin + at * every, _visit(who, names, pace=pace, kind=kind)))
            if kind is GOOD:
                found.primed.append(who)
        return found

    return plan


def _slash64s(valid: float, chance: random.Random) -> Plan:
    """A new /64 of one /56 with each session of five guesses."""
    plan = Plan()
    for at, part in enumerate(_chunks(guesses(500, valid, chance), 5)):
        plan.visits.append((START + 10.0 * at, _visit(client_of(f"2001:db8:1:{at & 255:x}::1"), part)))
    return plan


def _addresses(valid: float, chance: random.Random) -> Plan:
    """A new address of one /64 with each session of five guesses."""
    plan = Plan()
    for at, part in enumerate(_chunks(guesses(500, valid, chance), 5)):
        plan.visits.append((START + 10.0 * at, _visit(client_of(f"2001:db8:1:1::{at + 1:x}"), part)))
    return plan


def _mixed(valid: float, chance: random.Random) -> Plan:
    """Three lawful messages to known addresses before each guess."""
    plan, who = Plan(), client(1)
    for at, name in enumerate(guesses(300, valid, chance)):
        for before in range(3):
            lawful = _visit(who, [200_000 + chance.randrange(10)])
            lawful.sends = True
            plan.visits.append((START + 10.0 * at - 5 - before, lawful))
        plan.visits.append((START + 10.0 * at, _visit(who, [name])))
    return plan


Planner = Callable[[float, random.Random], Plan]

ONE: dict[str, Planner] = {
    "one source, 500, ten a second": _one(500, 10, 1.0),
    "100 in one segment": _one(100, 100, 1.0),
    "500 over sessions of one": _one(500, 1, 2.0),
    "slow: 144, one in 10 min": _one(144, 1, 600.0),
    "mixed with lawful mail": _mixed,
    "new addresses of one /64": _addresses,
    "new /64s of one /56": _slash64s,
    "good history, 500": _one(500, 10, 1.0, kind=GOOD),
    "good history, 100 in one segment": _one(100, 100, 1.0, kind=GOOD),
    "neighbour, 500": _one(500, 10, 1.0, kind=HALF),
    "neighbour, 100 in one segment": _one(100, 100, 1.0, kind=HALF),
}
"""One source, or what counts as one."""

MANY: dict[str, Planner] = {
    "25 sources x 5": _many(25, 5, lambda chance, _: chance.random() * 120),
    "the same, one a session": _many(25, 5, lambda chance, _: chance.random() * 120, per_visit=1, every=2.0),
    "the same, in step": _many(25, 5, lambda chance, _: chance.random() * 0.05, pace=0.0),
    "the same, in step, 1 s a RCPT": _many(25, 5, lambda chance, _: chance.random() * 0.05, pace=1.0),
    "the same, neighbours": _many(25, 5, lambda chance, _: chance.random() * 120, kind=HALF),
    "10 with good history x 200": _many(
        10, 200, lambda chance, at: at / 10, pace=0.1, kind=GOOD, per_visit=10, every=1
    ),
    "250 addresses of one /24 x 4": _many(250, 4, lambda chance, _: chance.random() * 3600, apart=False),
    "200 in step x 5": _many(200, 5, lambda chance, _: chance.random() * 0.05, pace=0.0),
}
"""Many sources."""

LARGE: dict[str, Planner] = {
    "50, one in 10 min, 8 h": _many(50, 48, lambda chance, _: chance.random() * 600, per_visit=1, every=600.0),
    "50, one an hour, 48 h": _many(50, 48, lambda chance, _: chance.random() * 3600, per_visit=1, every=3600.0),
    "5000 x 1 in an hour": _many(5000, 1, lambda chance, _: chance.random() * 3600),
    "5000 x 2 in an hour": _many(5000, 2, lambda chance, _: chance.random() * 3600, pace=20.0),
}
"""Many sources, and slow to simulate."""

KINDS = {**ONE, **MANY, **LARGE}


def washer(per_visit: int, every: float, *, size: int = 200) -> Planner:
    """One source that checks a list that is mostly valid and never sends."""
    return _one(size, per_visit, every)


WASHERS: dict[str, Planner] = {
    "in one segment": washer(200, 1.0),
    "15 a transaction, every 10 s": washer(15, 10.0),
    "one a session, every 2 s": washer(1, 2.0),
    "one a session, every 5 min": washer(1, 300.0),
    "5 a session, every hour": washer(5, 3600.0),
}
"""List washers."""


def attack(
    planner: Planner, valid: float, seed: int, settings: HarvestSettings, *, retries: int, noise: float
) -> Result:
    """Let one attack run to its end, alone.

    :param noise: evidence a minute that the domain is used to.
    """
    world = World(settings, _existence, noise=noise)
    gains = join(world, planner, valid, seed, retries=retries)
    world.run()
    seen = [moment for moment in (world.crossings[:1] + world.shields[:1]) if moment >= START]
    return Result(len(gains.hits), len(gains.learned & gains.hits), gains.truths, min(seen) - START if seen else None)


@define(eq=False)
class Gains:
    """What an attacker has so far.

    :ivar hits: valid names among the guesses.
    """

    hits: set[int]
    learned: set[int] = field(factory=set)
    truths: int = 0


def join(world: World, planner: Planner, valid: float, seed: int, *, retries: int) -> Gains:
    """Let an attacker come into a world.

    :param retries: how often what was not answered truthfully is asked for again, 5 to 15 minutes later; without any,
        what was not answered comes again three times, 2 seconds later.
    """
    chance = random.Random(seed)
    plan = planner(valid, chance)
    for who in plan.primed:
        for number in range(40):
            message = Visit(who, GOOD, [300_000 + number], 1, sends=True)
            world.visit(10.0 + 60.0 * number, message, lambda _: None)
    gains = Gains({name for _, visit in plan.visits if not visit.sends for name in visit.names if name < 200_000})

    def done(visit: Visit, again: int) -> None:
        if visit.sends:
            return
        gains.learned.update(visit.granted)
        gains.truths += len(visit.granted) + len(visit.refused)
        if visit.left and again < (retries or 3):
            wait = chance.uniform(300, 900) if retries else 2.0
            once_more = Visit(visit.client, visit.acquaintance, visit.left, visit.sender, visit.pace)
            world.visit(world.now + wait, once_more, lambda ended: done(ended, again + 1))

    for when, visit in plan.visits:
        world.visit(when, visit, lambda ended: done(ended, 0))
    return gains


def _existence(name: int) -> Existence:
    return Existence.UNKNOWN if name >= _INVALID else Existence.LISTED
