"""What the spool's disk can take, asked each second and answered at once (R14).

Binds the gate's question to `spool.headroom`. A file system that cannot be asked takes no mail: what cannot be told
may be full. Nor does one that does not answer: the question waits in the threads in which messages are made durable, so
when all of them hang it hangs too, and whoever came in then would wait for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.ports import Clock, Journal
from shieldrelay.spool.entry import Tally
from shieldrelay.spool.faults import SpoolTaken
from shieldrelay.spool.headroom import PLENTY, Headroom, Level, Reserve, judge, share_is_used_up
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.operations import Space

EVERY_SECONDS = 1.0
HUNG_SECONDS = 10.0
"""After so long without an answer the disk takes no mail, until it answers."""


class Capacity:
    """The spool's headroom.

    :param drafts: gives how many messages are growing on the disk now. Those in memory take nothing from it before
        they are complete, and are bounded by the memory budget, so that a thousand slow clients with nothing to say
        cannot make the disk look full.
    :param domains: gives the domains whose backlog counts.
    :ivar hung_seconds: after so long without an answer the disk takes no mail, until it answers.
    :ivar taken: called each second while the spool's directory is another member's (R15).
    :ivar hung: whether the disk has not answered for so long that nobody should wait for it.
    :ivar headroom: the last judgement.
    :ivar space: what the file system said last, ``None`` before.
    """

    def __init__(
        self,
        spool: Spool,
        reserve: Reserve,
        *,
        drafts: Callable[[], int],
        domains: Callable[[], Iterable[str]],
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._spool = spool
        self.reserve = reserve
        self._drafts = drafts
        self._domains = domains
        self._clock = clock
        self._journal = journal
        self._running = False
        self._call: IDelayedCall | None = None
        self._alarm: IDelayedCall | None = None
        self._shares_used_up: frozenset[str] = frozenset()
        self.hung_seconds = HUNG_SECONDS
        self.hung = False
        self.headroom: Headroom = PLENTY
        self.space: Space | None = None
        self.taken: Callable[[str], object] = str

    def full(self) -> str | None:
        """Why no mail at all can be taken now, in our words; ``None`` when it can."""
        return self.headroom.reason if self.headroom.level is Level.REFUSE else None

    def domain_full(self, domain: str) -> str | None:
        """Why this domain's mail cannot be taken now."""
        return "the domain has used up its share of the disk" if domain in self._shares_used_up else None

    async def start(self) -> None:
        """Look once, and then each second."""
        self._running = True
        await self._look()

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        self._answered()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    async def _look(self) -> None:
        self._alarm = self._clock.callLater(self.hung_seconds, self._hung)
        try:
            self.space = await self._spool.space().addBoth(self._answered)
            self._judged(judge(self.space, self.reserve, self._drafts()))
            self._judge_shares(self.space)
        except SpoolTaken as fault:
            self._judged(Headroom(Level.REFUSE, str(fault)))
            self.taken(str(fault))
        except OSError as error:
            self._judged(Headroom(Level.REFUSE, f"the file system cannot be asked: {error}"))
        finally:
            if self._running:
                self._call = self._clock.callLater(EVERY_SECONDS, self._again)

    def _answered(self, answer: Any = None) -> Any:
        self.hung = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        return answer

    def _hung(self) -> None:
        self._alarm = None
        self.hung = True
        self._judged(Headroom(Level.REFUSE, f"the disk has not answered for {self.hung_seconds:g} s"))

    def _again(self) -> None:
        self._call = None
        Deferred.fromCoroutine(self._look()).addErrback(self._bug)

    def _judged(self, headroom: Headroom) -> None:
        if headroom.level is not self.headroom.level:
            space = self.space
            self._journal.event(
                "headroom",
                state=headroom.level.value,
                reason=headroom.reason,
                free=None if space is None else space.octets_free,
                inodes_free=None if space is None else space.inodes_free,
            )
        self.headroom = headroom

    def _judge_shares(self, space: Space) -> None:
        tallies = {domain: self._spool.count(domain) for domain in self._domains()}
        together = Tally(sum(one.entries for one in tallies.values()), sum(one.octets for one in tallies.values()))
        used_up = frozenset(
            domain for domain, one in tallies.items() if share_is_used_up(one, together, space, self.reserve)
        )
        for domain in used_up - self._shares_used_up:
            self._journal.event("alarm", alarm="share of the disk", domain=domain, reason="it is used up")
        for domain in self._shares_used_up - used_up:
            self._journal.event("alarm_over", alarm="share of the disk", domain=domain, reason="it has room again")
        self._shares_used_up = used_up

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="capacity", traceback=failure.getTraceback())
