"""What a harvester guesses: names, of which a share exists."""

from __future__ import annotations

import random

from attrs import frozen


@frozen
class Dictionary:
    """A list of guesses.

    :ivar guesses: in the order in which they are asked.
    :ivar valid: those of them that exist; others may exist besides.
    """

    guesses: tuple[bytes, ...]
    valid: frozenset[bytes]


def dictionary(count: int, share: float, seed: int, directory: int = 2000) -> Dictionary:
    """Make a list of guesses against a directory of ``user0`` to ``userN``.

    :param share: of the guesses that exist, 0 to 1; one at least does.
    """
    rnd = random.Random(seed)
    hits = min(directory, max(1, round(count * share)))
    valid = [b"user%d" % number for number in rnd.sample(range(directory), hits)]
    guesses = [*valid, *(b"ghost%d-%d" % (seed, number) for number in range(count - hits))]
    rnd.shuffle(guesses)
    return Dictionary(tuple(guesses), frozenset(valid))
