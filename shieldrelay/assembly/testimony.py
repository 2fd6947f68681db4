"""Who hears what next hops say of recipients: the defences remember it, and the lists hold it against what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.reputation import NodeReputation
from shieldrelay.assembly.shield import Shield
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.witness import Witness


class Testimony:
    """A `ports.Witness`.

    :param acts: gives what says whether the harvest of a domain acts now.
    """

    def __init__(
        self,
        shield: Shield,
        recipients: RecipientLists,
        reputation: NodeReputation,
        acts: Callable[[], Callable[[str], bool]],
    ) -> None:
        self._witness = Witness(shield.defences, shield.seconds, shield.hashed, lambda domain: acts()(domain))
        self._recipients = recipients
        self._reputation = reputation

    def attempted(
        self, message: Message, taken: int, refused: Sequence[tuple[Mailbox, Reply]], policy: int
    ) -> None:
        """Note what one attempt came to."""
        self._witness.attempted(message, taken, refused, policy)
        if taken and message.origin is not None:
            self._reputation.sent(message.id, message.origin.address, message.domain)
        for mailbox, reply in refused:
            self._recipients.contradicted(mailbox, reply, message.id)
