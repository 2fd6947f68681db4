"""Who is told that a message failed, and how the notice becomes durable (R2, R7, R8).

Called by ``delivery`` for recipients that are refused for good or whose time is over. In this order: never to the null
reverse-path; only what NOTIFY asks for; only to a sender whom `SenderStanding` believes (the rest is journalled
and kept for the status: a declared deviation from RFC 5321 §6.2); only within the budget. What remains is composed by
``mail.dsn`` and stored in the spool's part `NOTICES`, from which ``delivery.notice_queue`` sends it. A client may wait
meanwhile: where the sender is not judged within `JUDGED_SECONDS` the notice is stored, and the queue asks
`Notices.reconsider` before it sends, so that no notice is lost while DNS fails, and none goes out unproven. May not
know sockets or DNS. When the spool fails, `Notices.tell` raises its OSError and nothing is stored: the caller decides,
and owns the message meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from shieldrelay.delivery.notice_budget import NoticeBudget
from shieldrelay.delivery.notice_origin import as_origin, origin_of
from shieldrelay.delivery.standing import Believed, Evidence, Judgement, SenderStanding, evidence_of
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.dsn import NoticeStamp, ReportedRecipient, compose, notice_envelope, wants
from shieldrelay.mail.dsn_original import RETURNED_OCTETS, Original
from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Clock, Content, ContentReader, Journal, WallClock
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.name import NOTICES

WITHHELD_KEPT = 100
"""How many withheld notices the status can show."""
JUDGED_SECONDS = 1.0
"""How long a notice, and with it a client's reply, waits for the judgement of its sender."""


class NoticeStore(Protocol):
    """The spool as far as notices are stored: ``spool.maildir.Spool``."""

    def store(self, message: Message, content: Content, *, due: float) -> Deferred[Entry]:
        """Fire when the notice is durable; fails with OSError or MemoryError, and then nothing is left."""


class Disposition(Enum):
    """What became of the wish to tell a sender."""

    STORED = "stored"
    NOT_WANTED = "not wanted"
    """The null reverse-path, or NOTIFY leaves it out."""
    WITHHELD = "withheld"
    OVER_BUDGET = "over budget"


@frozen
class WithheldNotice:
    """A notice that was not sent, for the status.

    :ivar at: wall-clock seconds.
    :ivar message: the id of the message that failed.
    :ivar sender: who would have been told.
    :ivar recipients: of how many recipients.
    :ivar why: withheld, or over budget.
    :ivar reason: what spoke against the sender, one clause; empty when it was the budget.
    """

    at: float
    message: str
    sender: str
    recipients: int
    why: Disposition
    reason: str = ""


