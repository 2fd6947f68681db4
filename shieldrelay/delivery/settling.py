"""What becomes of a spooled message after an attempt, or at the end of its lifetime (R2, R7).

Delivered: removed. Refused for good: its sender is told, and then it is removed. Else: deferred, by the schedule when
the server answered, for a moment when the server failed. An entry that comes here is in flight, and leaves that state
here in any case: it is forgotten, or it waits again. A disk that fails costs a delay and at most a second delivery;
a bug of ours is journalled and the message waits as long as the schedule's longest delay. Owned by `delivery.queue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.removals import Removals, RemovingSpool
from shieldrelay.delivery.respite import TROUBLE_SECONDS, Respite
from shieldrelay.delivery.schedule import Randomness, Schedule
from shieldrelay.delivery.settlement import QueuedSettlement, settle_later
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.mail.outcome import AttemptResult, Fate, RecipientOutcome, ServerHealth
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.faults import Damaged, Gone
from shieldrelay.spool.progress import NO_PROGRESS, Progress

PATIENT_ATTEMPTS = 3
"""After so many attempts a message whose server fails waits by the schedule too: it may be the reason."""


class SettlingSpool(RemovingSpool, Protocol):
    """The spool as far as it is told what attempts came to: `spool.maildir.Spool`."""

    def defer(self, entry: Entry, due: float, progress: Progress) -> Deferred[Entry]:
        """Write down the next attempt."""


@frozen
class Postponement:
    """When a message that is about to be spooled is tried first, and what its inline attempt came to.

    :ivar due: seconds since the epoch.
    :ivar progress: ``None`` when nothing was tried.
    """

    due: float
    progress: Progress | None = None


class Settling:
    """Settles the entries of one domain.

    :param wake: called when an entry waits again.
    :ivar schedule: the waits between attempts; may be replaced.
    """

    def __init__(
        self,
        domain: str,
        spool: SettlingSpool,
        window: BacklogWindow,
        aftermath: Aftermath,
        respite: Respite,
        wake: Callable[[], object],
        *,
        schedule: Schedule,
        clock: Clock,
        wall: WallClock,
        rnd: Randomness,
        journal: Journal,
    ) -> None:
        self.schedule = schedule
        self.removals = Removals(spool, window.forget, wake, clock=clock, journal=journal)
        self._domain = domain
        self._spool = spool
        self._window = window
        self._aftermath = aftermath
        self._respite = respite
        self._wake = wake
        self._wall = wall
        self._rnd = rnd
        self._journal = journal
        self._unsaved: dict[str, Progress] = {}

    def postponement(self, result: AttemptResult) -> Postponement:
        """Say when to try a message again whose inline attempt left somebody waiting."""
        now = self._wall()
        if result.health is ServerHealth.UNTRIED:
            return Postponement(now)
        progress = NO_PROGRESS.failed(now, _reason(result))
        return Postponement(self._due(progress.attempts, now, result.health), progress)

    def settle(self, result: AttemptResult, entry: Entry, record: Record, *, probe: bool = False) -> None:
        """Do what an attempt's outcomes ask for.

        :param result: one outcome for each recipient that still waited by the record.
        """
        if all(outcome.fate is Fate.TAKEN for outcome in result.outcomes):
            self.done(entry, record.progress.attempts + 1)
            return
        indexes = record.progress.waiting(len(record.message.envelope.recipients))
        outcomes = dict(zip(indexes, result.outcomes, strict=True))
        settlement = settle_later(result.outcomes, indexes)
        progress = self._progress(record, result, settlement, outcomes)
        told = {index: outcomes[index].reply for index in settlement.refused}
        self._aftermath.remember(record.message, told, settlement.remembered)
        faulted_probe = probe and result.health.is_fault
        self._settle(entry, record, progress, told, None if faulted_probe else result.health)

    def give_up(self, entry: Entry, record: Record, event: str = "expired") -> Deferred[None]:
        """End a message whose lifetime is over, telling its sender; fires when that is done, or put off.

        :param event: what the journal is told.
        """
        waiting = record.progress.waiting(len(record.message.envelope.recipients))
        self._journal.event(
            event, message=entry.id, domain=self._domain, attempts=record.progress.attempts, recipients=len(waiting)
        )
        progress = record.progress.settle(dict.fromkeys(waiting, Fate.REFUSED))
        return self._settle(entry, record, progress, dict.fromkeys(waiting), ServerHealth.ANSWERED)

    def recall(self, entry: Entry, record: Record) -> Record:
        """Give a record as it is read, with what the disk would not take: nobody gets a message twice for that."""
        progress = self._unsaved.get(entry.name)
        return record if progress is None else Record(record.message, record.content, progress)

    def done(self, entry: Entry, attempts: int) -> None:
        """Remove an entry: nobody waits for it any more."""
        self._unsaved.pop(entry.name, None)
        seconds = round(self._wall() - entry.arrived, 1)
        self._journal.event("delivered", message=entry.id, domain=self._domain, attempts=attempts, seconds=seconds)
        self.removals.add(entry)

    def unread(self, failure: Failure, entry: Entry) -> None:
        """Go on without an entry that could not be read."""
        failure.trap(OSError)
        if failure.check(Damaged, Gone):
            self._window.forget(entry)
            return
        self._respite.begin(failure.value, entry.id)
        self._window.put_back(entry)

    def bug(self, failure: Failure, entry: Entry) -> None:
        """Say what went wrong with an entry, and let it wait as long as ever."""
        self._journal.event(
            "bug", where="queue", domain=self._domain, message=entry.id, traceback=failure.getTraceback()
        )
        self._window.put_back(entry.due_at(self._wall() + self.schedule.cap))
        self._wake()

    def _progress(
        self,
        record: Record,
        result: AttemptResult,
        settlement: QueuedSettlement,
        outcomes: Mapping[int, RecipientOutcome],
    ) -> Progress:
        """Add an attempt to what is known of a message."""
        progress = record.progress.settle({index: outcome.fate for index, outcome in outcomes.items()})
        return progress.failed(self._wall(), _reason(result)) if settlement.waiting else progress

    def _due(self, attempts: int, now: float, health: ServerHealth | None) -> float:
        """Give the time of the next attempt.

        :param health: ``None`` for a probe that met a fault: the breaker says when the next one is.
        """
        if health is None or (health is not ServerHealth.ANSWERED and attempts <= PATIENT_ATTEMPTS):
            return now + TROUBLE_SECONDS
        return self.schedule.next_due(attempts, now, self._rnd)

    def _settle(
        self,
        entry: Entry,
        record: Record,
        progress: Progress,
        told: Mapping[int, Reply | None],
        health: ServerHealth | None,
    ) -> Deferred[None]:
        """Tell who is to be told, and then defer the rest or remove the whole."""
        settling = Deferred.fromCoroutine(self._carry_out(entry, record, progress, told, health))
        settling.addErrback(self._put_off, entry, progress)
        return settling.addErrback(self.bug, entry)

    async def _carry_out(
        self,
        entry: Entry,
        record: Record,
        progress: Progress,
        told: Mapping[int, Reply | None],
        health: ServerHealth | None,
    ) -> None:
        if told:
            await self._aftermath.failed(record.message, record.content, told)
        if not progress.waiting(len(record.message.envelope.recipients)):
            self.done(entry, progress.attempts)
            return
        now = self._wall()
        deferred = await self._spool.defer(entry, self._due(progress.attempts, now, health), progress)
        self._journal.event(
            "deferred",
            message=entry.id,
            domain=self._domain,
            attempts=progress.attempts,
            next=round(deferred.due - now, 1),
            reason=progress.reason,
        )
        self._unsaved.pop(entry.name, None)
        self._window.put_back(deferred)
        self._wake()

    def _put_off(self, failure: Failure, entry: Entry, progress: Progress) -> None:
        """Keep a message when the disk did not take what became of it; who has it already is kept in mind.

        Those who were refused are not: their notice is still owed.
        """
        failure.trap(OSError, MemoryError)
        if failure.check(Gone):
            self._unsaved.pop(entry.name, None)
            self._window.forget(entry)
            return
        taken = {index: fate for index, fate in progress.settled.items() if fate is Fate.TAKEN}
        if taken:
            self._unsaved[entry.name] = evolve(progress, settled=taken)
        self._respite.begin(failure.value, entry.id)
        self._window.put_back(entry.due_at(self._wall() + TROUBLE_SECONDS))
        self._wake()


def _reason(result: AttemptResult) -> str:
    """Give why an attempt left somebody waiting."""
    return next((one.reason for one in result.outcomes if one.fate is Fate.TRANSIENT), result.reason) or result.reason
