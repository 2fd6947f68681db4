"""Delivery status notifications: what a sender is told (RFC 3461, RFC 3462, RFC 3464, RFC 6522, RFC 6533).

Makes the octets of one notice from values: a message, its reported recipients, the beginning of its content, and a
stamp. Names and moments are arguments, so the same values give the same octets. Knows nothing of who may be told, of
budgets or of routes (``delivery.notices`` decides and calls). A next hop's words never enter: codes pass, the text is
ours (R11). Every value goes through `_printable`, so no address or parameter can add a line. Fails only with
ValueError, when a notice would have no addressee or no content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum

from attrs import frozen

from shieldrelay.mail.address import NULL, Mailbox
from shieldrelay.mail.dsn_original import Original, ReturnedPart, returned_part
from shieldrelay.mail.dsn_words import words
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Recipient
from shieldrelay.mail.reply import Reply

VALUE_OCTETS = 900
"""The longest value of a field that we write, so that no line passes 998 octets (RFC 5322 §2.1.1)."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PRINTABLE_ASCII = re.compile(rb"[\x20-\x7e]+\Z")
_XTEXT = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+\Z")
_ADDRESS_TYPE = re.compile(rb"[A-Za-z0-9\-]{1,40}\Z")
_XTEXT_PAIR = re.compile(rb"\+([0-9A-F]{2})")


