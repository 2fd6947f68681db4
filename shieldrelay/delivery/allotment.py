"""Our part of what a customer's server bears, where several members share it: connections and rates (R4).

Asks for what the lane needs, tells what it holds, idle connections included, and closes idle ones that are too many
when the part shrinks. Looked at when a need grows, when the stake changes, and once a second while there is anything;
never for a message that finds its slot. Knows stakes by their port, and no hub. One per domain, owned by
`delivery.lane`; a node that is alone has none. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from shieldrelay.delivery.fellows import Fellows
from shieldrelay.delivery.pace import SHARES, Pace
from shieldrelay.delivery.slots import Slots
from shieldrelay.delivery.wish import PEAK_SECONDS, Wish
from shieldrelay.ports import Clock, NextHop

LOOK_SECONDS = 1.0
RAMP_LOOK_SECONDS = 0.2
"""The same while the connections that all may have grow."""
STANDING_CONNECTIONS = 2
STANDING_SHARES = SHARES // 100
"""What a quiet domain keeps of the rates, for its next message."""


class User(Protocol):
    """Who uses a part: `delivery.lane.Lane`."""

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot."""

    @property
    def most(self) -> int:
        """How many connections all members together may have now, as far as we know."""

    @property
    def ramping(self) -> bool:
        """Whether that number grows."""

    def look(self) -> None:
        """Be told that it is time for a look."""

    def have_room(self) -> None:
        """Be told that there may be more room."""


class Allotment:
    """One domain's part.

    :param hops: whose connections count.
    :param slots: attempts that run.
    :param user: the lane; another one may take its place.
    :param before: the allotment of the lane before this one, whose connections count until they are closed.
    :ivar units: attempts that may run at once here.
    :ivar user: the lane that it serves.
    """

    def __init__(
        self,
        fellows: Fellows,
        hops: Sequence[NextHop],
        slots: Slots,
        pace: Pace,
        user: User,
        clock: Clock,
        before: Allotment | None = None,
    ) -> None:
        self.fellows = fellows
        self.user = user
        self.units = fellows.connections.units
        self._hops = hops
        self._slots = slots
        self._pace = pace
        self._clock = clock
        self._leaving: tuple[NextHop, ...] = () if before is None else (*before._hops, *before._leaving)
        self._wish = Wish(STANDING_CONNECTIONS, STANDING_CONNECTIONS)
        self._rate_wish = Wish(STANDING_SHARES, 0)
        self._asked = 0
        self._ran = 0
        self._rate_asked = 0
        self._giving_way = False
        self._alarm: IDelayedCall | None = None
        self._stopped = self._replaced = False
        if before is not None:
            before.stop()
            before._replaced = True
        fellows.connections.changed = self._granted
        if fellows.rate is not None:
            fellows.rate.changed = self._rate_granted
            self._rate_granted()

    @property
    def held(self) -> int:
        """Connections that we have, or may need for the attempts that run."""
        self._leaving = tuple(hop for hop in self._leaving if hop.connections)
        return max(self._slots.used, sum(hop.connections for hop in (*self._hops, *self._leaving)))

    def needed(self) -> None:
        """Have a need met that our part does not meet: called when an attempt finds no slot."""
        if self._stopped or (self._alarm is not None and self._asked >= min(self.user.most, self._need)):
            return
        self._look()

    def used(self) -> None:
        """Note that attempts run, the first of them after a pause too; most have ended at the next look."""
        self._ran = max(self._ran, self._slots.used)
        if self._alarm is None and not self._stopped:
            self._look()

    def paced(self) -> None:
        """Have more of the rates, as far as the others leave it: the pace let a message wait."""
        if self._rate_asked < SHARES and not self._stopped:
            self._look()

    def shed(self) -> None:
        """Close idle connections beyond our part; called when an attempt ended."""
        surplus = sum(hop.connections for hop in self._hops) - max(self.units, self._slots.used)
        for hop in self._hops:
            if surplus <= 0:
                return
            surplus -= hop.shed(surplus)

    def serve(self, user: User, hops: Sequence[NextHop]) -> None:
        """Serve another lane from now on; what the one before still has open counts until it is closed."""
        self._leaving = (*self._leaving, *self._hops)
        self.user, self._hops = user, hops

    def stop(self) -> None:
        """Ask for nothing more; who comes after this one counts what we still hold."""
        self._stopped = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def leave(self) -> None:
        """Let go, unless the lane has a successor, who asks in our place."""
        self.stop()
        if self._replaced:
            return
        self.fellows.connections.ask(0, self.user.most, 0)
        if self.fellows.rate is not None:
            self.fellows.rate.ask(0, SHARES, 0)

    @property
    def _need(self) -> int:
        return self._slots.used + self.user.waiting

    def _look(self) -> None:
        """Ask for what is needed now, and look again in a while as long as we want or hold anything."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        self.user.look()
        held = self._ask()
        if self._stopped:
            return
        if self._asked or held or self._giving_way:
            seconds = RAMP_LOOK_SECONDS if self.user.ramping else LOOK_SECONDS
            self._alarm = self._clock.callLater(seconds, self._time)

    def _time(self) -> None:
        self._alarm = None
        if not self._stopped:
            self.shed()
            self._look()

    def _ask(self) -> int:
        stake, now, most = self.fellows.connections, self._clock.seconds(), self.user.most
        bound = min(most, stake.bound or most)  # another member may know the server to bear less than we do
        need, self._ran = max(self._need, self._ran), 0
        self._wish.need(need, now)
        held = self.held
        if self._giving_way:
            self._giving_way = held > 0
        else:
            self._giving_way = self._wish.gives_way(stake.units, bound, stake.claimants, now)
        wanted = 0 if self._giving_way else self._wish.units(bound, stake.claimants, now)
        self._asked = wanted
        stake.ask(wanted, most, held)
        self._ask_rate(need, now)
        return held

    def _ask_rate(self, need: int, now: float) -> None:
        rate = self.fellows.rate
        if rate is None:
            return
        busy = now - self._pace.refused_at < PEAK_SECONDS
        self._rate_wish.need(SHARES if busy else min(1, need), now)
        self._rate_asked = self._rate_wish.units(SHARES, rate.claimants, now)
        rate.ask(self._rate_asked, SHARES, min(rate.units, self._rate_asked))

    def _granted(self) -> None:
        """Go by what we were granted from now on."""
        before, self.units = self.units, self.fellows.connections.units
        if self._stopped:
            return
        if self.units < before:
            self.shed()
            self.fellows.connections.ask(self._asked, self.user.most, self.held)
        elif self.units > before:
            self.user.have_room()

    def _rate_granted(self) -> None:
        rate = self.fellows.rate
        if rate is not None:
            self._pace.share(rate.units, self._clock.seconds())
            self.user.have_room()
