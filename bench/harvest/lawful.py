"""Lawful traffic, assumed and not measured: known servers, pools, newsletters, lists, strangers; and spam's noise.

Strangers are of three kinds: one server with an address of its own, a pool that retries from its /24, and a pool over
a /16 (its outgoing addresses named by SPF, which the simulation does not evaluate).
"""

from __future__ import annotations

import random
from collections import Counter

from attrs import define, field

from bench.harvest.world import Visit, World
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Existence

_GOOD, _HALF, _STRANGER = Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR, Acquaintance.STRANGER
_SCHEDULES = (
    (60, 900, 1800, 3600), (300, 600, 1200, 2400, 4000), (400, 1600, 3600, 6400), (900, 900, 1800, 3600),
    (120, 600, 1800, 1800), (1800, 1800, 1800),
)  # fmt: skip
"""Seconds between the attempts of some mail servers; the last one again and again."""
_GIVE_UP = 5 * 86400.0
_DEAD, _TYPO, _CIRCULATING = 10**6, 2 * 10**6, 3 * 10**6
"""Names that do not exist begin here: of former correspondents, mistyped, on lists that circulate among spammers."""


@define
class Domain:
    """What one protected domain gets.

    :ivar users: valid recipients.
    :ivar day: messages a day.
    :ivar strangers: share from sources never seen before.
    """

    users: int
    day: int
    strangers: float
    newsletters: float
    dead: int
    pools: float
    pools_good: float


DOMAINS = {
    "small": Domain(50, 300, 0.05, 0.15, 5, 0.35, 0.3),
    "medium": Domain(2000, 20_000, 0.05, 0.10, 60, 0.40, 0.9),
}


def exists(name: int) -> Existence:
    """Say whether a lawful or noise name exists."""
    return Existence.UNKNOWN if name >= _DEAD else Existence.LISTED


@define(eq=False)
class Message:
    """One lawful message on its way.

    :ivar kind: what is reported about it.
    :ivar prefix: network octets from which retries come; ``""``: always from the same address.
    """

    kind: str
    acquaintance: Acquaintance
    names: list[int]
    sender: int
    begun: float
    client: Client
    schedule: tuple[int, ...]
    prefix: str = ""
    tries: int = 0


@define
class Report:
    """What became of the lawful mail.

    :ivar sent: messages by kind.
    :ivar delays: seconds until the last recipient was granted, by kind, of the delayed ones.
    :ivar lost: messages given up.
    """

    sent: Counter[str] = field(factory=Counter)
    delays: dict[str, list[float]] = field(factory=dict)
    lost: int = 0


