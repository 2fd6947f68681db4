"""Who comes: lawful senders new and old, pools, and four kinds of those who are not wanted."""

from __future__ import annotations

import random
from collections.abc import Iterator

from attrs import frozen

from bench.reputation.front import DAY, Listings
from shieldrelay.mail.client import Client, client_of

WARM_DAYS = 14
"""Days on which the lawful who are known already send before the fortnight begins."""
FORTNIGHT = 14


@frozen
class Manner:
    """How one kind of sender behaves.

    :ivar sessions: a day and source.
    :ivar messages: in one session.
    :ivar refused: share of messages that next hops refuse by policy.
    :ivar unknown: share of recipients, beside the messages', that do not exist.
    :ivar warm: it was there before the fortnight.
    :ivar days: for how long a source is seen.
    :ivar listed: share of sources that two DNS lists or more get to know, and
    :ivar lag: the days until they do.
    """

    name: str
    lawful: bool
    sources: int
    sessions: float
    messages: int
    refused: float
    unknown: float
    warm: bool = False
    days: float = FORTNIGHT
    listed: float = 0.0
    lag: float = 0.5


CROWD = (
    Manner("servers known for long", True, 200, 12, 3, 0.005, 0.01, warm=True),
    Manner("small servers, new", True, 300, 1.0, 1, 0.01, 0.02, days=10),
    Manner("busy servers, new", True, 40, 20, 2, 0.02, 0.02, days=8),
    Manner("pools of newsletters", True, 120, 8, 5, 0.02, 0.03, warm=True),
    Manner("new pool, sloppy list", True, 20, 8, 5, 0.04, 0.10, days=10),
    Manner("forwarders that pass spam on", True, 10, 40, 3, 0.12, 0.01, warm=True),
    Manner("lawful among spammers", True, 20, 3, 1, 0.01, 0.01, days=12),
    Manner("small servers, wrongly listed twice", True, 20, 3, 1, 0.01, 0.01, days=10, listed=1.0),
    Manner("spammers", False, 200, 20, 5, 0.70, 0.20, days=10, listed=0.7),
    Manner("snowshoe, six networks", False, 300, 2, 2, 0.50, 0.10, days=12, listed=0.3, lag=2.0),
    Manner("bots, seen once or twice", False, 6000, 1.5, 1, 0.70, 0.20, days=1, listed=0.6, lag=0.2),
    Manner("harvesters", False, 60, 10, 0, 0.0, 8.0, days=10, listed=0.3, lag=1.0),
)


@frozen
class Source:
    """One source of a kind, with its days."""

    manner: Manner
    client: Client
    first: float
    last: float


def sources(chance: random.Random, listings: Listings, scale: float) -> Iterator[Source]:
    """Make everybody.

    :param scale: 1 for all of them.
    """
    for kind, manner in enumerate(CROWD):
        for number in range(max(1, int(manner.sources * scale))):
            client = _client(chance, kind, number, manner)
            first = WARM_DAYS * DAY + chance.random() * max(0.0, FORTNIGHT - manner.days) * DAY
            last = first + manner.days * DAY
            if chance.random() < manner.listed:
                lists = 2 if manner.lawful else chance.choice((2, 2, 3))
                listings.since[client.source] = first + manner.lag * DAY, lists
            elif not manner.lawful and chance.random() < 0.3:
                listings.since[client.source] = first + manner.lag * DAY, 1
            yield Source(manner, client, 0.0 if manner.warm else first, last)


def _client(chance: random.Random, kind: int, number: int, manner: Manner) -> Client:
    if manner.name == "snowshoe, six networks":
        return client_of(f"198.18.{number % 6}.{1 + number // 6}")
    if manner.name == "lawful among spammers":
        return client_of(f"198.18.{number % 6}.{200 + number // 6}")
    if manner.name == "pools of newsletters":
        return client_of(f"100.64.{number // 40}.{number % 40}")
    if manner.name == "new pool, sloppy list":
        return client_of(f"100.65.0.{number}")
    return client_of(f"{20 + kind}.{chance.randrange(256)}.{number >> 8}.{number & 255}")
