"""`MemoryHub`: the hub within one process (D3), the embedded default; several members may meet in it too.

With ``alone`` nobody but its one member ever comes, and that member then has no need to tell it anything. Its own
clock decides who and what has expired, the world's what counts have decayed to. It never fails but for `ReportRefused`
and `HubRefused`, and answers at once. Everything in it has a cap and an end.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, fail, succeed

from shieldrelay.cluster.cards import Cards, is_sound
from shieldrelay.cluster.change_log import ChangeLog
from shieldrelay.cluster.claims import Claims
from shieldrelay.cluster.hub import (
    CARDS_MOST,
    CHANGES_AT_ONCE,
    CLAIMS_AT_ONCE,
    LATELY_SECONDS,
    MEMBER_SECONDS,
    RECORDS_AT_ONCE,
    TEXT_OCTETS,
    Card,
    HubRefused,
    News,
    Record,
    Report,
    ReportRefused,
)
from shieldrelay.cluster.kinds import Kind
from shieldrelay.cluster.merging import Merging
from shieldrelay.ports import Clock, WallClock

_NEWS_MOST = 50_000
"""Rows of which a member is still to hear; of more, those that changed first are not told until they change again."""
_SWEEP_SECONDS = 60.0


class _Member:
    """What a hub knows of a member.

    :ivar seen: when it told something, on the hub's clock.
    :ivar news: rows that others changed since, those first that changed first.
    :ivar told: whether it has exchanged, and not only met.
    """

    __slots__ = ("news", "seen", "told")

    def __init__(self, seen: float) -> None:
        self.seen = seen
        self.told = False
        self.news: dict[tuple[str, bytes], None] = {}


class MemoryHub:
    """A hub in memory.

    :ivar alone: whether one member owns it; with ``False`` others may come.
    """

    def __init__(self, kinds: Iterable[Kind], clock: Clock, wall: WallClock, *, alone: bool = True) -> None:
        self.alone = alone
        self._clock = clock
        self._wall = wall
        self._kinds = {kind.name: Merging(kind) for kind in kinds}
        self._members: dict[str, _Member] = {}
        self._claims = Claims()
        self._cards = Cards()
        self._log = ChangeLog(int(wall() * 1000.0))
        self._swept = clock.seconds()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(map(len, self._kinds.values()))

    @property
    def claims(self) -> int:
        """How many claims there are, each member's apart."""
        return len(self._claims)

    @property
    def cards(self) -> int:
        """How many members have shown themselves."""
        return len(self._cards)

    def exchange(self, report: Report) -> Deferred[News]:
        """Take a report and give the news."""
        if (
            len(report.records) > RECORDS_AT_ONCE
            or len(report.changes) > CHANGES_AT_ONCE
            or len(report.claims) > CLAIMS_AT_ONCE
            or not 0 < len(report.member) <= TEXT_OCTETS
            or self._is_full_for(report.member)
        ):
            return fail(ReportRefused("the report is too large, or there are too many members"))
        now, now_wall = self._clock.seconds(), self._wall()
        self._expire(now, now_wall)
        member = self._members.setdefault(report.member, _Member(now))
        member.seen = now
        for record in report.records:
            merging = self._kinds.get(record.kind)
            if merging is not None and merging.put(report.member, record, now, now_wall):
                self._note(report.member, record.kind, record.key, now_wall - LATELY_SECONDS)
        for change in report.changes:
            self._log.append(change, now_wall)
        return succeed(self._news(report, member, now_wall))

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        """Take a card and give all."""
        if not is_sound(card):
            return fail(HubRefused("no member looks like that"))
        now, now_wall = self._clock.seconds(), self._wall()
        self._expire(now, now_wall)
        if self._is_full_for(card.member):
            return fail(HubRefused(f"there are {CARDS_MOST} members already"))
        self._members.setdefault(card.member, _Member(now)).seen = now
        self._cards.put(card, now_wall)
        return succeed(self._cards.all())

    def leave(self, member: str) -> Deferred[None]:
        """Take back a member's parts."""
        self._drop(member)
        return succeed(None)

    def _news(self, report: Report, member: _Member, now_wall: float) -> News:
        since = self._log.since(report.version) if member.told else None
        member.told = True
        whole = since is None
        changes = self._log.whole() if since is None else since
        records = self._records(report, member, now_wall)
        grants = tuple([self._claims.put(report.member, claim) for claim in report.claims])
        return News(self._log.version, len(self._members), tuple(records), changes, whole, grants)

    def _records(self, report: Report, member: _Member, now_wall: float) -> list[Record]:
        """Give what others have of the rows that were reported, and of those that changed."""
        records = []
        for told in report.records:
            merging = self._kinds.get(told.kind)
            found = merging and merging.others(report.member, told.key, now_wall)
            if found:
                records.append(found)
                member.news.pop((told.kind, told.key), None)
        for kind, key in list(member.news)[:RECORDS_AT_ONCE]:
            del member.news[kind, key]
            merging = self._kinds[kind]
            records.append(merging.others(report.member, key, now_wall) or merging.nobody(key, now_wall))
        return records

    def _note(self, teller: str, kind: str, key: bytes, since: float) -> None:
        """Note a row as news for those whom its change concerns, but for the one who told it."""
        concerned = self._kinds[kind].concerned(key, since)
        for name, member in self._members.items():
            if name != teller and (concerned is None or name in concerned):
                member.news[kind, key] = None
                if len(member.news) > _NEWS_MOST:
                    del member.news[next(iter(member.news))]

    def _is_full_for(self, member: str) -> bool:
        return member not in self._members and len(self._members) >= CARDS_MOST

    def _expire(self, now: float, now_wall: float) -> None:
        for name in [name for name, member in self._members.items() if now - member.seen > MEMBER_SECONDS]:
            self._drop(name)
        for merging in self._kinds.values():
            merging.expire(now)
        if now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            self._log.sweep(now_wall)

    def _drop(self, member: str) -> None:
        if self._members.pop(member, None) is None:
            return
        self._claims.leave(member)
        self._cards.leave(member)
        for kind, merging in self._kinds.items():
            for key in merging.leave(member):
                self._note(member, kind, key, 0.0)
