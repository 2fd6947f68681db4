"""Taking over the mail of lost members, and beginning anew when somebody took ours (R15).

Who is lost: a member whose part lies in the spool's root, and which the hub has not known for `cluster.takeover`, the
hub being shared all that time; a worker that this node has no more, at once. One stake a part keeps others from trying
together; the rename decides. An operator may `adopt` sooner, or without a hub: the lock of the part must be free in any
case. With a hub that is alone nothing runs but what is pending. What fails is told and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.assembly.outages import Outages
from shieldrelay.assembly.takeover_absences import Absences
from shieldrelay.assembly.takeover_heirs import DomainHeir, NoticesHeir
from shieldrelay.assembly.ways import DomainWay
from shieldrelay.cluster.stake import Stake
from shieldrelay.cluster.stakes import Stakes
from shieldrelay.delivery.notice_queue import NoticeQueue
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.spool.adoption import Adopted, Heir, LostPart
from shieldrelay.spool.faults import SpoolInUse
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.name import NOTICES
from shieldrelay.wire.threads import ThreadsStopped

LOOK_SECONDS = 5.0
"""Between looks for lost members, where there can be others."""
AGAIN_SECONDS = 60.0
"""Before something that failed, or that had no heir, is tried again."""


class Takeover:
    """One node's takeovers.

    :param present: gives the parts of all live members; ``None`` when the hub cannot say.
    :param stakes: ``None`` when there can be no other member.
    :param former: says whether a part is that of a worker which this node has no more.
    :param patience: seconds for which a member must be gone.
    """

    def __init__(
        self,
        spool: Spool,
        outages: Outages,
        notice_queue: NoticeQueue,
        ways: Callable[[], dict[str, DomainWay]],
        *,
        present: Callable[[], Collection[str] | None],
        stakes: Stakes | None,
        former: Callable[[str], bool],
        patience: float,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._spool = spool
        self._outages = outages
        self._notice_queue = notice_queue
        self._ways = ways
        self._present = present
        self._stakes = stakes
        self._former = former
        self._absences = Absences(patience)
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._call: IDelayedCall | None = None
        self._running = False
        self._asked: dict[str, Stake] = {}
        self._told: dict[str, str] = {}
        self._not_before = float("-inf")
        self._renewing = False

    # what the node and the operator call

    def start(self) -> None:
        """Go on with what is pending, take over former workers' parts, and look for lost members from now on."""
        self._running = True
        self._look()

    def stop(self) -> None:
        """Begin nothing more; what is left goes on after the next start."""
        self._running = False
        self._spool.adoption.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    async def parts(self) -> list[LostPart]:
        """Give the other parts in the spool's root. Raises SpoolUnavailable."""
        return await self._spool.adoption.others()

    async def adopt(self, member: str) -> Adopted:
        """Take over a part because an operator says so, and bring it over.

        :raises SpoolInUse: when a process holds it.
        :raises NotAdoptable: when there is none of that name.
        :raises SpoolUnavailable: when the disk does not obey; what was claimed is brought over later.
        """
        present = self._present()
        if present is not None and member in present:
            raise SpoolInUse(f"{self._spool.root}/{member}", None)
        await self._spool.adoption.claim(member)
        brought = await self._spool.adoption.bring(self.heir)
        return next((one for one in brought if one.member == member), Adopted(member))

    def heir(self, domain: str) -> Heir | None:
        """Give who goes on with a domain's mail; ``None`` when it is not protected here."""
        if domain == NOTICES:
            return NoticesHeir(self._notice_queue)
        way = self._ways().get(domain)
        return None if way is None else DomainHeir(domain, way.queue, self._outages, self._wall)

    # lost members

    def _look(self) -> None:
        self._call = None
        Deferred.fromCoroutine(self._take_over()).addErrback(self._cut_short).addErrback(self._bug)

    async def _take_over(self) -> None:
        """Look once; look again when there is reason to."""
        pending = False
        try:
            if self._stakes is None:
                await self._tell_others()
            pending = await self._claim_all(await self._spool.adoption.names())
            pending = await self._bring() or pending
        except OSError as error:
            pending = True
            self._failed("", error)
        finally:
            if self._running and (self._stakes is not None or pending):
                self._call = self._clock.callLater(AGAIN_SECONDS if self._stakes is None else LOOK_SECONDS, self._look)

    async def _claim_all(self, names: Iterable[str]) -> bool:
        """Claim what may be claimed now; whether anything is left for later."""
        left = False
        names = list(names)
        former = [name for name in names if self._former(name)]
        due = self._absences.look(names, self._present(), self._clock.seconds())
        for name in (*former, *(name for name in due if name not in former)):
            if not await self._claim(name, asked=name in former):
                left = True
        self._give_back(due)
        return left

    async def _claim(self, name: str, *, asked: bool) -> bool:
        """Claim one part; false when that is not to be now.

        :param asked: whether nobody else would have it.
        """
        if not asked and not self._may(name):
            return False
        try:
            await self._spool.adoption.claim(name)
        except OSError as error:
            self._failed(name, error)
            return False
        self._not_before = float("-inf")
        self._told.pop(name, None)
        return True

    def _may(self, name: str) -> bool:
        """Whether it is ours to try: the others are asked first."""
        if self._stakes is None:
            return True
        stake = self._stakes.stake(b"adopt:" + name.encode())
        self._asked[name] = stake
        stake.ask(1, 1, 0)
        return stake.units > 0

    def _give_back(self, due: Collection[str]) -> None:
        """Ask for nothing that is not due any more."""
        for name in [name for name in self._asked if name not in due]:
            self._asked.pop(name).ask(0, 0, 0)

    async def _bring(self) -> bool:
        """Bring over what is claimed; whether anything is left for later."""
        now = self._clock.seconds()
        if now < self._not_before or not self._running:
            return True
        if not await self._spool.adoption.pending():
            return False
        self._not_before = now + AGAIN_SECONDS
        for one in await self._spool.adoption.bring(self.heir):
            if one.aside:
                self._tell_aside(one)
        return bool(await self._spool.adoption.pending())

    async def _tell_others(self) -> None:
        """Tell of parts that nobody holds: without a hub nobody but an operator can know that they are to be ours."""
        for one in await self._spool.adoption.others():
            if not one.locked and not self._former(one.member) and one.member not in self._told:
                reason = f"the spool has a part of {one.member} that nobody holds; `adopt` takes it over"
                self._told[one.member] = reason
                self._journal.event("alarm", alarm="lost part", reason=reason)

    def _tell_aside(self, one: Adopted) -> None:
        reason = f"{one.aside} domains in the part of {one.member} are not configured here"
        if self._told.get(one.member) != reason:
            self._told[one.member] = reason
            self._journal.event("alarm", alarm="orphaned mail", reason=reason)

    def _failed(self, name: str, error: OSError) -> None:
        """Tell once."""
        reason = str(error)
        if self._told.get(name) != reason:
            self._told[name] = reason
            self._journal.event("adoption_failed", member=name, error=reason)

    # when ours is taken

    def taken(self, reason: str) -> None:
        """Begin anew: another member has our part. Told each second until it is done; tried each time."""
        if self._renewing or not self._running:
            return
        self._renewing = True
        if self._told.get("ours") != reason:
            self._told["ours"] = reason
            self._journal.event("spool_taken_over", reason=reason)
        renewing = Deferred.fromCoroutine(self._begin_anew())
        renewing.addErrback(self._not_begun).addErrback(self._cut_short).addErrback(self._bug)
        renewing.addBoth(self._renewed)

    async def _begin_anew(self) -> None:
        """Have a new part, with what memory knows of down-times, and nothing to deliver."""
        ways = self._ways()
        await self._spool.begin_anew()
        for domain, way in ways.items():
            await self._spool.prepare(domain)
            await self._outages.write_anew(domain)
            way.queue.bereft()
        await self._spool.prepare(NOTICES)
        self._notice_queue.look()
        self._told.pop("ours", None)
        self._journal.event("spool_begun_anew", domains=len(ways))

    def _not_begun(self, failure: Failure) -> None:
        failure.trap(OSError)
        self._failed("", OSError(str(failure.value)))

    def _renewed(self, _result: object) -> None:
        self._renewing = False

    def _cut_short(self, failure: Failure) -> None:
        failure.trap(ThreadsStopped)

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="takeover", traceback=failure.getTraceback())
