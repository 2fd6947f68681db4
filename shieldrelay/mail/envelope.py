"""The envelope of one message and where it came from (RFC 5321 §2.3.1, RFC 3461)."""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from shieldrelay.mail.address import Mailbox, ReversePath


class Body(Enum):
    """The BODY parameter of MAIL (RFC 6152). BINARYMIME is never offered."""

    SEVENBIT = b"7BIT"
    EIGHTBITMIME = b"8BITMIME"


class Notify(Enum):
    """One word of the NOTIFY parameter (RFC 3461 §4.1)."""

    NEVER = b"NEVER"
    SUCCESS = b"SUCCESS"
    FAILURE = b"FAILURE"
    DELAY = b"DELAY"


@frozen
class Recipient:
    """One accepted forward-path.

    :ivar notify: what the sender wants to be told; ``None`` when the parameter was not given (failures, then).
    :ivar orcpt: the ORCPT parameter as received, ``addr-type;xtext`` (RFC 3461 §4.2), or ``None``.
    """

    mailbox: Mailbox
    notify: frozenset[Notify] | None = None
    orcpt: bytes | None = None


@frozen
class Envelope:
    """Reverse-path, recipients and the parameters of MAIL.

    :ivar recipients: at least one; all of one protected domain unless the node lifted that rule (R3).
    :ivar smtputf8: whether the client gave SMTPUTF8 (RFC 6531).
    :ivar ret: the RET parameter, ``b"FULL"`` or ``b"HDRS"``, or ``None``.
    :ivar envid: the ENVID parameter as xtext, or ``None``.
    """

    reverse_path: ReversePath
    recipients: tuple[Recipient, ...]
    body: Body = Body.SEVENBIT
    smtputf8: bool = False
    ret: bytes | None = None
    envid: bytes | None = None


@frozen
class Origin:
    """The client from which a message came.

    :ivar address: its IP address as text, an IPv4-mapped IPv6 address as IPv4 (R16).
    :ivar port: its TCP port.
    :ivar helo: its argument of EHLO or HELO, printable, clipped to 255 characters.
    :ivar protocol: the ``with`` word of the trace line: SMTP, ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS (RFC 3848, RFC 6531).
    :ivar tls: protocol version and cipher in words, ``None`` in plaintext.
    :ivar session: our id of the session, as in the journal.
    """

    address: str
    port: int
    helo: str
    protocol: str = "SMTP"
    tls: str | None = None
    session: str = ""


class Precedence(Enum):
    """Who goes first where a server cannot bear everybody at once (R4, R19)."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    KNOWN_GOOD = "known-good"
    """From a client whose past earns it."""
    ORDINARY = "ordinary"


@frozen
class Message:
    """One message of one protected domain: what a spool record holds, content apart.

    :ivar id: our id of the message, 1 to 40 characters of ``[0-9A-Za-z]``; unique over all nodes; in the trace line,
        the replies, the journal and the file name.
    :ivar precedence: what it was granted when it came in; it stays with the message.
    :ivar arrived: wall-clock seconds since the epoch.
    :ivar domain: the comparison form of the protected domain (or, for notices, of the destination).
    """

    id: str
    arrived: float
    domain: str
    envelope: Envelope
    origin: Origin | None = field(default=None)
    precedence: Precedence = Precedence.ORDINARY
