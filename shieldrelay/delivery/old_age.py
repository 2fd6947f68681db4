"""The end of messages that have lived too long, whether or not they are ever tried again (R7).

What is about to be tried is asked for its age when it is read. But while a next hop is down only the probe is read, and
`hard_lifetime` ends a message however long the outage: so the oldest files are looked at every now and then, in the
order of their arrival, and only when one of them can be over at all. Owned by `delivery.queue`. A spool that fails ends
a look; the next one begins anew.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.alarm import Alarm
from shieldrelay.delivery.expiry import expires_at
from shieldrelay.delivery.reading import ReadingSpool
from shieldrelay.delivery.respite import Respite
from shieldrelay.delivery.settling import Settling
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.spool.entry import Entry, Record

LOOK_SECONDS = 900.0
"""How long after its end a message may stay at most while nothing is tried."""
PAGE = 200
"""Files that one step of a look gives."""


class Listed(Protocol):
    """One message of a page: `spool.listing.Listed`."""

    @property
    def entry(self) -> Entry:
        """Which one."""

    @property
    def held(self) -> bool:
        """Whether an operator holds it."""


class PagingSpool(ReadingSpool, Protocol):
    """The spool as far as it is looked through by age: `spool.maildir.Spool`."""

    def page(self, domain: str, after: str, limit: int) -> Deferred[list[Any]]:
        """Give messages by time of arrival, those on hold included; each is a `Listed`."""


class DownTime(Protocol):
    """The ledger of a domain's outages: `spool.ledger.Ledger`."""

    def overlap(self, since: float, until: float) -> float:
        """Seconds of this interval of wall-clock time in which the next hop was down."""


@frozen
class Lifetimes:
    """How long a message is kept (R7), in seconds."""

    lifetime: float
    hard_lifetime: float


class OldAge:
    """Ends messages of one domain."""

    def __init__(
        self,
        domain: str,
        spool: PagingSpool,
        window: BacklogWindow,
        settling: Settling,
        ledger: DownTime,
        respite: Respite,
        lifetimes: Lifetimes,
        *,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._domain = domain
        self._spool = spool
        self._window = window
        self._settling = settling
        self._ledger = ledger
        self._respite = respite
        self._lifetimes = lifetimes
        self._wall = wall
        self._journal = journal
        self._alarm = Alarm(clock, self._look)
        self._nobody_before = -math.inf
        self._running = False

    def start(self) -> None:
        """Look every now and then."""
        self._running = True
        self._alarm.within(LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        self._alarm.cancel()

    def allow(self, lifetimes: Lifetimes) -> None:
        """Go by other times from now on."""
        self._lifetimes = lifetimes
        self._nobody_before = -math.inf

    def is_over(self, arrived: float) -> bool:
        """Whether a message that arrived then is to be given up now."""
        now = self._wall()
        lifetimes = self._lifetimes
        if now - arrived < min(lifetimes.lifetime, lifetimes.hard_lifetime):
            return False
        overlap = self._ledger.overlap(arrived, now)
        return now >= expires_at(arrived, lifetimes.lifetime, lifetimes.hard_lifetime, overlap)

    def _look(self) -> None:
        if self._window.total and self._wall() >= self._nobody_before and self._respite.left() <= 0:
            looking = Deferred.fromCoroutine(self._look_through())
            looking.addErrback(self._not_looked).addBoth(self._looked)
        else:
            self._looked(None)

    def _looked(self, _result: None) -> None:
        if self._running:
            self._alarm.within(LOOK_SECONDS)

    async def _look_through(self) -> None:
        """Give up the oldest, one after the other, up to the first that may live on."""
        page: list[Listed] = await self._spool.page(self._domain, "", PAGE)
        while page:
            for listed in page:
                if not self.is_over(listed.entry.arrived):
                    lifetimes = self._lifetimes
                    self._nobody_before = listed.entry.arrived + min(lifetimes.lifetime, lifetimes.hard_lifetime)
                    return
                if not self._running or self._respite.left() > 0:
                    return
                if not listed.held:
                    await self._end(listed.entry)
            page = await self._spool.page(self._domain, page[-1].entry.name, PAGE)

    async def _end(self, entry: Entry) -> None:
        """Give up one message, unless it is in flight: then its attempt decides, and the next look."""
        if not self._window.seize(entry):
            return
        loading = self._spool.load(entry)
        loading.addCallbacks(self._give_up, self._settling.unread, callbackArgs=(entry,), errbackArgs=(entry,))
        await loading.addErrback(self._settling.bug, entry)

    def _give_up(self, record: Record, entry: Entry) -> Deferred[None]:
        return self._settling.give_up(entry, self._settling.recall(entry, record))

    def _not_looked(self, failure: Failure) -> None:
        if failure.check(OSError):
            self._respite.begin(failure.value)
        else:
            self._journal.event("bug", where="old age", domain=self._domain, traceback=failure.getTraceback())
