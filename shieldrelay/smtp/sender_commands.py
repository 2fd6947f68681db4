"""The lines of MAIL and RCPT, built from parsed values only (R11).

Parameters are given when the next hop offers their extension (R9). The last look at every line is that it holds no
control octet: whatever went wrong before us, nothing can be injected into the hidden server.
"""

from __future__ import annotations

import re

from shieldrelay.mail.envelope import Body, Envelope, Notify, Recipient
from shieldrelay.smtp.sender_capabilities import Capabilities

_LAWFUL = re.compile(rb"[\x20-\x7e\x80-\xff]+\Z")
_NOTIFY_ORDER = (Notify.NEVER, Notify.SUCCESS, Notify.FAILURE, Notify.DELAY)


def line(text: bytes) -> bytes:
    """End a command line.

    :raises ValueError: when it holds a control octet; a bug elsewhere, never a reply to a peer.
    """
    if not _LAWFUL.match(text):
        raise ValueError("a command would hold a control octet")
    return text + b"\r\n"


def mail_line(envelope: Envelope, size: int, utf8: bool, offered: Capabilities) -> bytes:
    """Build MAIL.

    :param size: octets of the content.
    :param utf8: whether the message needs SMTPUTF8; the caller has seen that it is offered.
    """
    words = [b"MAIL FROM:<%b>" % bytes(envelope.reverse_path)]
    if offered.size:
        words.append(b"SIZE=%d" % size)
    if offered.eightbitmime and envelope.body is Body.EIGHTBITMIME:
        words.append(b"BODY=8BITMIME")
    if utf8:
        words.append(b"SMTPUTF8")
    if offered.dsn and envelope.ret is not None:
        words.append(b"RET=" + envelope.ret)
    if offered.dsn and envelope.envid is not None:
        words.append(b"ENVID=" + envelope.envid)
    return line(b" ".join(words))


def rcpt_line(recipient: Recipient, offered: Capabilities) -> bytes:
    """Build RCPT."""
    text = b"RCPT TO:<%b>" % bytes(recipient.mailbox)
    if offered.dsn:
        if recipient.notify:
            text += b" NOTIFY=" + b",".join(word.value for word in _NOTIFY_ORDER if word in recipient.notify)
        if recipient.orcpt is not None:
            text += b" ORCPT=" + recipient.orcpt
    return line(text)


def needs_utf8(envelope: Envelope, recipients: tuple[Recipient, ...], ascii_header: bool) -> bool:
    """Whether the message can only go to a server that offers SMTPUTF8 (RFC 6531 §3.3).

    A client that did not declare SMTPUTF8 and has 8-bit header fields nevertheless is passed on as it came.
    """
    if not envelope.smtputf8:
        return False
    paths_are_ascii = envelope.reverse_path.is_ascii and all(one.mailbox.is_ascii for one in recipients)
    return not (paths_are_ascii and ascii_header)
