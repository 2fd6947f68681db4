"""A complete message as the checks of its content see it. Values only."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.address import Mailbox, ReversePath
from shieldrelay.ports import Content


@frozen
class Inspected:
    """What is known of a message when its last octet is here.

    :ivar id: of the message, as in the trace line and the journal.
    :ivar session: the session's id, as in the journal.
    :ivar address: the client's IP address as text.
    :ivar helo: its argument of EHLO or HELO.
    :ivar recipients: those that were granted, at least one.
    :ivar domain: the protected domain; where a transaction may have several (R3), the first.
    :ivar content: the message with our trace line on top; may be read until the stage has answered.
    :ivar known_good: whether the client's past earns it precedence (R19).
    :ivar name: of the client's address, when DNS confirms it both ways; else ``""``.
    """

    id: str
    session: str
    address: str
    helo: str
    reverse_path: ReversePath
    recipients: tuple[Mailbox, ...]
    domain: str
    content: Content
    known_good: bool = False
    name: str = ""
