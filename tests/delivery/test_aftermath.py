"""What is owed after recipients were settled for good."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.notices import Disposition
from shieldrelay.delivery.refusals import RefusedRecipients
from shieldrelay.mail.dsn import Action, ReportedRecipient
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Content
from shieldrelay.spool.content import MemoryContent
from tests.delivery.relay import a_message

CONTENT = MemoryContent((b"\r\n",))
GONE = Reply(550, (5, 1, 1), ("nobody",))
LOG_IN = Reply(530, (5, 7, 0), ("log in",))


class _Told:
    """Keeps what senders are told; fails while it has an error."""

    def __init__(self) -> None:
        self.reported: list[tuple[str, Action, Reply | None]] = []
        self.error: OSError | None = None

    async def tell(self, message: Message, reported: Sequence[ReportedRecipient], content: Content) -> Disposition:
        """Keep it."""
        if self.error is not None:
            raise self.error
        self.reported += [(str(one.recipient.mailbox), one.action, one.reply) for one in reported]
        return Disposition.STORED


class AftermathTests(SynchronousTestCase):
    """`Aftermath` by itself."""

    def setUp(self) -> None:
        self.told, self.memory, self.clock = _Told(), RefusedRecipients(), Clock()
        self.aftermath = Aftermath(self.told, self.memory, self.clock)
        self.message = a_message(recipients=("a", "b", "c"))
        self.mailboxes = [one.mailbox for one in self.message.envelope.recipients]

    def test_each_who_failed_is_reported_in_order(self) -> None:
        """The sender is told of the named recipients, in the envelope's order, with what was said about each."""
        telling = self.aftermath.failed(self.message, CONTENT, {2: None, 0: GONE})
        self.successResultOf(Deferred.fromCoroutine(telling))
        self.assertEqual(
            self.told.reported,
            [("a@example.test", Action.FAILED, GONE), ("c@example.test", Action.FAILED, None)],
        )

    def test_a_notice_that_cannot_be_stored_is_still_owed(self) -> None:
        """The disk's error comes out, so that the caller keeps the message."""
        self.told.error = OSError(28, "full")
        telling = self.aftermath.failed(self.message, CONTENT, {0: GONE})
        self.failureResultOf(Deferred.fromCoroutine(telling), OSError)

    def test_the_next_recipient_hears_what_may_be_shown(self) -> None:
        """What is remembered is the code that a sender may see, for an hour, and for those named only (R2, R11)."""
        self.aftermath.remember(self.message, {0: GONE, 1: LOG_IN}, [0, 1])
        now = self.clock.seconds()
        remembered = [self.memory.recall(mailbox, now) for mailbox in self.mailboxes]
        self.assertEqual([one and one.code for one in remembered], [550, 554, None])
        self.clock.advance(3600)
        self.assertIsNone(self.memory.recall(self.mailboxes[0], self.clock.seconds()))
