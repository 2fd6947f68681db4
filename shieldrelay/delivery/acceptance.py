"""How a complete message becomes somebody's responsibility before the client hears 250 (D2, R1, R2).

The message is offered to its domain's next hop while the client waits. Taken: 250, and no disk was touched. Refused
for good: the client hears so itself. Anything else goes to the spool, durably, and then 250. When the wait is over
before the next hop has answered the final dot, the message is spooled, the client gets its 250, and the attempt goes
on and owns the spool entry; before the final dot the attempt is given up instead.

Called by `delivery.intake`. Never fails: own trouble is 451, a full disk 452, and then nobody was promised anything.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.holding import Holding
from shieldrelay.delivery.settlement import Settlement, accepted, settle
from shieldrelay.mail.envelope import Message, Recipient
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt, Clock, Content, Journal, WallClock
from shieldrelay.smtp.replies import SPOOL_FULL, SPOOL_UNAVAILABLE
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import SpoolFull
from shieldrelay.spool.progress import Progress


class InlineLane(Protocol):
    """A domain's way to its next hop: `delivery.lane.Lane`."""

    def offer(self, attempt: Attempt) -> Deferred[AttemptResult] | None:
        """Try now, or within the slot wait; ``None`` when the message is to be spooled instead."""


class Waiting(Protocol):
    """A domain's backlog: `delivery.queue.Queue`."""

    def stored(self, entry: Entry, *, in_flight: bool = False) -> None:
        """Count a new entry; with ``in_flight``, `attempted` follows for it."""

    def attempted(self, entry: Entry, result: AttemptResult) -> None:
        """Settle an entry whose first attempt ended after the client had its 250."""


class Store(Protocol):
    """The spool as far as new messages are stored: `spool.maildir.Spool`."""

    def store(
        self, message: Message, content: Content, *, due: float, progress: Progress | None = None
    ) -> Deferred[Entry]:
        """Fire when it is durable; OSError or MemoryError: nothing is left."""


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
        answer = self._offered(messages[0], holding, content) if len(messages) == 1 and self._inline else None
        if answer is None:
            answer = Deferred.fromCoroutine(self._spooled(messages, holding, content))
        answer.addBoth(self._answered, holding, messages[0].id)
        return answer

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
            self._journal.event("bug", where="acceptance", message=id, traceback=reply.getTraceback())
        return SPOOL_UNAVAILABLE

    def _undiscarded(self, failure: Failure, id: str) -> None:
        self._journal.event("discard_failed", message=id, error=failure.getErrorMessage())

    def _offered(self, message: Message, holding: Holding, content: Content) -> Deferred[Reply] | None:
        """Offer a message inline; ``None`` when its lane takes none now."""
        return _Offer(self, message, holding, content).begin(self._ways[message.domain].lane)

    async def _spooled(self, messages: Sequence[Message], holding: Holding, content: Content) -> Reply:
        """Spool the parts of a transaction, each for its own domain, all before the reply."""
        for message in messages[1:]:
            entry = await self._spool.store(message, content, due=self._wall())
            self._ways[message.domain].queue.stored(entry)
        entry = await self.keep(messages[0], holding, content)
        self._ways[messages[0].domain].queue.stored(entry)
        return accepted(messages[0].id)

    async def keep(self, message: Message, holding: Holding, content: Content) -> Entry:
        """Make a message durable, by its draft when it has one of the same envelope."""
        draft = holding.draft
        if draft is not None and draft.message == message:
            return await draft.commit(due=self._wall())
        return await self._spool.store(message, content, due=self._wall())

    async def settled(
        self, message: Message, holding: Holding, content: Content, settlement: Settlement, result: AttemptResult
    ) -> Reply:
        """Do what a settlement asks for before its reply may be sent."""
        replies = {index: outcome.reply for index, outcome in enumerate(result.outcomes)}
        if settlement.refused:
            self._aftermath.remember(message, replies, settlement.remembered)
            told = {index: replies[index] for index in settlement.refused}
            await self._aftermath.failed(message, content, told)
        if settlement.spooled:
            recipients = tuple(message.envelope.recipients[index] for index in settlement.spooled)
            rest = message if len(recipients) == len(result.outcomes) else _for_recipients(message, recipients)
            entry = await self.keep(rest, holding, content)
            self._ways[message.domain].queue.stored(entry)
        return settlement.reply

    def later(self, entry: Entry, result: AttemptResult) -> None:
        """Hand the result of an attempt that outlasted its client to the queue."""
        self._ways[entry.domain].queue.attempted(entry, result)

    def owned(self, entry: Entry) -> None:
        """Count an entry whose attempt is still under way."""
        self._ways[entry.domain].queue.stored(entry, in_flight=True)

    def deadline(self, offer: _Offer) -> IDelayedCall:
        """Call the offer when its client has waited long enough."""
        return self._clock.callLater(self._wait, offer.too_late)


class _Offer:
    """One message on its way inline.

    The client waits until `_reply` fires; once that is given away `_kept` remembers the spool entry for the attempt
    that still runs.
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
        self._deadline = self._acceptance.deadline(self)
        running.addCallback(self._attempted)
        running.addErrback(self._failed)
        return self._reply

    def _attempted(self, result: AttemptResult) -> None:
        """Act on the result, for the client when it still waits, else for the spool entry."""
        self._result = result
        if self._spooling:
            if self._kept is not None:
                self._acceptance.later(self._kept, result)
            return
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        settlement = settle(result.outcomes, self._message.id)
        if not settlement.spooled and not settlement.refused:
            self._reply.callback(settlement.reply)
            return
        self._answer_with(self._acceptance.settled(self._message, self._holding, self._content, settlement, result))

    def _failed(self, failure: Failure) -> None:
        """A bug on the way: the client hears of it, as 451, unless it has its answer."""
        if not self._reply.called:
            self._reply.errback(failure)

    def too_late(self) -> None:
        """Let the client wait no longer (R1)."""
        if self._attempt.dotted:
            self._spooling = True
            self._answer_with(self._spool_in_flight())
        elif self._running is not None:
            self._running.cancel()

    async def _spool_in_flight(self) -> Reply:
        """Spool a message whose attempt goes on, and leave the entry to the attempt."""
        entry = await self._acceptance.keep(self._message, self._holding, self._content)
        self._kept = entry
        self._acceptance.owned(entry)
        if self._result is not None:
            self._acceptance.later(entry, self._result)
        return accepted(self._message.id)

    def _answer_with(self, coming: Coroutine[Deferred[Any], Any, Reply]) -> None:
        Deferred.fromCoroutine(coming).chainDeferred(self._reply)


def _for_recipients(message: Message, recipients: tuple[Recipient, ...]) -> Message:
    """Give the same message for some of its recipients."""
    return evolve(message, envelope=evolve(message.envelope, recipients=recipients))
