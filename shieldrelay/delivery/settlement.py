"""What an attempt means for everyone concerned: the client that waits, the spool, and the sender who is told later.

The table of R2. Pure values: may not know the next hop's address nor its words (R11), the clock or the spool.
``delivery.acceptance`` calls `settle` while the client waits for its reply, ``delivery.queue`` calls `settle_later`
for a message that has long been acknowledged. Nothing fails here: every combination of fates has its row.

In the session (`settle`), by the fates that occur among the recipients:

==========  =================  =======  =========  ================================================================
taken       content refused    refused  transient  what follows
==========  =================  =======  =========  ================================================================
yes         no                 no       no         250
any         no                 any      yes        250, the transient spooled first; a notice for the refused
yes         any                any      any        250, the transient spooled first; a notice for the refused
no          yes                any      any        that 5yz: nobody has it, and the sender learns it at once
no          no                 yes      no         that 5yz
==========  =================  =======  =========  ================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from shieldrelay.mail.outcome import Fate, RecipientOutcome
from shieldrelay.mail.reply import EnhancedCode, Reply

_ACCEPTED: EnhancedCode = (2, 0, 0)
_FAILED_CODE = 554
"""RFC 5321 §4.2.3: transaction failed; the permanent reply that says least."""
_OTHER_STATUS: EnhancedCode = (5, 0, 0)

_OF_ANOTHER_CONVERSATION = frozenset(range(500, 505)) | frozenset(range(530, 539))
"""Syntax, sequence and authentication: between us and the next hop. Passed on, 530 would tell the client to log in."""

_ABOUT_THE_ADDRESS = frozenset({1, 2, 4})
"""RFC 3463 §3 subjects: address, mailbox, routing; policy (7) depends on who writes."""
_ABOUT_THE_SENDER_OR_MESSAGE = frozenset({(1, 7), (1, 8), (2, 3)})

_WORDS = {
    (1, None): "Recipient address refused",
    (1, 7): "Sender address refused",
    (1, 8): "Sender address refused",
    (2, None): "Mailbox does not accept this message",
    (3, 4): "Message too large for the recipient",
    (6, None): "Message content cannot be delivered",
    (7, None): "Refused by policy of the recipient's system",
}
"""Our words by subject and detail of the enhanced code (RFC 3463 §3); a detail of None stands for any other."""


@frozen
class Settlement:
    """What follows from the first attempt. All indexes are positions among the attempt's recipients, ascending.

    :ivar reply: what the client gets, after `spooled` is durable.
    :ivar spooled: to be spooled before the reply is sent; failing that the client gets 451 instead.
    :ivar refused: to be told by a notice, because the reply is 250 although these were refused for good.
    :ivar remembered: those of `refused` whose *address* was refused, whoever writes: the next RCPT for them is refused
        in its session.
    """

    reply: Reply
    spooled: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    remembered: tuple[int, ...] = ()

    @property
    def all_taken(self) -> bool:
        """Whether the next hop has the message for every recipient and nothing remains to be done."""
        return self.reply.code == 250 and not self.spooled and not self.refused


@frozen
class QueuedSettlement:
    """What follows from a later attempt. All indexes are positions in the envelope, ascending.

    :ivar done: the next hop has it for these.
    :ivar waiting: still to be delivered.
    :ivar refused: refused for good: a notice, then done with.
    :ivar remembered: those of `refused` whose address was refused.
    """

    done: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    remembered: tuple[int, ...] = ()


def accepted(reference: str) -> Reply:
    """Give the reply that takes responsibility: the same words whether a next hop or the spool has the message.

    :param reference: our id of the message.
    """
    return Reply(250, _ACCEPTED, ("Message accepted, reference " + reference,))


def settle(outcomes: Sequence[RecipientOutcome], reference: str) -> Settlement:
    """Decide what a first attempt means while the client waits.

    :param outcomes: one per recipient, at least one, as the bounce guard left them.
    :param reference: our id of the message, by which the journal is searched.
    """
    for outcome in outcomes:
        if outcome.fate is not Fate.TAKEN:
            return _settle_rest(outcomes, reference)
    return Settlement(accepted(reference))


def _settle_rest(outcomes: Sequence[RecipientOutcome], reference: str) -> Settlement:
    """Decide the rows in which somebody was not taken."""
    fates = {outcome.fate for outcome in outcomes}
    if Fate.TAKEN not in fates and (Fate.CONTENT_REFUSED in fates or Fate.TRANSIENT not in fates):
        return Settlement(refusal(outcomes, reference))
    return Settlement(
        accepted(reference),
        spooled=_positions(outcomes, Fate.TRANSIENT),
        refused=_positions(outcomes, Fate.REFUSED, Fate.CONTENT_REFUSED),
        remembered=tuple(index for index, each in enumerate(outcomes) if address_refused(each, outcomes)),
    )


def settle_later(outcomes: Sequence[RecipientOutcome], indexes: Sequence[int]) -> QueuedSettlement:
    """Decide what a later attempt means for a message that was acknowledged long ago.

    Recipients whose turn at the content never came keep waiting though the content was refused to others: filters
    differ from mailbox to mailbox, and unsure means transient.

    :param outcomes: one per recipient of the attempt.
    :param indexes: the position in the envelope of each of them, ascending.
    """
    chosen: dict[Fate, list[int]] = {fate: [] for fate in Fate}
    remembered = []
    for outcome, index in zip(outcomes, indexes, strict=True):
        chosen[outcome.fate].append(index)
        if address_refused(outcome, outcomes):
            remembered.append(index)
    return QueuedSettlement(
        done=tuple(chosen[Fate.TAKEN]),
        waiting=tuple(chosen[Fate.TRANSIENT]),
        refused=tuple(sorted(chosen[Fate.REFUSED] + chosen[Fate.CONTENT_REFUSED])),
        remembered=tuple(remembered),
    )


def refusal(outcomes: Sequence[RecipientOutcome], reference: str) -> Reply:
    """Give the one permanent reply that is true of every refused recipient.

    A refusal of the content outranks refusals of recipients, because it is about the message. When several replies
    of that rank differ, what they have in common is said: ``550 5.1.1`` for a group would make a mailing list
    strike out addresses that are alive.

    :param outcomes: at least one of them refused for good.
    :param reference: our id of the message.
    """
    ranked = [outcome for outcome in outcomes if outcome.fate is Fate.CONTENT_REFUSED] or [
        outcome for outcome in outcomes if outcome.fate is Fate.REFUSED
    ]
    code, status = shown_codes(ranked[0].reply)
    for outcome in ranked[1:]:
        other_code, other_status = shown_codes(outcome.reply)
        code = code if code == other_code else _FAILED_CODE
        status = _shared_status(status, other_status)
    return in_our_words(code, status, reference)


def shown_codes(reply: Reply | None) -> tuple[int, EnhancedCode]:
    """Give code and enhanced code of a next hop's refusal as a sender may see them (R11).

    :param reply: ``None`` when the refusal was our own decision.
    """
    if reply is None or not 500 <= reply.code <= 599:
        return _FAILED_CODE, _OTHER_STATUS
    if reply.code in _OF_ANOTHER_CONVERSATION:
        return _FAILED_CODE, _OTHER_STATUS
    return reply.code, reply.enhanced or _OTHER_STATUS


def in_our_words(code: int, status: EnhancedCode, reference: str) -> Reply:
    """Give a permanent reply with our text for its enhanced code, and the reference for the postmaster."""
    _, subject, detail = status
    words = _WORDS.get((subject, detail)) or _WORDS.get((subject, None)) or "Message refused by the recipient's system"
    return Reply(code, status, (f"{words}, reference {reference}",))


def address_refused(outcome: RecipientOutcome, outcomes: Sequence[RecipientOutcome]) -> bool:
    """Whether a refusal would meet every sender: only then may the next one be refused unasked.

    The enhanced code says so. Without one it is taken to be so when another recipient of the same transaction came
    further, because then it was not the sender that was refused at MAIL.
    """
    if outcome.fate is not Fate.REFUSED or outcome.reply is None:
        return False
    _, subject, detail = outcome.reply.enhanced or _OTHER_STATUS
    if (subject, detail) == (0, 0):
        return any(each.fate is not Fate.REFUSED for each in outcomes)
    return subject in _ABOUT_THE_ADDRESS and (subject, detail) not in _ABOUT_THE_SENDER_OR_MESSAGE


def _shared_status(one: EnhancedCode, other: EnhancedCode) -> EnhancedCode:
    """Give the most exact enhanced code that covers both (RFC 3463 §2: detail 0 means other or undefined)."""
    if one == other:
        return one
    return (5, one[1], 0) if one[1] == other[1] else _OTHER_STATUS


def _positions(outcomes: Sequence[RecipientOutcome], *fates: Fate) -> tuple[int, ...]:
    """Give the positions of the outcomes with one of these fates."""
    return tuple(index for index, outcome in enumerate(outcomes) if outcome.fate in fates)
