"""What a spooled notice remembers of the message that it speaks of, within its `Origin`.

A notice is written by this node, so its origin says 127.0.0.1. When its sender could not be judged before it was
stored, the origin is the client's instead, and the queue judges before it sends. Written by ``delivery.notices``, read
by it and by ``delivery.notice_queue``. Pure; cannot fail: any other origin is one of a notice whose sender was judged.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.delivery.standing import Evidence
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message, Origin


@frozen
class NoticeOrigin:
    """Why there is a notice.

    :ivar message: the id of the message that failed.
    :ivar domain: its protected domain, which ``notices = "next_hop"`` routes by; empty when it is not known.
    :ivar recipients: of how many recipients the notice speaks, 0 when it is not known.
    :ivar evidence: what its sender is still to be judged by, ``None`` when that is done.
    """

    message: str
    domain: str
    recipients: int = 0
    evidence: Evidence | None = None


def as_origin(message: Message, recipients: int, evidence: Evidence | None) -> Origin:
    """Give the origin of a notice about a message.

    ``helo`` holds the protected domain; ``session`` the message's id and, for who is still to be judged, the number of
    recipients and the client's HELO behind it, between blanks.
    """
    if evidence is None:
        return Origin("127.0.0.1", 0, message.domain, session=message.id)
    return Origin(evidence.address, 0, message.domain, session=f"{message.id} {recipients} {evidence.helo}")


def origin_of(notice: Message) -> NoticeOrigin:
    """Read what `as_origin` wrote."""
    origin = notice.origin
    if origin is None:
        return NoticeOrigin("", "")
    id, *undecided = origin.session.split(" ", 2)
    sender = notice.envelope.recipients[0].mailbox
    if len(undecided) != 2 or not undecided[0].isdecimal() or not isinstance(sender, Mailbox):
        return NoticeOrigin(id, origin.helo)
    return NoticeOrigin(id, origin.helo, int(undecided[0]), Evidence(sender, origin.address, undecided[1]))
