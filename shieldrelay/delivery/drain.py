"""How long a backlog will take to drain: what went in the last minutes, and what the pace allows at best (R4).

Counts messages of the backlog that were done with, in a rate that fades. An estimate for the operator, nothing is
decided by it. Pure; time is an argument, monotonic. One per domain, owned by `delivery.lane`. Cannot fail.
"""

from __future__ import annotations

import math

FADING_SECONDS = 120.0
"""What is longer ago counts less than a third."""


class Drain:
    """What one domain's backlog has lost of late."""

    __slots__ = ("_at", "_began", "_done")

    def __init__(self) -> None:
        self._done = 0.0
        self._at = self._began = float("-inf")

    def done(self, now: float) -> None:
        """Count a message that waits no longer."""
        if self._done < 0.5:
            self._done, self._began = 0.0, now
        else:
            self._done *= math.exp((self._at - now) / FADING_SECONDS)
        self._done += 1.0
        self._at = now

    def rate(self, now: float) -> float:
        """Give messages a second, 0 when there were none for long."""
        if self._done < 0.5 or now - self._at > 3 * FADING_SECONDS:
            return 0.0
        watched = max(1.0, now - self._began)
        return self._done * math.exp((self._at - now) / FADING_SECONDS) / (
            FADING_SECONDS * -math.expm1(-watched / FADING_SECONDS)
        )  # fmt: skip

    def seconds(
        self,
        messages: int,
        octets: int,
        now: float,
        *,
        messages_per_second: float | None = None,
        octets_per_second: float | None = None,
    ) -> float | None:
        """Give how long so much takes to drain; ``None`` when nothing has gone lately and no rate is declared.

        :param messages: that wait; with ``octets`` in all.
        :param messages_per_second: the declared rate; ``None`` for no limit. Likewise ``octets_per_second``.
        """
        if not messages:
            return 0.0
        bounds = []
        if messages_per_second:
            bounds.append(messages / messages_per_second)
        if octets_per_second:
            bounds.append(octets / octets_per_second)
        rate = self.rate(now)
        if rate:
            bounds.append(messages / rate)
        return max(bounds, default=None)
