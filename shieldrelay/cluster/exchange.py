"""`Exchange`: a member's tick (D4, R28 to R30): tells the hub what changed here, and puts in place what it tells.

One exchange at a time, batched both ways. Nobody waits for it but those who ask `next`. What is told is absolute, so
nothing is queued and nothing replayed: a hub that hangs, fails or answers nonsense costs the news, and the state shows
it. A hub that is alone is never asked, and no timer runs. Built by `assembly`; knows hubs by their protocol only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.hub import (
    CARDS_MOST,
    CHANGES_AT_ONCE,
    MEMBER_SECONDS,
    RECORDS_AT_ONCE,
    STATE_MOST,
    Hub,
    HubAway,
    HubRefused,
    News,
    Record,
    Report,
)
from shieldrelay.cluster.parts import Parts
from shieldrelay.cluster.stakes import Stakes
from shieldrelay.cluster.table import Table
from shieldrelay.cluster.waiting import Waiting
from shieldrelay.ports import Clock, Journal, WallClock

_EXPIRED_AT_ONCE = 100
_SWEEP_SECONDS = 60.0
_CALM = 0.8
"""By how much a stretched tick shrinks with each exchange that was quick."""


@frozen
class ExchangeSettings:
    """The declared times, in seconds.

    :ivar tick: between the beginnings of two exchanges.
    :ivar longest_tick: to which it stretches under load, and while the hub fails.
    :ivar share: of the reactor's time that exchanges may take, before the tick stretches.
    :ivar timeout: after which an exchange is given up.
    :ivar held: how long an answer is held back at most (R21).
    :ivar unheard: after so long without the hub, what is shared out is divided by the members last known.
    """

    tick: float = 0.1
    longest_tick: float = 1.0
    share: float = 0.1
    timeout: float = 2.0
    held: float = 0.25
    unheard: float = 2.0


class HubState(Enum):
    """How far the view is shared."""

    LOCAL = "local"
    DEGRADED = "degraded"
    SHARED = "shared"


class Exchange:
    """One member's exchanges.

    :param wall: seconds since the epoch; a `Timepiece`.
    :param member: an id that no other life of any member has.
    :ivar state: LOCAL for good when the hub is alone; else DEGRADED until an exchange succeeds, and since one failed.
    :ivar since: when that state began, on the reactor's clock.
    :ivar reason: why the last exchange failed; empty when it did not.
    :ivar members: live ones as far as was last known, this one among them.
    :ivar interval: the tick as it is now stretched, in seconds.
    :ivar stakes: our parts of what members share out.
    :ivar telling: called when a report is made: what was counted until now is in it, or waits its turn in the next.
    :ivar heard: called when the hub has taken that report in; not when it failed.
    :ivar forgotten: called when the hub had forgotten us.
    """

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
        decisions: Decisions,
        member: str,
        settings: ExchangeSettings | None = None,
    ) -> None:
        self.settings = settings or ExchangeSettings()
        self.state = HubState.LOCAL if hub.alone else HubState.DEGRADED
        self.since = clock.seconds()
        self.reason = ""
        self.members = 1
        self.member = member
        self.interval = self.settings.tick
        self.stakes = Stakes(alone=hub.alone)
        self.telling: Callable[[], object] = bool
        self.heard: Callable[[], object] = bool
        self.forgotten: Callable[[], object] = bool
        self._hub = hub
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._decisions = decisions
        self._parts: dict[str, Parts] = {}
        self._waiting = Waiting(clock, self.settings.held)
        self._version = 0
        self._running = False
        self._stretched = False
        self._told = False
        self._failures = 0
        self._heard = clock.seconds()
        self._swept = clock.seconds()
        self._timer: IDelayedCall | None = None
        self._outstanding: Deferred[Any] | None = None
        if not hub.alone:
            decisions.share()

    @property
    def waiting(self) -> int:
        """How many rows are still to be told; more than a tick carries: the tick does not keep up."""
        return sum(parts.waiting for parts in self._parts.values())

    @property
    def nonsense(self) -> int:
        """How much of what others told was left out, because it cannot be."""
        return self._decisions.nonsense + sum(parts.nonsense for parts in self._parts.values())

    def add(self, table: Table) -> None:
        """Share a table from now on.

        :raises ValueError: there is one of this name.
        """
        if table.kind.name in self._parts:
            raise ValueError(f"there is a table of {table.kind.name} already")
        parts = self._parts[table.kind.name] = Parts(table)
        if not self._hub.alone:
            parts.share()

    def start(self, former: str | None = None, members: int = 1) -> None:
        """Begin.

        :param former: the id of this node's last life, as its snapshot has it: what it told the hub is taken back.
        :param members: how many there were then: what is shared out is divided by them until the hub is heard (R30).
        """
        self._running = True
        if not self._hub.alone:
            self.members = max(1, min(members, CARDS_MOST))
            self.stakes.expect(self.members)
        self._heard = self._clock.seconds()
        if not self._hub.alone:
            if former is not None:
                self._outstanding = maybeDeferred(self._hub.leave, former)
                self._watch(self._outstanding, lambda _: None)
            self._schedule(0.0)

    def stop(self) -> Deferred[None]:
        """Tell the hub that this member is gone; fires when it knows, or is known not to answer. Never fails."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._outstanding is not None:
            self._outstanding.cancel()
        self._waiting.everyone()
        done: Deferred[None] = Deferred()
        if self._hub.alone:
            done.callback(None)
        else:
            self._watch(maybeDeferred(self._hub.leave, self.member), lambda _: done.callback(None))
        return done

    def next(self) -> Deferred[None] | None:
        """Give what an answer waits for that others' knowledge could change; ``None``: there are no others.

        Fires after the next exchange that begins, well or not, and at the latest after the declared time. May be
        cancelled.
        """
        return self._waiting.join() if self._running and not self._hub.alone else None

    # One exchange

    def _schedule(self, delay: float) -> None:
        self._timer = self._clock.callLater(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._outstanding is not None:
            self._schedule(self.interval)
            return
        began = self._clock.seconds()
        self._tidy(began)
        report = self._report(began)
        self.telling()
        self._waiting.board()
        spent = self._clock.seconds() - began
        self._outstanding = maybeDeferred(self._hub.exchange, report)
        self._watch(self._outstanding, lambda outcome: self._ended(outcome, report, began, spent))

    def _watch(self, asked: Deferred[Any], ended: Callable[[Any], object]) -> None:
        """Give something asked of the hub its time, and hand over how it ended, once."""
        timer = self._clock.callLater(self.settings.timeout, asked.cancel)

        def over(outcome: Any) -> None:
            if timer.active():
                timer.cancel()
            if self._outstanding is asked:
                self._outstanding = None
            ended(outcome)

        asked.addBoth(over)

    def _report(self, now: float) -> Report:
        """Gather what is to be told: each table a like share, and what one leaves over is the others'."""
        offset = self._wall() - now
        tables = sorted(self._parts.values(), key=lambda parts: parts.waiting)
        records: list[Record] = []
        for index, parts in enumerate(tables):
            records += parts.take((RECORDS_AT_ONCE - len(records)) // (len(tables) - index), offset)
        changes, claims = self._decisions.outbox(CHANGES_AT_ONCE), self.stakes.take(now)
        return Report(self.member, now + offset, self._version, tuple(records), changes, claims)

    def _ended(self, outcome: Any, report: Report, began: float, spent: float) -> None:
        if not self._running:
            return
        came = self._clock.seconds()
        reason = self._put_in_place(outcome, report, came)
        if reason:
            self._again(report)
            self._failures += 1
            if came - self._heard >= self.settings.unheard:
                self.stakes.degrade()
        else:
            self._failures, self._heard = 0, came
        now = self._clock.seconds()
        self._stretch(spent + now - came)
        self._show(HubState.DEGRADED if reason else HubState.SHARED, reason)
        self._waiting.arrive()
        if self._running:  # whoever was told may have stopped us
            self._schedule(max(0.0, began + self._pause() - now))

    def _put_in_place(self, outcome: Any, report: Report, now: float) -> str:
        """Take in the news; gives the reason when there are none."""
        if isinstance(outcome, Failure):
            if outcome.check(CancelledError):
                return f"no answer within {self.settings.timeout:g} s"
            if outcome.check(HubRefused, HubAway):
                return outcome.getErrorMessage()
            return f"{type(outcome.value).__name__}: {outcome.getErrorMessage()}"
        if not isinstance(outcome, News):
            return f"the hub answered with {type(outcome).__name__}"
        try:
            self._take_in(outcome, report, now)
        except Exception as error:  # noqa: BLE001 - a hub's nonsense is the hub's failure, whatever it breaks
            return f"the hub's answer is nonsense: {type(error).__name__}: {error}"
        return ""

    def _take_in(self, news: News, report: Report, now: float) -> None:
        offset = self._wall() - now
        for record in news.records[: 2 * RECORDS_AT_ONCE]:
            parts = self._parts.get(record.kind)
            if parts is not None:
                parts.put(record, now, offset)
        changes = news.changes[:STATE_MOST]
        self._decisions.apply(changes)
        self._version, self.members = int(news.version), max(1, int(news.members))
        self._decisions.told(report.changes)
        self.heard()
        self.stakes.put(report.claims, news.grants, self.members, now)
        if news.whole:
            self._decisions.compare(changes)
            if report.version:
                self.stakes.tell_all(now)
                for parts in self._parts.values():
                    parts.tell_all()
                self.forgotten()

    def _again(self, report: Report) -> None:
        self.stakes.again(report.claims)
        for record in report.records:
            self._parts[record.kind].again((record,))

    # Between two

    def _tidy(self, now: float) -> None:
        """Forget what is over, a little at a time; and what others held, when nothing was heard of them for long."""
        for parts in self._parts.values():
            parts.table.expire(now, _EXPIRED_AT_ONCE)
        if now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            self._decisions.sweep()
        if now - self._heard > MEMBER_SECONDS:
            self._heard = now
            for parts in self._parts.values():
                parts.drop_leases()

    def _pause(self) -> float:
        """Give the seconds between the beginnings of this exchange and the next."""
        return min(self.settings.longest_tick, self.interval * 2.0 ** min(self._failures, 10))

    def _stretch(self, spent: float) -> None:
        """Give exchanges their share of the reactor's time and no more."""
        settings = self.settings
        wanted = max(spent / settings.share, self.interval * _CALM)
        self.interval = max(settings.tick, min(settings.longest_tick, wanted))

    def _show(self, state: HubState, reason: str) -> None:
        """Tell the journal of the first exchange, when the state changed, or the tick is twice as long or is back."""
        self.reason = reason
        stretched = self.interval > self.settings.tick * (1.0 if self._stretched else 2.0)
        if state is self.state and stretched == self._stretched and self._told:
            return
        self._told = True
        before, self.state, self._stretched = self.state, state, stretched
        if state is not before:
            self.since = self._clock.seconds()
        self._journal.event(
            "hub_state",
            state=state.value,
            before=before.value,
            members=self.members,
            interval=round(self.interval, 3),
            waiting=self.waiting,
            reason=reason or None,
        )
