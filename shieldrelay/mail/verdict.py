"""What a judgement comes to when it is not "go on": two faces of one refusal."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.reply import Reply


@frozen
class Refusal:
    """A judgement that ends a command, a transaction or a session.

    :ivar reply: what the peer is told: generic.
    :ivar reason: what the journal is told: exact, in our words, one clause.
    :ivar defence: who judged, one word (``relay``, ``recipients``, ``capacity`` ...), for counting.
    """

    reply: Reply
    reason: str
    defence: str
