"""Where a session with a next hop stands, and the four kinds of replies that move it.

One vocabulary for the machines of `smtp.sender_opening`, `smtp.sender_transaction` and `smtp.sender`. The phase is also
what `wire` looks up its deadline by (RFC 5321 §4.5.3.2), so there is a phase for every wait with a limit of its own.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.mail.reply import Reply

SERVICE_CLOSING = 421
"""RFC 5321 §3.8: may come at any time and means that the server goes away."""


class Phase(Enum):
    """What the sender waits for. The value is said in reasons: "while waiting for ..."."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    GREETING = "the greeting"
    EHLO = "the reply to EHLO"
    HELO = "the reply to HELO"
    STARTTLS = "the reply to STARTTLS"
    HANDSHAKE = "the TLS handshake"
    AUTH = "the reply to AUTH"
    READY = "the next message"
    CONTEXT = "the reply to XFORWARD or XCLIENT"
    MAIL = "the reply to MAIL"
    RCPT = "the reply to RCPT"
    DATA = "the reply to DATA"
    CONTENT = "the content to be sent"
    FINAL = "the reply to the content"
    RESET = "the reply to RSET"
    QUIT = "the reply to QUIT"
    CLOSED = "nothing"


class Kind(Enum):
    """A reply by its first digit (RFC 5321 §4.2.1); 1yz does not exist in SMTP and is no reply for the parser."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    COMPLETED = 2
    INTERMEDIATE = 3
    TRANSIENT = 4
    PERMANENT = 5


_KINDS = (None, None, Kind.COMPLETED, Kind.INTERMEDIATE, Kind.TRANSIENT, Kind.PERMANENT)


def kind_of(reply: Reply) -> Kind:
    """Give the kind of a reply from `ReplyParser`."""
    kind = _KINDS[reply.code // 100]
    assert kind is not None, "the parser gives no other codes"
    return kind
