"""How many notices may go to one destination domain in an hour, and to all together (R8).

Forged reverse-paths turn notices into attacks on third parties; this machine bounds what one relay can contribute. No
clock: moments are arguments, in seconds of any one monotonic scale. Asked by ``delivery.notices`` only. Memory is
bounded: beyond `DOMAINS` destinations at once, further ones share the remainder of the total.
"""

from __future__ import annotations

from attrs import define, frozen

HOUR = 3600.0
DOMAINS = 10_000
"""Destinations that are counted one by one."""


@frozen
class NoticeAllowance:
    """Notices an hour.

    :ivar per_domain: to one destination domain; also what may go out at once. 0: none.
    :ivar total: to all destinations.
    """

    per_domain: int = 100
    total: int = 1000


@define
class _Bucket:
    """What may still be sent: refilled evenly, ``size`` in an hour, never above ``size``."""

    size: float
    left: float
    since: float

    def refill(self, now: float) -> None:
        self.left = min(self.size, self.left + max(0.0, now - self.since) * self.size / HOUR)
        self.since = now


class NoticeBudget:
    """Counts notices against an allowance.

    :ivar refused: how many were refused since the start, for the status.
    """

    def __init__(self, allowance: NoticeAllowance, now: float) -> None:
        self._allowance = allowance
        self._total = _Bucket(allowance.total, allowance.total, now)
        self._domains: dict[str, _Bucket] = {}
        self.refused = 0

    def take(self, domain: str, now: float) -> bool:
        """Count one notice to a destination domain (its comparison form); false: it must not be sent."""
        self._total.refill(now)
        bucket = self._bucket(domain, now)
        if self._total.left < 1 or (bucket is not None and bucket.left < 1):
            self.refused += 1
            return False
        self._total.left -= 1
        if bucket is not None:
            bucket.left -= 1
        return True

    def _bucket(self, domain: str, now: float) -> _Bucket | None:
        """Give the destination's bucket, refilled; ``None`` when too many are counted already."""
        bucket = self._domains.get(domain)
        if bucket is None:
            if len(self._domains) >= DOMAINS and not self._forget_full(now):
                return None
            bucket = self._domains[domain] = _Bucket(self._allowance.per_domain, self._allowance.per_domain, now)
        bucket.refill(now)
        return bucket

    def _forget_full(self, now: float) -> bool:
        """Forget destinations to which an hour brought nothing; they would start full again anyway."""
        for bucket in self._domains.values():
            bucket.refill(now)
        self._domains = {name: bucket for name, bucket in self._domains.items() if bucket.left < bucket.size}
        return len(self._domains) < DOMAINS
