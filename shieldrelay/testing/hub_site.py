"""A hub under test, and the members by hand that meet in it: what `hub_contract` asks its questions with.

A `Site` is an empty hub of which members can have any number of connections, and the time by which it judges. A site
whose hub has a clock of its own may let real time pass, if it declares the hub's times short enough.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from attrs import evolve
from twisted.internet.defer import Deferred

from shieldrelay.cluster.hub import Card, Change, Claim, Grant, Hub, News, Record, Report
from shieldrelay.cluster.kinds import Field, Kind, Merge

TALLY = Kind(
    "tally",
    (
        Field("halving", half_life=10.0),
        Field("held", lease=True),
        Field("most", merge=Merge.MAX),
        Field("least", merge=Merge.MIN),
    ),
    lifetime=100.0,
    names=4,
)
PLAIN = Kind("plain", (Field("count"),), lifetime=40.0)
KINDS = (TALLY, PLAIN)
"""The kinds that a site's hub must know."""


def spoken(test: Callable[[Any], Coroutine[Deferred[Any], Any, None]]) -> Callable[[Any], Deferred[None]]:
    """Let trial wait for a coroutine."""

    def run(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(self))

    run.__doc__ = test.__doc__
    return run


class Site(Protocol):
    """One hub under test."""

    def connect(self) -> Hub:
        """Give a hub for one more member."""

    def now_wall(self) -> float:
        """The world's time, as the hub sees it."""

    def pass_time(self, seconds: float) -> Deferred[None]:
        """Let time pass for the hub and for `now_wall`."""

    def close(self) -> Deferred[None]:
        """Leave nothing behind."""


class Member:
    """A member by hand: it counts versions, and remembers what it was told.

    :param hub: its connection; ``None``: one of its own.
    :ivar others: the last record of each row.
    :ivar changes: all changes heard of, in order.
    """

    def __init__(self, site: Site, name: str, hub: Hub | None = None) -> None:
        self.site = site
        self.name = name
        self.hub = hub or site.connect()
        self.version = 0
        self.others: dict[tuple[str, bytes], Record] = {}
        self.changes: list[Change] = []
        self.members = 0

    async def tell(self, *said: Record | Change) -> News:
        """Exchange once."""
        records = tuple(each for each in said if isinstance(each, Record))
        changes = tuple(each for each in said if isinstance(each, Change))
        news = await self.hub.exchange(Report(self.name, self.site.now_wall(), self.version, records, changes))
        self.version, self.members = news.version, news.members
        self.others.update({(record.kind, record.key): record for record in news.records})
        self.changes.extend(news.changes)
        return news

    async def claim(self, *claims: Claim) -> tuple[Grant, ...]:
        """Exchange once, with claims alone."""
        news = await self.hub.exchange(Report(self.name, self.site.now_wall(), self.version, claims=claims))
        self.version, self.members = news.version, news.members
        self.changes.extend(news.changes)
        return news.grants

    async def meet(self, **more: Any) -> tuple[Card, ...]:
        """Show a card, with some of it otherwise than usual."""
        at = self.site.now_wall()
        card = Card(self.name, f"node-{self.name}", 0, "1", "", "", "up", False, self.name, "", at)
        return await self.hub.meet(evolve(card, **more))

    def tally(self, key: bytes, *values: float, names: tuple[int, ...] = (), at: float | None = None) -> Record:
        """Make a record of the first kind; values that are not given are 0."""
        padded = (*values, *(0.0,) * (4 - len(values)))
        return Record(TALLY.name, key, self.site.now_wall() if at is None else at, padded, frozenset(names))

    def heard(self, key: bytes) -> tuple[float, ...]:
        """Give what the others have of a row of the first kind, rounded."""
        record = self.others.get((TALLY.name, key))
        return (0.0,) * 4 if record is None else tuple(round(value, 1) for value in record.values)
