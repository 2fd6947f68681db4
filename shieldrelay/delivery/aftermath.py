"""What is owed after recipients were settled for good: their memory, and their senders' notices (R2, R5, R8).

Called by `delivery.acceptance` after a mixed reply and by `delivery.queue` after a refusal or the end of a lifetime.
Knows no socket; a notice that cannot be stored now fails with OSError, and the caller keeps the message meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from shieldrelay.delivery.notices import Disposition
from shieldrelay.delivery.refusals import RefusedRecipients
from shieldrelay.delivery.settlement import shown_codes
from shieldrelay.mail.dsn import Action, ReportedRecipient
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Clock, Content


class Teller(Protocol):
    """Who tells senders: `delivery.notices.Notices`."""

    async def tell(self, message: Message, reported: Sequence[ReportedRecipient], content: Content) -> Disposition:
        """Store a notice, or decide that there is none; OSError when it could not be stored."""


class Aftermath:
    """Remembers refusals and has senders told.

    :param memory: of all domains.
    """

    def __init__(self, teller: Teller, memory: RefusedRecipients, clock: Clock) -> None:
        self._teller = teller
        self._memory = memory
        self._clock = clock

    def remember(self, message: Message, replies: Mapping[int, Reply | None], indexes: Iterable[int]) -> None:
        """Refuse the next RCPT for these recipients in its own session.

        :param replies: what the next hop said, by position in the envelope.
        """
        now = self._clock.seconds()
        for index in indexes:
            code, status = shown_codes(replies[index])
            self._memory.remember(message.envelope.recipients[index].mailbox, code, status, now)

    async def failed(self, message: Message, content: Content, replies: Mapping[int, Reply | None]) -> None:
        """Tell the sender that these recipients will not get the message.

        :param replies: by position in the envelope; ``None`` where the lifetime ended without a permanent reply.
        :raises OSError: when the notice could not be stored: tell again later.
        """
        recipients = message.envelope.recipients
        reported = [
            ReportedRecipient(recipients[index], Action.FAILED, reply) for index, reply in sorted(replies.items())
        ]
        await self._teller.tell(message, reported, content)
