"""How a complete message becomes somebody's responsibility before the client hears 250 (D2, R1, R2).

The message is offered to its domain's next hop while the client waits. Taken: 250, and no disk was touched. Refused
for good: the client hears so itself. Anything else goes to the spool, durably, and then 250. When the wait is over
before the next hop has answered the final dot, the message is spooled, the client gets its 250, and the attempt goes
on and owns the spool entry; before the final dot the attempt is given up instead.

Called by `delivery.intake`. Never fails: own trouble is 451, a full disk 452, and then nobody was promised anything.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.holding import Holding
from shieldrelay.delivery.line import untried
from shieldrelay.delivery.settlement import Settlement, accepted, settle
from shieldrelay.delivery.settling import Postponement
from shieldrelay.mail.envelope import Message, Recipient
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt, Clock, Content, Journal, WallClock
from shieldrelay.smtp.replies import SPOOL_FULL, SPOOL_UNAVAILABLE
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.faults import SpoolFull
from shieldrelay.spool.progress import NO_PROGRESS, Progress


class InlineLane(Protocol):
    """A domain's way to its next hop: `delivery.lane.Lane`."""

    def offer(self, attempt: Attempt) -> Deferred[AttemptResult] | None:
        """Try now, or within the slot wait; ``None`` when the message is to be spooled instead."""


