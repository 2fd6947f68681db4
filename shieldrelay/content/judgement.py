"""What the checks of a message's content come to. Values only; `delivery.intake` acts on them."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.verdict import Refusal


@frozen
class Annotated:
    """The message goes on with these octets on top.

    :ivar fields: whole header fields, printable ASCII, each ended by CRLF.
    """

    fields: bytes


Judgement = Refusal | Annotated | None
"""``None``: nothing against the message."""