class Action(Enum):
    """What became of a recipient's copy (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    RELAYED = "relayed"
    """A next hop that offers no DSN took it (RFC 3461 §5.2.2)."""


@frozen
class ReportedRecipient:
    """One recipient of whom a notice speaks.

    :ivar reply: the last reply about it; its words are not used. ``None`` when there never was one. A failure whose
        reply is not permanent means that the message's lifetime is over.
    """

    recipient: Recipient
    action: Action
    reply: Reply | None = None


@frozen
class NoticeStamp:
    """What makes one notice distinct.

    :ivar id: 1 to 40 characters of ``[0-9A-Za-z]``, not to be foreseen by a sender: in Message-ID and boundary.
    :ivar composed: wall-clock seconds since the epoch.
    :ivar hostname: our own name, ASCII.
    """

    id: str
    composed: float
    hostname: str


def wants(recipient: Recipient, action: Action) -> bool:
    """Tell whether the sender asked to be told of this (RFC 3461 §4.1); without NOTIFY of failures only."""
    if recipient.notify is None:
        return action is Action.FAILED
    return (Notify.FAILURE if action is Action.FAILED else Notify.SUCCESS) in recipient.notify


def compose(message: Message, reported: Sequence[ReportedRecipient], original: Original, stamp: NoticeStamp) -> bytes:
    """Make a notice.

    :param message: the message that is reported on; its reverse-path becomes the addressee.
    :param reported: at least one; the caller has left out whom the sender did not ask about (`wants`).
    :returns: header and body, lines of at most 998 octets ended by CRLF, not dot-stuffed; 8bit only where needed.
    :raises ValueError: for the null reverse-path or no recipient.
    """
    sender = message.envelope.reverse_path
    if not isinstance(sender, Mailbox) or not reported:
        raise ValueError("a notice needs an addressee and a recipient to speak of")
    status = _status(message, reported, stamp)
    parts = (
        ReturnedPart(_charset(b"text/plain", text := _text(message, reported, stamp)), text),
        ReturnedPart(b"message/delivery-status" if status.isascii() else b"message/global-delivery-status", status),
        returned_part(original, full=message.envelope.ret == b"FULL"),
    )
    boundary = _boundary(stamp, parts)
    head = _header(sender, reported, stamp, parts[1].media_type, boundary)
    return b"".join((head, *(_part(part, boundary) for part in parts), b"--%s--\r\n" % boundary))


def notice_envelope(sender: Mailbox, notice: bytes) -> Envelope:
    """Give the envelope in which a notice travels: from the null reverse-path (RFC 5321 §4.5.5)."""
    return Envelope(
        reverse_path=NULL,
        recipients=(Recipient(sender),),
        body=Body.SEVENBIT if notice.isascii() else Body.EIGHTBITMIME,
        smtputf8=not sender.is_ascii,
    )


def date(moment: float) -> bytes:
    """Write a moment as RFC 5322 §3.3 has it, in UTC."""
    return format_datetime(datetime.fromtimestamp(int(moment), UTC)).encode("ascii")


def _printable(value: bytes) -> bytes:
    """Give a value that cannot end its line: controls become ``?``, longer than 900 octets is clipped."""
    text = _UNPRINTABLE.sub("?", value.decode("utf-8", "replace"))
    return text.encode("utf-8")[:VALUE_OCTETS].decode("utf-8", "ignore").encode("utf-8")


def _field(name: bytes, value: bytes) -> bytes:
    return b"%s: %s\r\n" % (name, _printable(value))


def _header(
    sender: Mailbox, reported: Sequence[ReportedRecipient], stamp: NoticeStamp, report: bytes, boundary: bytes
) -> bytes:
    hostname, id = stamp.hostname.encode("ascii"), stamp.id.encode("ascii")
    failed = any(one.action is Action.FAILED for one in reported)
    return b"".join(
        (
            _field(b"Date", date(stamp.composed)),
            _field(b"From", b"Mail delivery <MAILER-DAEMON@%s>" % hostname),
            _field(b"To", b"<%s>" % bytes(sender)),
            _field(b"Subject", b"Your message was not delivered" if failed else b"Your message was passed on"),
            _field(b"Message-ID", b"<%s@%s>" % (id, hostname)),
            _field(b"Auto-Submitted", b"auto-replied"),
            _field(b"MIME-Version", b"1.0"),
            b"Content-Type: multipart/report; report-type=%s;\r\n" % report.removeprefix(b"message/"),
            b'\tboundary="%s"\r\n\r\n' % boundary,
        )
    )


def _boundary(stamp: NoticeStamp, parts: Sequence[ReturnedPart]) -> bytes:
    """Give a boundary that occurs in no part, whatever the original says."""
    number = 0
    while True:
        boundary = b"=_%d_%s" % (number, stamp.id.encode("ascii"))
        if not any(boundary in part.octets for part in parts):
            return boundary
        number += 1


def _part(part: ReturnedPart, boundary: bytes) -> bytes:
    encoding = b"7bit" if part.octets.isascii() else b"8bit"
    head = b"--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (boundary, part.media_type, encoding)
    return head + part.octets + b"\r\n"


def _charset(media_type: bytes, octets: bytes) -> bytes:
    return media_type + (b"; charset=us-ascii" if octets.isascii() else b"; charset=utf-8")


def _text(message: Message, reported: Sequence[ReportedRecipient], stamp: NoticeStamp) -> bytes:
    """Write the part for people."""
    lines = [b"This is the mail relay %s." % stamp.hostname.encode("ascii"), b""]
    for action, heading in (
        (Action.FAILED, b"Your message could not be delivered to these recipients, and is not tried again:"),
        (Action.RELAYED, b"Your message was passed on to a server that sends no confirmations, for:"),
    ):
        chosen = [one for one in reported if one.action is action]
        if chosen:
            lines += [heading, b""]
        for one in chosen:
            lines += [b"  <%s>" % _printable(bytes(one.recipient.mailbox)), b"    " + _explanation(one), b""]
    lines.append(b"It arrived here on %s. If you ask about it, give" % date(message.arrived))
    lines += [b"this reference: %s" % _printable(message.id.encode("utf-8")), b""]
    return b"\r\n".join(lines)


def _explanation(one: ReportedRecipient) -> bytes:
    sentence = words(one.reply, relayed=one.action is Action.RELAYED)
    if one.reply is None or one.action is Action.RELAYED:
        return sentence
    return b"%d %s %s" % (one.reply.code, _code(one), sentence)


def _code(one: ReportedRecipient) -> bytes:
    """Give the Status value: three numbers of at most three digits (RFC 3464 §2.3.4)."""
    if one.action is Action.RELAYED:
        return b"2.1.9"
    if one.reply is None:
        return b"4.4.7"
    status = one.reply.status
    return (status if len(status) <= 9 and max(map(int, status.split("."))) <= 999 else f"{status[0]}.0.0").encode()


def _status(message: Message, reported: Sequence[ReportedRecipient], stamp: NoticeStamp) -> bytes:
    """Write the part for programs (RFC 3464 §2); no Remote-MTA, which would name the hidden server (R11)."""
    fields = [_field(b"Reporting-MTA", b"dns; " + stamp.hostname.encode("ascii"))]
    envid = _decoded(message.envelope.envid)
    if envid:
        fields.append(_field(b"Original-Envelope-Id", envid))
    fields.append(_field(b"Arrival-Date", date(message.arrived)))
    for one in reported:
        fields += (b"\r\n", *_recipient_fields(one))
    return b"".join(fields)


def _recipient_fields(one: ReportedRecipient) -> list[bytes]:
    mailbox = one.recipient.mailbox
    fields = []
    kind, _, address = (one.recipient.orcpt or b"").partition(b";")
    if (original := _decoded(address)) and _ADDRESS_TYPE.match(kind):
        fields.append(_field(b"Original-Recipient", b"%s; %s" % (kind, original)))
    fields += (
        _field(b"Final-Recipient", b"%s; %s" % (b"rfc822" if mailbox.is_ascii else b"utf-8", bytes(mailbox))),
        _field(b"Action", one.action.value.encode("ascii")),
        _field(b"Status", _code(one)),
    )
    if one.action is Action.FAILED and one.reply is not None:
        fields.append(_field(b"Diagnostic-Code", b"smtp; " + _explanation(one)))
    return fields


def _decoded(xtext: bytes | None) -> bytes | None:
    """Decode xtext (RFC 3461 §4); ``None`` when there is none, or when what it hides is not printable ASCII."""
    if not xtext or not _XTEXT.match(xtext):
        return None
    octets = _XTEXT_PAIR.sub(lambda match: bytes((int(match[1], 16),)), xtext)
    return octets if _PRINTABLE_ASCII.match(octets) else None