class Waiting(Protocol):
    """A domain's backlog: `delivery.queue.Queue`."""

    def coming(self, id: str) -> None:
        """Expect a message that is about to be stored."""

    def not_stored(self, id: str) -> None:
        """Expect it no more: storing it failed."""

    def stored(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count a new entry; with ``in_flight``, `attempted` follows for it."""

    def postponement(self, result: AttemptResult) -> Postponement:
        """Say when to try a message again whose inline attempt left somebody waiting."""

    def attempted(self, entry: Entry, record: Record, result: AttemptResult) -> None:
        """Settle an entry whose first attempt ended after the client had its 250."""


class Store(Protocol):
    """The spool as far as new messages are stored: `spool.maildir.Spool`."""

    def store(
        self, message: Message, content: Content, *, due: float, progress: Progress | None = None
    ) -> Deferred[Entry]:
        """Fire when it is durable; OSError or MemoryError: nothing is left."""

    def remove(self, entries: Iterable[Entry]) -> Deferred[None]:
        """Take back what was stored and not acknowledged."""


@frozen
class Way:
    """Where a domain's messages go.

    :ivar lane: towards the next hop.
    :ivar queue: the backlog of the same domain.
    """

    lane: InlineLane
    queue: Waiting


class Acceptance:
    """Takes responsibility for messages, or says why not.

    :param ways: by protected domain.
    :param inline: whether a message is offered before it is acknowledged.
    :param wait: seconds for which a client waits for an inline attempt.
    :ivar pending: messages whose client waits.
    """

    def __init__(
        self,
        ways: Mapping[str, Way],
        spool: Store,
        aftermath: Aftermath,
        *,
        inline: bool,
        wait: float,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._ways = ways
        self._spool = spool
        self._aftermath = aftermath
        self._inline = inline
        self._wait = wait
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self.pending = 0

    def accept(self, messages: Sequence[Message], holding: Holding, content: Content) -> Deferred[Reply]:
        """Take responsibility for one transaction.

        :param messages: one per protected domain, at least one; the first has the id that the client is told.
        :param holding: the content's place; discarded when the answer is known.
        :param content: what it holds.
        """
        self.pending += 1
        try:
            answer = self._offered(messages[0], holding, content) if len(messages) == 1 and self._inline else None
        except Exception:  # noqa: BLE001 - a bug of ours is answered 451 and told, like any other below
            answer = fail(Failure())
        if answer is None:
            answer = Deferred.fromCoroutine(self._spooled(messages, holding, content))
        return answer.addBoth(self._answered, holding, messages[0].id)

    def _answered(self, reply: Reply | Failure, holding: Holding, id: str) -> Reply:
        """Let go of the content, whatever came of it; a bug is a 451."""
        self.pending -= 1
        discarding = holding.discard()
        if discarding is not None:
            discarding.addErrback(self._undiscarded, id)
        if not isinstance(reply, Failure):
            return reply
        error = reply.value
        if isinstance(error, SpoolFull):
            self._journal.event("spool_failed", message=id, error=str(error))
            return SPOOL_FULL
        if isinstance(error, (OSError, MemoryError)):
            self._journal.event("spool_failed", message=id, error=str(error) or repr(error))
        else:
            self.bug(reply, id)
        return SPOOL_UNAVAILABLE

    def _undiscarded(self, failure: Failure, id: str) -> None:
        self._journal.event("discard_failed", message=id, error=failure.getErrorMessage())

    def bug(self, failure: Failure, id: str) -> None:
        """Tell of an error of our own."""
        self._journal.event("bug", where="acceptance", message=id, traceback=failure.getTraceback())

    def _offered(self, message: Message, holding: Holding, content: Content) -> Deferred[Reply] | None:
        """Offer a message inline; ``None`` when its lane takes none now."""
        return _Offer(self, message, holding, content).begin(self._ways[message.domain].lane)

    async def _spooled(self, messages: Sequence[Message], holding: Holding, content: Content) -> Reply:
        """Spool the parts of a transaction, each for its own domain, all before the reply and before any delivery."""
        now = Postponement(self._wall())
        kept: list[tuple[Message, Entry]] = []
        try:
            for message in reversed(messages):  # the first last: it may turn the draft into its own file
                where = holding if message is messages[0] else None
                kept.append((message, await self.keep(message, where, content, now, "not offered")))
        except BaseException:
            await self._taken_back(kept)
            raise
        for message, entry in kept:
            self._ways[message.domain].queue.stored(entry)
        return accepted(messages[0].id)

    async def _taken_back(self, kept: Sequence[tuple[Message, Entry]]) -> None:
        """Remove the parts that were stored when another could not be: the client hears that nothing was."""
        if not kept:
            return
        try:
            await self._spool.remove([entry for _message, entry in kept])
        except OSError as error:
            first = kept[0][1]  # it stays: a possible duplicate (R13)
            self._journal.event("remove_failed", message=first.id, domain=first.domain, error=str(error))
        for message, _entry in kept:
            self._ways[message.domain].queue.not_stored(message.id)

    async def keep(
        self, message: Message, holding: Holding | None, content: Content, postponed: Postponement, reason: str
    ) -> Entry:
        """Make a message durable, by its draft when it has one of the same envelope. `Waiting.stored` is owed for it.

        :param holding: whose draft may be used up.
        :param reason: why it is not delivered already, one clause.
        """
        queue = self._ways[message.domain].queue
        queue.coming(message.id)
        began = self._clock.seconds()
        draft = None if holding is None else holding.draft
        try:
            due, progress = postponed.due, postponed.progress
            if draft is not None and draft.message == message:
                entry = await draft.commit(due=due, progress=progress)
            else:
                entry = await self._spool.store(message, content, due=due, progress=progress)
        except BaseException:
            queue.not_stored(message.id)
            raise
        seconds = round(self._clock.seconds() - began, 4)
        self._journal.event(
            "spooled", message=message.id, domain=message.domain, size=entry.size, reason=reason, seconds=seconds
        )
        return entry

    async def settled(
        self, message: Message, holding: Holding, content: Content, settlement: Settlement, result: AttemptResult
    ) -> Reply:
        """Do what a settlement asks for before its reply may be sent."""
        if settlement.refused:
            told = {index: result.outcomes[index].reply for index in settlement.refused}
            self._aftermath.remember(message, told, settlement.remembered)
            await self._aftermath.failed(message, content, told)
        if settlement.spooled:
            recipients = tuple(message.envelope.recipients[index] for index in settlement.spooled)
            rest = message if len(recipients) == len(result.outcomes) else _for_recipients(message, recipients)
            queue = self._ways[message.domain].queue
            why = result.outcomes[settlement.spooled[0]].reason or result.reason
            queue.stored(await self.keep(rest, holding, content, queue.postponement(result), why))
        return settlement.reply

    async def kept_in_flight(self, message: Message, holding: Holding, content: Content) -> Entry:
        """Spool a message whose attempt goes on (R1); `later` is owed for it."""
        entry = await self.keep(message, holding, content, Postponement(self._wall()), "the next hop takes its time")
        self._ways[message.domain].queue.stored(entry, in_flight=True)
        return entry

    def later(self, entry: Entry, message: Message, content: Content, result: AttemptResult) -> None:
        """Hand the result of an attempt that outlasted its client to the queue."""
        self._ways[message.domain].queue.attempted(entry, Record(message, content, NO_PROGRESS), result)

    def deadline(self, offer: _Offer) -> IDelayedCall:
        """Call the offer when its client has waited long enough."""
        return self._clock.callLater(self._wait, offer.too_late)


class _Offer:
    """One message on its way inline.

    The client waits until `_reply` fires. When it has waited long enough and the final dot is written, the message is
    spooled (`_spooling`); from then on its entry (`_kept`, once it is durable) and the result of the attempt
    (`_result`, once it is there) meet in `_hand_over`, whichever comes first.
    """

    __slots__ = (
        "_acceptance",
        "_attempt",
        "_content",
        "_deadline",
        "_holding",
        "_kept",
        "_message",
        "_reply",
        "_result",
        "_running",
        "_spooling",
    )

    def __init__(self, acceptance: Acceptance, message: Message, holding: Holding, content: Content) -> None:
        self._acceptance = acceptance
        self._message = message
        self._holding = holding
        self._content = content
        self._attempt = Attempt(message, message.envelope.recipients, content)
        self._reply: Deferred[Reply] = Deferred()
        self._running: Deferred[AttemptResult] | None = None
        self._deadline: IDelayedCall | None = None
        self._spooling = False
        self._kept: Entry | None = None
        self._result: AttemptResult | None = None

    def begin(self, lane: InlineLane) -> Deferred[Reply] | None:
        """Offer; ``None`` when the lane takes nothing now."""
        running = lane.offer(self._attempt)
        if running is None:
            return None
        self._running = running
        if not running.called:
            self._deadline = self._acceptance.deadline(self)
        running.addCallback(self._attempted)
        running.addErrback(self._failed)
        return self._reply

    def _attempted(self, result: AttemptResult) -> None:
        """Act on the result, for the client when it still waits, else for the spool entry."""
        self._result = result
        if self._spooling:
            self._hand_over()
            return
        self._stop_waiting()
        settlement = settle(result.outcomes, self._message.id)
        if not settlement.spooled and not settlement.refused:
            self._reply.callback(settlement.reply)
            return
        self._answer_with(self._acceptance.settled(self._message, self._holding, self._content, settlement, result))

    def _failed(self, failure: Failure) -> None:
        """A bug on the way: the client hears of it, as 451; when it has its answer, the entry waits for another try."""
        if self._spooling:
            self._acceptance.bug(failure, self._message.id)
            self._result = untried(self._attempt, "an error of our own")
            self._hand_over()
            return
        self._stop_waiting()
        if self._reply.called:
            self._acceptance.bug(failure, self._message.id)
        else:
            self._reply.errback(failure)

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def too_late(self) -> None:
        """Let the client wait no longer (R1)."""
        if self._attempt.dotted:
            self._spooling = True
            self._answer_with(self._spool_in_flight())
        elif self._running is not None:
            self._running.cancel()

    async def _spool_in_flight(self) -> Reply:
        """Spool a message whose attempt goes on, and leave the entry to the attempt."""
        try:
            self._kept = await self._acceptance.kept_in_flight(self._message, self._holding, self._content)
        except OSError:
            settlement = None if self._result is None else settle(self._result.outcomes, self._message.id)
            if settlement is None or settlement.spooled or settlement.refused:
                raise
            return settlement.reply  # the next hop has answered meanwhile, and nothing needs the disk
        self._hand_over()
        return accepted(self._message.id)

    def _hand_over(self) -> None:
        """Let the queue settle the entry, once there are both the entry and the result."""
        if self._kept is not None and self._result is not None:
            self._acceptance.later(self._kept, self._message, self._content, self._result)

    def _answer_with(self, coming: Coroutine[Deferred[Any], Any, Reply]) -> None:
        Deferred.fromCoroutine(coming).chainDeferred(self._reply)


def _for_recipients(message: Message, recipients: tuple[Recipient, ...]) -> Message:
    """Give the same message for some of its recipients."""
    return evolve(message, envelope=evolve(message.envelope, recipients=recipients))
