"""`Nonces`: those of the requests of the last minutes, so that no request counts twice.

Bounded: who has the key could fill it, and then nothing new is believed until something is over. Pure; times are passed
in, in seconds since the epoch. Called by ``peers.server`` after a seal has been found good.
"""

from __future__ import annotations

from collections import OrderedDict

from shieldrelay.peers.seal import SKEW_SECONDS

NONCES_MOST = 200_000
"""Some 300 requests a second, for as long as a request may be old."""


class Nonces:
    """What was seen.

    :param most: how many are remembered.
    """

    def __init__(self, most: int = NONCES_MOST) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def is_new(self, nonce: bytes, now: float) -> bool:
        """Note a nonce; false when it was seen before, or when there is no room to remember it."""
        while self._seen:
            oldest, over = next(iter(self._seen.items()))
            if over > now:
                break
            del self._seen[oldest]
        if nonce in self._seen or len(self._seen) >= self._most:
            return False
        # a request may come so early by our clock, and again so late
        self._seen[nonce] = now + 2 * SKEW_SECONDS
        return True
