"""Our ids of messages: time and 80 random bits in 24 characters of ``[0-9A-Za-z]``.

Unique over all nodes without asking anybody. The time comes first, so names sort by arrival and a human sees what
is old. Randomness is an argument (``os.urandom`` in the product); knows no clock. Called once a message by
``delivery.intake``. Fails only as the source of randomness fails.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
"""All pairs of characters, in the order of ASCII: two characters for one division."""
_BASE = len(_PAIRS)
_SQUARE = _BASE * _BASE
_RANDOM = Struct(">HII")
"""The random bits as three numbers; the first shares its six characters with the part of the second."""
_PARTS = 1 << 16
"""Parts of a second: what came within one second sorts by arrival too."""
_SECONDS = 1 << 32
"""Seconds since the epoch modulo 2^32: the order of names turns over in 2106, their uniqueness never depends on it."""

RandomOctets = Callable[[int], bytes]
"""Gives so many unpredictable octets."""


def _six(number: int) -> str:
    """Give 32 bits as six characters."""
    return _PAIRS[number // _SQUARE] + _PAIRS[number // _BASE % _BASE] + _PAIRS[number % _BASE]


class MessageIds:
    """Makes ids; one object a process.

    :param random_octets: the source of randomness.
    """

    __slots__ = ("_random", "_second", "_stamp")

    def __init__(self, random_octets: RandomOctets) -> None:
        self._random = random_octets
        self._second = -1
        self._stamp = ""

    def new(self, now_wall: float) -> str:
        """Give the next id.

        :param now_wall: seconds since the epoch.
        """
        second = int(now_wall) % _SECONDS
        if second != self._second:
            self._second = second
            self._stamp = _six(second)
        part = int(now_wall % 1.0 * _PARTS)
        one, two, three = _RANDOM.unpack(self._random(_RANDOM.size))
        return self._stamp + _six(part << 16 | one) + _six(two) + _six(three)
