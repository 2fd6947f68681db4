"""One question to a list, in a time box, and how long its answer holds.

Asks whatever looks names up as ``twisted.names.client`` does (`wire.resolver_client`), through a narrow port. A name
that does not exist is an answer; whatever else fails is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.names.error import DNSNameError
from twisted.python.failure import Failure

from shieldrelay.ports import Clock
from shieldrelay.wire.resolver_client import records_of

BUDGET_SECONDS = 3.0
SHORTEST_SECONDS, LONGEST_SECONDS = 60.0, 3600.0
"""Bounds of what a TTL is believed, for listings and for their absence."""
_A, _SOA = 1, 6


class LookUp(Protocol):
    """What is asked."""

    def lookupAddress(self, name: str) -> Deferred[Any]:
        """Give A records: (answers, authority, additional)."""


@frozen
class Found:
    """An answer.

    :ivar addresses: as text; none when there is no such name.
    :ivar seconds: that it holds.
    """

    addresses: tuple[str, ...]
    seconds: float


def ask(client: Callable[[], LookUp], name: str, clock: Clock) -> Deferred[Found | None]:
    """Ask for the addresses of a name; fires within `BUDGET_SECONDS` with ``None`` when there was no answer."""
    asked = maybeDeferred(lambda: client().lookupAddress(name))
    answer: Deferred[Found | None] = asked.addCallbacks(_found, _not_found, callbackArgs=(name,))
    return answer.addTimeout(BUDGET_SECONDS, clock, _silent)  # type: ignore[arg-type]


def _found(answered: tuple[list[Any], list[Any], list[Any]], name: str) -> Found:
    answers, authority, _additional = answered
    headers = records_of(name, _A, answers)
    if not headers:
        return Found((), _absent(authority))
    addresses = tuple(str(header.payload.dottedQuad()) for header in headers)
    return Found(addresses, _bounded(min(float(header.ttl) for header in headers)))


def _not_found(failure: Failure) -> Found | None:
    if failure.check(DNSNameError) is None:
        return None
    message = next(iter(getattr(failure.value, "args", ())), None)
    return Found((), _absent(getattr(message, "authority", ())))


def _absent(authority: Iterable[Any]) -> float:
    """Give how long the absence of a name holds (RFC 2308 §5)."""
    ends = [min(float(header.ttl), float(header.payload.minimum)) for header in authority if header.type == _SOA]
    return _bounded(min(ends, default=SHORTEST_SECONDS))


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)


def _silent(_value: object, _seconds: float) -> None:
    return None
