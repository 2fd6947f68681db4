"""The parameters behind the path of MAIL and RCPT (RFC 5321 §4.1.2 and the extensions' own).

Each keyword has one reader that takes the value as it came and gives what it means, or the reply that refuses it. What
is not in the tables, or not offered, is refused with 555. Nothing is repaired. Called by `smtp.grammar`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from shieldrelay.mail.envelope import Body, Notify
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies

_KEYWORD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9\-]*\Z")
_XTEXT = rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+(?:[2-6][0-9A-F]|7[0-9A-E]|[89A-F][0-9A-F]))"
_ENVID = re.compile(rb"%s{1,100}\Z" % _XTEXT)
_ADDRESS_TYPE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9\-]*\Z")
_ORIGINAL_RECIPIENT = re.compile(rb"%s+\Z" % _XTEXT)
_ORIGINAL_RECIPIENT8 = re.compile(rb"(?:%s|[\x80-\xff])+\Z" % _XTEXT)
ORCPT_OCTETS = 500
"""RFC 3461 §4.2: what the longest ORCPT has, keyword apart."""

_BODIES: dict[bytes, Body | Reply] = {
    b"7BIT": Body.SEVENBIT,
    b"8BITMIME": Body.EIGHTBITMIME,
    b"BINARYMIME": replies.BINARY_NOT_OFFERED,
}
_NOTIFY = {word.value: word for word in Notify}

Reader = Callable[[bytes | None], Any]
"""Takes a value (``None``: the keyword stood alone), gives its meaning, or a `Reply`."""


def _size(value: bytes | None) -> int | Reply:
    """RFC 1870 §6.1: up to 20 digits."""
    if value is None or not value.isdigit() or len(value) > 20:
        return replies.SYNTAX
    return int(value)


def _body(value: bytes | None) -> Body | Reply:
    """RFC 6152; BINARYMIME is never offered (R9)."""
    return replies.SYNTAX if value is None else _BODIES.get(value.upper(), replies.SYNTAX)


def _smtputf8(value: bytes | None) -> bool | Reply:
    """RFC 6531 §3.4: it has no value."""
    return True if value is None else replies.SYNTAX


def _ret(value: bytes | None) -> bytes | Reply:
    """RFC 3461 §4.3."""
    word = (value or b"").upper()
    return word if word in (b"FULL", b"HDRS") else replies.SYNTAX


def _envid(value: bytes | None) -> bytes | Reply:
    """RFC 3461 §4.4: xtext of 100 characters at most; what it encodes is printable."""
    return value if value is not None and _ENVID.match(value) else replies.SYNTAX


def _notify(value: bytes | None) -> frozenset[Notify] | Reply:
    """RFC 3461 §4.1: NEVER alone, or any of the others."""
    words = [_NOTIFY.get(word) for word in (value or b"").upper().split(b",")]
    asked = frozenset(word for word in words if word is not None)
    if None in words or (Notify.NEVER in asked and len(words) > 1):
        return replies.SYNTAX
    return asked


def _orcpt(value: bytes | None) -> bytes | Reply:
    """RFC 3461 §4.2, and RFC 6533 §3 for the type utf-8."""
    kind, semicolon, address = (value or b"").partition(b";")
    if value is None or not semicolon or not _ADDRESS_TYPE.match(kind) or len(value) > ORCPT_OCTETS:
        return replies.SYNTAX
    if kind.lower() == b"utf-8" and is_utf8(address):
        return value if _ORIGINAL_RECIPIENT8.match(address) else replies.SYNTAX
    return value if _ORIGINAL_RECIPIENT.match(address) else replies.SYNTAX


def is_utf8(octets: bytes) -> bool:
    """Whether octets are UTF-8."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


OF_MAIL: dict[bytes, Reader] = {b"SIZE": _size, b"BODY": _body}
OF_MAIL_SMTPUTF8: dict[bytes, Reader] = {b"SMTPUTF8": _smtputf8}
OF_MAIL_DSN: dict[bytes, Reader] = {b"RET": _ret, b"ENVID": _envid}
OF_RCPT_DSN: dict[bytes, Reader] = {b"NOTIFY": _notify, b"ORCPT": _orcpt}


def parse(text: bytes, readers: dict[bytes, Reader]) -> dict[str, Any] | Reply:
    """Parse all parameters of a command.

    :param text: what stands behind the path, spaces at its ends taken off.
    :param readers: the parameters that are offered.
    :returns: meanings by keyword in lower case, or the reply that refuses the command.
    """
    meanings: dict[str, Any] = {}
    for parameter in filter(None, text.split(b" ")):
        word, equals, value = parameter.partition(b"=")
        if not _KEYWORD.match(word) or (equals and not value):
            return replies.SYNTAX
        reader = readers.get(word.upper())
        if reader is None:
            return replies.UNKNOWN_PARAMETER
        keyword = word.decode("ascii").lower()
        meaning = reader(value if equals else None)
        if keyword in meanings or isinstance(meaning, Reply):
            return meaning if isinstance(meaning, Reply) else replies.SYNTAX
        meanings[keyword] = meaning
    return meanings