class Notices:
    """Decides about notices and stores them.

    :param hostname: our own name.
    :param new_id: gives ids of messages, not to be foreseen.
    :param stored: called after each store, so that the queue looks at once.
    """

    def __init__(
        self,
        *,
        hostname: str,
        spool: NoticeStore,
        standing: SenderStanding,
        budget: NoticeBudget,
        journal: Journal,
        clock: Clock,
        wall: WallClock,
        new_id: Callable[[], str],
        stored: Callable[[], object] | None = None,
    ) -> None:
        self._hostname = hostname
        self._spool = spool
        self._standing = standing
        self._budget = budget
        self._journal = journal
        self._clock = clock
        self._wall = wall
        self._new_id = new_id
        self._stored = stored
        self._withheld: deque[WithheldNotice] = deque(maxlen=WITHHELD_KEPT)
        self.withheld_count = 0

    @property
    def over_budget(self) -> int:
        """How many were not sent because their destination had had its share."""
        return self._budget.refused

    @property
    def withheld(self) -> tuple[WithheldNotice, ...]:
        """The last notices that were not sent, newest last."""
        return tuple(self._withheld)

    async def tell(self, message: Message, reported: Sequence[ReportedRecipient], content: Content) -> Disposition:
        """Tell a message's sender what became of recipients.

        :param reported: any of the message's recipients; whom the sender did not ask about are left out here.
        :param content: of the message; its first block is read.
        :raises OSError: (or MemoryError) when the notice could not be stored.
        """
        sender = message.envelope.reverse_path
        wanted = [one for one in reported if wants(one.recipient, one.action)]
        if not isinstance(sender, Mailbox) or not wanted:
            return Disposition.NOT_WANTED
        evidence = evidence_of(message, sender)
        judgement = await self._judged_in_time(evidence)
        if judgement.believed is Believed.NO:
            return self._withhold(message.id, sender, len(wanted), judgement.reason)
        if not self._budget.take(sender.domain_key, self._clock.seconds()):
            return self._over_budget(message.id, sender, len(wanted))
        undecided = evidence if judgement.believed is Believed.UNKNOWN else None
        await self._store(message, sender, wanted, content, undecided)
        return Disposition.STORED

    async def reconsider(self, notice: Message) -> Judgement:
        """Judge, before a notice is sent, a sender who was not judged before it was stored.

        :returns: `Believed.NO`: it is journalled, and the notice is to be removed. `Believed.UNKNOWN`: ask again later.
        """
        origin = origin_of(notice)
        if origin.evidence is None:
            return Judgement(Believed.YES)
        judgement = await self._standing.judge(origin.evidence)
        if judgement.believed is Believed.NO:
            self._withhold(origin.message, origin.evidence.sender, origin.recipients, judgement.reason)
        return judgement

    def _judged_in_time(self, evidence: Evidence) -> Deferred[Judgement]:
        """Judge a sender, or say that it takes too long."""
        judging = self._standing.judge(evidence)
        if judging.called:
            return judging
        return judging.addTimeout(JUDGED_SECONDS, self._clock, onTimeoutCancel=_unknown)  # type: ignore[arg-type]

    async def _store(
        self,
        message: Message,
        sender: Mailbox,
        wanted: Sequence[ReportedRecipient],
        content: Content,
        undecided: Evidence | None,
    ) -> None:
        now = self._wall()
        original = await self._beginning(message, content)
        id = self._new_id()
        octets = compose(message, wanted, original, NoticeStamp(id, now, self._hostname))
        origin = as_origin(message, len(wanted), undecided)
        notice = Message(id, now, NOTICES, notice_envelope(sender, octets), origin)
        await self._spool.store(notice, MemoryContent((octets,), ascii_header=sender.is_ascii), due=now)
        self._journal.event("notice_stored", message=message.id, notice=id, to=str(sender), recipients=len(wanted))
        if self._stored is not None:
            self._stored()

    def _withhold(self, message: str, sender: Mailbox, recipients: int, reason: str) -> Disposition:
        return self._unsent(
            WithheldNotice(self._wall(), message, str(sender), recipients, Disposition.WITHHELD, reason)
        )

    def _over_budget(self, message: str, sender: Mailbox, recipients: int) -> Disposition:
        return self._unsent(WithheldNotice(self._wall(), message, str(sender), recipients, Disposition.OVER_BUDGET))

    def _unsent(self, notice: WithheldNotice) -> Disposition:
        """Keep for the status, and journal, what is not sent."""
        self.withheld_count += 1
        self._withheld.append(notice)
        self._journal.event(
            "notice_withheld",
            message=notice.message,
            to=notice.sender,
            recipients=notice.recipients,
            reason=notice.reason or notice.why.value,
        )
        return notice.why

    async def _beginning(self, message: Message, content: Content) -> Original:
        """Read what may be returned; a content that cannot be read does not keep its sender in the dark."""
        try:
            reader = content.open()
            try:
                head = await _first_octets(reader)
            finally:
                reader.close()
        except OSError as error:
            self._journal.event("notice_original_unreadable", message=message.id, error=str(error))
            return Original(b"", whole=False)
        return Original(head[:RETURNED_OCTETS], whole=len(head) == content.size <= RETURNED_OCTETS)


async def _first_octets(reader: ContentReader) -> bytes:
    """Read until `RETURNED_OCTETS` are there or the content ends."""
    head = b""
    while len(head) < RETURNED_OCTETS:
        block = reader.read()
        octets = await block if isinstance(block, Deferred) else block
        if not octets:
            break
        head += octets
    return head


def _unknown(_result: object, _seconds: float) -> Judgement:
    return Judgement(Believed.UNKNOWN, "not judged in time")
