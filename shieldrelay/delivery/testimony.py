"""What next hops say of recipients, told to whoever remembers it: the defences, and the lists (R19, R20).

Called by `delivery.lane` after each attempt, with the outcomes as the bounce guard left them. Knows neither defences
nor lists. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.delivery.settlement import address_refused
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.outcome import Fate, RecipientOutcome
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt, Witness

POLICY = 7
"""RFC 3463 §3.8: security or policy."""
_FOR_GOOD = (Fate.REFUSED, Fate.CONTENT_REFUSED)
_NONE = (5, 0, 0)


class Nobody:
    """A `ports.Witness` that remembers nothing."""

    def attempted(
        self, message: Message, taken: int, refused: Sequence[tuple[Mailbox, Reply]], policy: int
    ) -> None:
        """Forget it."""


def testify(witness: Witness, attempt: Attempt, outcomes: Sequence[RecipientOutcome]) -> None:
    """Tell what an attempt came to, if that says anything about a recipient."""
    taken = policy = 0
    refused: list[tuple[Mailbox, Reply]] = []
    for recipient, outcome in zip(attempt.recipients, outcomes, strict=True):
        if outcome.fate is Fate.TAKEN:
            taken += 1
        elif outcome.reply is not None and address_refused(outcome, outcomes):
            refused.append((recipient.mailbox, outcome.reply))
        elif outcome.fate in _FOR_GOOD and outcome.reply is not None and (outcome.reply.enhanced or _NONE)[1] == POLICY:
            policy += 1
    if taken or refused or policy:
        witness.attempted(attempt.message, taken, refused, policy)