class Traffic:
    """Lawful mail to one domain, and spam beside it, put into a world.

    :param noise: spam bots a minute that ask for unknown recipients; a fifth of the names are new ones.
    """

    def __init__(self, world: World, domain: Domain, seconds: float, noise: float, seed: int) -> None:
        self.report = Report()
        self._world = world
        self._domain = domain
        self._chance = random.Random(seed)
        self._fresh = 0
        for _ in range(int(domain.day * seconds / 86400)):
            message = self._message(self._chance.random() * seconds)
            self.report.sent[message.kind] += 1
            self._try(message, message.begun)
        for _ in range(int(noise * seconds / 60 / 1.3)):
            self._bot(self._chance.random() * seconds)

    def _typo(self) -> int:
        self._fresh += 1
        return _TYPO + self._fresh

    def _names(self, count: int, dead: float) -> list[int]:
        """Choose recipients: some mistyped, some that left."""
        names = []
        for _ in range(count):
            dice = self._chance.random()
            if dice < 0.007:
                names.append(self._typo())
            elif dice < 0.007 + dead:
                names.append(_DEAD + self._chance.randrange(self._domain.dead))
            else:
                names.append(self._chance.randrange(self._domain.users))
        return names

    def _message(self, begun: float) -> Message:
        chance, domain = self._chance, self._domain
        dice = chance.random()
        if dice < domain.strangers:
            return self._stranger(begun)
        dice -= domain.strangers
        if dice < domain.newsletters:
            kind = _GOOD if chance.random() < max(0.5, domain.pools_good) else _HALF
            host = client_of(f"40.{chance.randrange(12)}.{chance.randrange(4)}.{chance.randrange(1, 11)}")
            return self._made("newsletter", kind, chance.randint(1, 3), 0.06, host, begun)
        dice -= domain.newsletters
        if dice < domain.pools:
            pool, number = chance.randrange(3), chance.randrange(1000)
            kind = _GOOD if random.Random(pool * 1000 + number).random() < domain.pools_good else _HALF
            return self._made("pool", kind, 1, 0.0, client_of(f"50.{pool}.{number >> 6}.{number & 63}"), begun)
        number = chance.randrange(max(20, min(5000, domain.day // 20)))
        count = 1 if chance.random() < 0.8 else chance.randint(2, 5)
        return self._made("known", _GOOD, count, 0.0, client_of(f"60.{number >> 8}.{number & 255}.1"), begun)

    def _stranger(self, begun: float) -> Message:
        """Make a message of a source never seen before."""
        chance = self._chance
        network = f"{70 + chance.randrange(50)}.{chance.randrange(256)}"
        host = client_of(f"{network}.{chance.randrange(256)}.{chance.randrange(256)}")
        dice = chance.random()
        if dice > 0.99:
            return self._made("new bulk sender", _STRANGER, chance.randint(8, 25), 0.10, host, begun)
        count = 1 if chance.random() < 0.75 else chance.randint(2, 4)
        if dice < 0.10:
            return self._made("pool in a /24", _STRANGER, count, 0.0, host, begun, host.address.rpartition(".")[0])
        if dice < 0.20:
            return self._made("pool in a /16", _STRANGER, count, 0.0, host, begun, network)
        return self._made("one server", _STRANGER, count, 0.0, host, begun)

    def _made(
        self, kind: str, acquaintance: Acquaintance, count: int, dead: float, host: Client, begun: float,
        prefix: str = "",
    ) -> Message:  # fmt: skip
        schedule, sender = self._chance.choice(_SCHEDULES), self._chance.getrandbits(63) | 1
        return Message(kind, acquaintance, self._names(count, dead), sender, begun, host, schedule, prefix)

    def _try(self, message: Message, when: float) -> None:
        visit = Visit(message.client, message.acquaintance, message.names, message.sender, 0.1, sends=True)
        self._world.visit(when, visit, lambda ended: self._ended(message, ended))

    def _ended(self, message: Message, visit: Visit) -> None:
        """Come again with what is left, or note how long it took."""
        waited = self._world.now - message.begun
        message.names = visit.left
        if not any(exists(name) is Existence.LISTED for name in visit.left):
            if message.tries:
                self.report.delays.setdefault(message.kind, []).append(waited)
            return
        if waited > _GIVE_UP:
            self.report.lost += 1
            return
        wait = message.schedule[min(message.tries, len(message.schedule) - 1)] * self._chance.uniform(0.9, 1.1)
        message.tries += 1
        if message.prefix:
            rest = [str(self._chance.randrange(256)) for _ in range(4 - len(message.prefix.split(".")))]
            message.client = client_of(".".join([message.prefix, *rest]))
        self._try(message, self._world.now + wait)

    def _bot(self, when: float) -> None:
        """Let a spam bot come with one or two names, once."""
        chance = self._chance
        octets = (130 + chance.randrange(60), chance.randrange(256), chance.randrange(256), chance.randrange(256))
        host = client_of(".".join(map(str, octets)))
        names = [
            self._typo() if chance.random() < 0.2 else _CIRCULATING + chance.randrange(400)
            for _ in range(1 if chance.random() < 0.7 else 2)
        ]
        self._world.visit(when, Visit(host, _STRANGER, names, chance.getrandbits(63) | 1, 0.1), lambda _: None)
