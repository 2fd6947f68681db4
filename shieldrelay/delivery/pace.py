"""What a domain's server bears (R4): connections at once, messages a minute, octets a second.

Above it mail is spooled, never pushed. Two token buckets without a timer: what was earned is computed when somebody
asks. Time is an argument, monotonic. One per domain, owned by ``delivery.lane``, which asks it last, with the slot
already in hand. Cannot fail.

Bursts. A bucket holds one second's worth, at least two messages, so a rate of 600 a minute lets at most 610 pass in
any minute. A message larger than a second's octets may start when the bucket is full and leaves it in debt: large
mail passes, and over any longer time the rate holds. A quarter of each bucket is kept for known-good senders; under
a flood they find tokens when others do not, and without one the others lose nothing of the rate.

In a cluster each member has a share of the rate, of all together never more than the whole; only the least depth, two
messages, is each member's own.
"""

from __future__ import annotations

from shieldrelay.mail.envelope import Precedence

DEFAULT_CONNECTIONS = 20
"""What a server is taken to bear where nothing is declared; no rate, then."""

SHARES = 1000
"""Into so many parts a declared rate is divided between the members of a cluster."""
SHARELESS_SECONDS = 0.2
"""Who has no share now asks again after so long."""
_MESSAGES_AT_ONCE = 2.0
_RESERVED_SHARE = 0.25
_ROUNDING = 1e-6
"""What may be missing of a full bucket: else who returns at the promised instant may find it a rounding error away."""


class Bucket:
    """Tokens that come at an even rate and may go into debt.

    :param rate: tokens a second, above 0.
    :param depth: how many it holds, above 0; it begins full.
    :param floor: how many it holds at least, whatever our share in it is.
    """

    __slots__ = ("_at", "_depth", "_floor", "_rate", "_reserve", "_tokens", "_whole")

    def __init__(self, rate: float, depth: float, floor: float = 0.0) -> None:
        if rate <= 0 or depth <= 0:
            raise ValueError("rate and depth are above 0")
        self._whole = (rate, depth)
        self._floor = floor
        self._rate = rate
        self._depth = depth
        self._reserve = depth * _RESERVED_SHARE
        self._tokens = depth
        self._at = float("-inf")

    def share(self, part: float, now: float) -> None:
        """Let only a part of the rate come in from now on, above 0 to 1; what is there beyond it goes."""
        self.wait(0.0, now, Precedence.KNOWN_GOOD)
        rate, depth = self._whole
        self._rate = rate * part
        self._depth = max(depth * part, self._floor)
        self._reserve = self._depth * _RESERVED_SHARE
        self._tokens = min(self._tokens, self._depth)

    def wait(self, cost: float, now: float, precedence: Precedence) -> float:
        """Give the seconds until ``cost`` tokens may be taken; 0 when now."""
        if now > self._at:
            self._tokens = min(self._depth, self._tokens + (now - self._at) * self._rate)
            self._at = now
        kept = 0.0 if precedence is Precedence.KNOWN_GOOD else self._reserve
        missing = kept + min(cost, self._depth - kept) - self._tokens
        return missing / self._rate if missing > self._depth * _ROUNDING else 0.0

    @property
    def whole_rate(self) -> float:
        """Tokens a second that all members have together."""
        return self._whole[0]

    def take(self, cost: float) -> None:
        """Take the tokens, into debt if need be."""
        self._tokens -= cost


class Pace:
    """What one server bears.

    :param connections: at once, at least 1; held by the lane's slots through `delivery.ramp`.
    :param messages_per_minute: ``None`` for no limit.
    :param octets_per_second: ``None`` for no limit.
    :ivar refused_at: when it let a message wait last, on the reactor's clock.
    """

    __slots__ = ("_messages", "_octets", "_shareless", "_unlimited", "connections", "refused_at")

    def __init__(
        self,
        connections: int = DEFAULT_CONNECTIONS,
        messages_per_minute: float | None = None,
        octets_per_second: float | None = None,
    ) -> None:
        self.connections = connections
        self.refused_at = float("-inf")
        self._shareless = False
        self._messages = self._octets = None
        if messages_per_minute is not None:
            rate = messages_per_minute / 60
            self._messages = Bucket(rate, max(rate, _MESSAGES_AT_ONCE), _MESSAGES_AT_ONCE)
        if octets_per_second is not None:
            self._octets = Bucket(octets_per_second, octets_per_second)
        self._unlimited = self._messages is None and self._octets is None

    @property
    def limited(self) -> bool:
        """Whether a rate is declared."""
        return not self._unlimited

    @property
    def messages_per_second(self) -> float | None:
        """The declared rate of messages, of all members together."""
        return None if self._messages is None else self._messages.whole_rate

    @property
    def octets_per_second(self) -> float | None:
        """The declared rate of octets, likewise."""
        return None if self._octets is None else self._octets.whole_rate

    def share(self, shares: int, now: float) -> None:
        """Take only a part of the declared rates: the other members have the rest.

        :param shares: of `SHARES`; with 0 nothing may start.
        """
        self._shareless = shares <= 0
        for bucket in (self._messages, self._octets):
            if bucket is not None and shares > 0:
                bucket.share(min(1.0, shares / SHARES), now)

    def may_start(self, size_octets: int, now: float, precedence: Precedence = Precedence.ORDINARY) -> bool:
        """Take what a message of this size costs, if there is enough; false takes nothing."""
        if self._unlimited:
            return True
        if self.earliest(size_octets, now, precedence) > now:
            self.refused_at = now
            return False
        if self._messages is not None:
            self._messages.take(1.0)
        if self._octets is not None:
            self._octets.take(float(size_octets))
        return True

    def earliest(self, size_octets: int, now: float, precedence: Precedence = Precedence.ORDINARY) -> float:
        """Give the monotonic time at which a message of this size may start if nobody else does; ``now`` at once."""
        if self._unlimited:
            return now
        wait = SHARELESS_SECONDS if self._shareless else 0.0
        if self._messages is not None:
            wait = max(wait, self._messages.wait(1.0, now, precedence))
        if self._octets is not None:
            wait = max(wait, self._octets.wait(float(size_octets), now, precedence))
        return now + wait
