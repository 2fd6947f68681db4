"""The ways to harvest, each as a script of waves; a wave may depend on what the one before was told.

A script gets its list of guesses and yields waves; what comes back is what their sessions were told. Pure: it holds no
socket and no clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable, Sequence

from attrs import evolve, frozen

from tests.attackers.dictionary import Dictionary
from tests.attackers.guessing import Ending, Session, Told

MINUTE = 60.0
TRIES = 3
"""How often a source that was cut off in the midst tries what it did not get to."""


@frozen
class Wave:
    """Sessions after a while.

    :ivar after: seconds that pass before.
    :ivar together: all at the same instant, else one after the other.
    """

    after: float
    sessions: tuple[Session, ...]
    together: bool = False


Script = Generator[Wave, list[Told], None]


@frozen
class Attack:
    """One way to harvest.

    :ivar guesses: how many names it asks for.
    :ivar play: makes the script.
    :ivar wanted: the share of the hits that it may learn at most; ``None``: reported only.
    :ivar least: so many names at least it may learn whatever the share.
    :ivar shares: of valid guesses with which it is played.
    :ivar lasts: about so many seconds; lawful mail is spread over that time, and an hour at least.
    """

    name: str
    guesses: int
    play: Callable[[Dictionary, random.Random], Script]
    wanted: float | None
    least: int = 3
    shares: tuple[float, ...] = (0.01, 0.2, 0.5)
    lasts: float = 3600.0


def one_by_one(words: Dictionary, rnd: random.Random) -> Script:
    """One source asks ten names a session, one after the other, a second between sessions."""
    yield from _persistent(Session("127.1.0.1", names) for names in _cut(words.guesses, 10))


def one_segment(words: Dictionary, rnd: random.Random) -> Script:
    """One source asks a hundred names in one segment."""
    yield from _persistent([Session("127.1.0.1", words.guesses, pipelined=True)])


def split(words: Dictionary, rnd: random.Random) -> Script:
    """One source asks two names a transaction, three transactions a session, and resets."""
    sessions = (Session("127.1.0.1", names, ending=Ending.RESET, each=2) for names in _cut(words.guesses, 6))
    yield from _persistent(sessions, 20.0)


def slow(words: Dictionary, rnd: random.Random) -> Script:
    """One source asks a name every ten minutes."""
    yield from _persistent((Session("127.1.0.1", names) for names in _cut(words.guesses, 1)), 10 * MINUTE)


def mixed(words: Dictionary, rnd: random.Random) -> Script:
    """One source sends three lawful messages before each guess."""
    known = [b"user%d" % number for number in range(1990, 2000)]
    for guess in words.guesses:
        lawful = tuple(Session("127.1.0.1", (rnd.choice(known),), ending=Ending.MESSAGE) for _ in range(3))
        yield Wave(4.0, lawful)
        yield Wave(5.0, (Session("127.1.0.1", (guess,)),))


def repeating(words: Dictionary, rnd: random.Random) -> Script:
    """One source repeats what was not answered like a mail server: six times, after five to fifteen minutes."""
    names: Sequence[bytes] = words.guesses
    for _ in range(7):
        left: list[bytes] = []
        for part in _cut(names, 10):
            told = yield Wave(1.0, (Session("127.1.0.1", part),))
            left += told[0].undecided
        names = left
        yield Wave(rnd.uniform(300.0, 900.0), ())


def one_network(words: Dictionary, rnd: random.Random) -> Script:
    """One /64 changes its IPv6 address with every session."""
    for number, names in enumerate(_cut(words.guesses, 4)):
        yield Wave(2.0, (Session(f"2001:db8:7:1::{number + 1:x}", names),))


def one_site(words: Dictionary, rnd: random.Random) -> Script:
    """One /56 changes its /64 with every session."""
    for number, names in enumerate(_cut(words.guesses, 4)):
        yield Wave(2.0, (Session(f"2001:db8:7:{number % 256:x}::{number // 256 + 1:x}", names),))


def history_first(words: Dictionary, rnd: random.Random) -> Script:
    """One source sends 25 messages over four days, then harvests."""
    for number in range(25):
        name = b"user%d" % rnd.randrange(1900, 2000)
        yield Wave(4 * 3600.0, (Session("127.1.0.1", (name,), ending=Ending.MESSAGE),))
        del number
    yield from one_by_one(words, rnd)


def washer(words: Dictionary, rnd: random.Random) -> Script:
    """One source washes a list that it bought: 90 % exist, five a transaction, and no message ever follows."""
    sessions = (Session("127.1.0.1", names, ending=Ending.RESET, each=5) for names in _cut(words.guesses, 20))
    yield from _persistent(sessions, 5.0)


def washer_in_one(words: Dictionary, rnd: random.Random) -> Script:
    """The same in one transaction and one segment."""
    yield from _persistent([Session("127.1.0.1", words.guesses, pipelined=True, ending=Ending.DROP)])


def twenty_five(words: Dictionary, rnd: random.Random) -> Script:
    """25 sources in 25 networks ask five names each within two minutes."""
    sessions = [Session(_elsewhere(number), names) for number, names in enumerate(_cut(words.guesses, 5))]
    rnd.shuffle(sessions)
    for session in sessions:
        yield Wave(120.0 / len(sessions), (session,))


def twenty_five_patient(words: Dictionary, rnd: random.Random) -> Script:
    """The same, and each repeats what was not answered, six times after five to fifteen minutes."""
    sessions = [Session(_elsewhere(number), names) for number, names in enumerate(_cut(words.guesses, 5))]
    for _ in range(7):
        left: list[Session] = []
        for session in sessions:
            told = yield Wave(4.0, (session,))
            if told[0].undecided:
                left.append(evolve(session, names=told[0].undecided))
        sessions = left
        yield Wave(rnd.uniform(300.0, 900.0), ())


def in_step(words: Dictionary, rnd: random.Random) -> Script:
    """200 sources in 100 networks ask five names each at the same instant."""
    sessions = tuple(
        Session(_elsewhere(number // 2, number % 2), names, pipelined=True)
        for number, names in enumerate(_cut(words.guesses, 5))
    )
    yield Wave(1.0, sessions, together=True)


def one_each(words: Dictionary, rnd: random.Random) -> Script:
    """5 000 sources ask one name each within an hour."""
    pause = 3600.0 / len(words.guesses)
    for number, name in enumerate(words.guesses):
        yield Wave(pause, (Session(_elsewhere(number), (name,)),))


CATALOGUE: tuple[Attack, ...] = (
    Attack("one source, ten a session", 500, one_by_one, 0.10),
    Attack("one source, 100 in one segment", 100, one_segment, 0.10),
    Attack("one source, split over transactions and sessions", 300, split, 0.10),
    Attack("one source, one name every ten minutes", 144, slow, 0.10, lasts=86400.0),
    Attack("one source, mixed with lawful mail", 100, mixed, 0.10),
    Attack("one source, repeats what was put off", 100, repeating, 0.10, lasts=7200.0),
    Attack("one IPv6 /64, a new address each session", 200, one_network, 0.10),
    Attack("one IPv6 /56, a new /64 each session", 400, one_site, None),
    Attack("one source, buys good history first", 500, history_first, 0.10, lasts=4 * 86400.0),
    Attack("list washer, five a transaction", 200, washer, None, 19, (0.9,)),
    Attack("list washer, one segment", 100, washer_in_one, None, 19, (0.9,)),
    Attack("25 sources in 25 networks, five each", 125, twenty_five, 0.25),
    Attack("25 sources, five each, patient", 125, twenty_five_patient, 0.25, lasts=7200.0),
    Attack("200 sources in step", 1000, in_step, None),
    Attack("5 000 sources, one each", 5000, one_each, None),
)


def _cut(names: Sequence[bytes], size: int) -> list[tuple[bytes, ...]]:
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


def _elsewhere(network: int, host: int = 0) -> str:
    """Give an address in a /24 of its own."""
    return f"127.{2 + network // 256}.{network % 256}.{1 + host}"


def _persistent(sessions: Iterable[Session], pause: float = 1.0) -> Script:
    """Play sessions one after the other; what one did not get to is tried again."""
    for session in sessions:
        for _ in range(TRIES):
            told = (yield Wave(pause, (session,)))[0]
            asked = len(told.codes)
            if asked == len(session.names):
                break
            session = evolve(session, names=session.names[asked:])
