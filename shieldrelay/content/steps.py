"""The stages of a session at which plugins are asked, and what they are shown before there is content. Values only."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.mail.address import Mailbox, ReversePath


class Step(Enum):
    """A stage of a session, in its order. The value is the name of the method that is asked then."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    CONNECT = "connect"
    """Once a session, at its first MAIL: a client that never gets so far costs no plugin anything."""
    HELO = "helo"
    """At the first MAIL after each name."""
    MAIL = "mail"
    RCPT = "rcpt"
    """For each recipient that exists and that everything else lets in."""
    CONTENT = "check"
    """For the complete message."""


EARLY = (Step.CONNECT, Step.HELO, Step.MAIL)
"""Those that are asked at MAIL, in this order."""


@frozen
class Seen:
    """What is known of a session before its content.

    :ivar session: the session's id, as in the journal.
    :ivar address: the client's IP address as text.
    :ivar helo: its argument of EHLO or HELO.
    :ivar tls: protocol version and cipher in words, ``None`` in plaintext.
    :ivar recipient: the one that is asked for; ``None`` before RCPT.
    :ivar domain: the protected domain of it, ``""`` before RCPT.
    :ivar known_good: whether the client's past earns it precedence (R19).
    :ivar id: always ``""``: there is no message yet.
    """

    session: str
    address: str
    helo: str
    reverse_path: ReversePath
    tls: str | None = None
    recipient: Mailbox | None = None
    domain: str = ""
    known_good: bool = False
    id: str = ""
