"""What a judgement comes to: to go on, or a refusal with its two faces; and when its answer may be said."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.reply import Reply


@frozen
class Refusal:
    """A judgement that ends a command, a transaction or a session.

    :ivar reply: what the peer is told: generic.
    :ivar reason: what the journal is told: exact, in our words, one clause, with the counter and its threshold.
    :ivar defence: who judged, one word (``relay``, ``recipients``, ``capacity``, ``harvest`` ...), for counting.
    """

    reply: Reply
    reason: str
    defence: str


@frozen
class Verdict:
    """The judgement of one command.

    :ivar refusal: ``None`` to go on.
    :ivar delay: seconds to wait before the answer is said; never depends on whether a recipient exists once the source
        is suspect (D8).
    :ivar held: the answer is not decided yet: ask the gate again after the next exchange with the hub, 250 ms at most
        from now (R21). Then ``refusal`` and ``delay`` mean nothing.
    """

    refusal: Refusal | None = None
    delay: float = 0.0
    held: bool = False


GO_ON = Verdict()
"""Nothing against it, and at once."""
