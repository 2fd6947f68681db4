"""The envelope block: the header fields on top of a spool file, and back (D5, R12).

::

    X-Shieldrelay-Envelope: 1 00000391
    X-Shieldrelay-Record: {"id":"...","arrived":...,"from":"...","to":[...],...}
    Received: from ...                                  <- here the content begins, byte for byte

The first field states the format's version and the octets of the whole block; delivery strips exactly so many and
parses no further. The second is ASCII JSON: a line end inside a value is escaped by JSON, so no value can begin a
line of its own; a long record is folded (RFC 5322 §2.2.3) after every 900 octets, and unfolding takes out exactly what
folding put in. So the file is a lawful message to any mail reader. Pure; faults are `BlockFault`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import frozen

from shieldrelay.mail.address import NULL, Mailbox, NullReversePath, ReversePath
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Origin, Precedence, Recipient
from shieldrelay.spool.progress import Progress, as_document, from_document

VERSION = 1
LONGEST_BLOCK = 8 << 20
"""Octets: far above what a thousand of the longest recipients need; bounds what a foreign file makes us read."""

_FIRST = b"X-Shieldrelay-Envelope: %d %08d\r\n"
_SECOND = b"X-Shieldrelay-Record: "
FIRST_OCTETS = len(_FIRST % (VERSION, 0))
"""Octets of the first field, the same for every block of this version."""

_FIRST_FORM = re.compile(rb"X-Shieldrelay-Envelope: ([0-9]{1,4}) ([0-9]{8})\r\n")
_FOLD = b"\r\n "
_LINE_OCTETS = 900
_encode_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class BlockFault(ValueError):
    """The octets are no envelope block. ``args[0]`` says why, in our words."""


@frozen
class EnvelopeBlock:
    """What a block says.

    :ivar progress: what an inline attempt had come to when the message was spooled (R2), ``None`` when nothing had.
    """

    message: Message
    progress: Progress | None = None


def encode_block(message: Message, progress: Progress | None = None) -> bytes:
    """Give the octets that go before a message's content; the last two are CRLF."""
    document = _message_document(message)
    if progress is not None:
        document["progress"] = as_document(progress)
    record = _encode_json(document).encode("ascii")
    if len(record) > _LINE_OCTETS:
        record = _FOLD.join(record[at : at + _LINE_OCTETS] for at in range(0, len(record), _LINE_OCTETS))
    return b"%b%b%b\r\n" % (_FIRST % (VERSION, FIRST_OCTETS + len(_SECOND) + len(record) + 2), _SECOND, record)


def block_octets(beginning: bytes) -> int:
    """Read from the beginning of a file how long its block is.

    :param beginning: at least the first `FIRST_OCTETS` octets.
    :raises BlockFault: when it is none of ours, or of a version that we do not know.
    """
    match = _FIRST_FORM.match(beginning)
    if match is None:
        raise BlockFault("it does not begin with an envelope block")
    if int(match[1]) != VERSION:
        raise BlockFault(f"its format is version {int(match[1])}, and this release knows version {VERSION}")
    octets = int(match[2])
    if not FIRST_OCTETS + len(_SECOND) < octets <= LONGEST_BLOCK:
        raise BlockFault("its envelope block has no lawful length")
    return octets


def decode_block(block: bytes) -> EnvelopeBlock:
    """Read a whole block.

    :param block: as many octets as `block_octets` says.
    :raises BlockFault: when it is not exactly what `encode_block` writes.
    """
    if len(block) != block_octets(block) or block[-2:] != b"\r\n" or block[FIRST_OCTETS:][: len(_SECOND)] != _SECOND:
        raise BlockFault("its envelope block is torn")
    record = block[FIRST_OCTETS + len(_SECOND) : -2].replace(_FOLD, b"")
    try:
        document = json.loads(record)
        message = _message(document)
        progress = document.get("progress")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BlockFault("its envelope cannot be read") from None
    return EnvelopeBlock(message, None if progress is None else from_document(progress))


def _text(octets: bytes) -> str:
    """Octets as JSON carries them: UTF-8, and anything else as lone surrogates, so that nothing is altered."""
    return octets.decode("utf-8", "surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _message_document(message: Message) -> dict[str, Any]:
    envelope = message.envelope
    sender = envelope.reverse_path
    document: dict[str, Any] = {
        "id": message.id,
        "arrived": message.arrived,
        "domain": message.domain,
        "from": None if isinstance(sender, NullReversePath) else _mailbox_document(sender),
        "to": [_recipient_document(recipient) for recipient in envelope.recipients],
        "body": _text(envelope.body.value),
    }
    if envelope.smtputf8:
        document["smtputf8"] = True
    if envelope.ret is not None:
        document["ret"] = _text(envelope.ret)
    if envelope.envid is not None:
        document["envid"] = _text(envelope.envid)
    if message.origin is not None:
        document["origin"] = _origin_document(message.origin)
    if message.precedence is not Precedence.ORDINARY:
        document["precedence"] = message.precedence.value
    return document


def _mailbox_document(mailbox: Mailbox) -> list[str]:
    """Local-part, domain, and the domain's comparison form where it is not simply the same."""
    domain = _text(mailbox.domain)
    parts = [_text(mailbox.local_part), domain]
    return parts if mailbox.domain_key == domain else [*parts, mailbox.domain_key]


def _recipient_document(recipient: Recipient) -> dict[str, Any]:
    document: dict[str, Any] = {"to": _mailbox_document(recipient.mailbox)}
    if recipient.notify is not None:
        document["notify"] = sorted(_text(word.value) for word in recipient.notify)
    if recipient.orcpt is not None:
        document["orcpt"] = _text(recipient.orcpt)
    return document


def _origin_document(origin: Origin) -> list[Any]:
    return [origin.address, origin.port, origin.helo, origin.protocol, origin.tls, origin.session]


def _message(document: dict[str, Any]) -> Message:
    envelope = Envelope(
        _reverse_path(document["from"]),
        tuple(_recipient(recipient) for recipient in document["to"]),
        Body(_octets(document["body"])),
        document.get("smtputf8") is True,
        _optional_octets(document.get("ret")),
        _optional_octets(document.get("envid")),
    )
    origin = document.get("origin")
    return Message(
        _word(document["id"]),
        float(document["arrived"]),
        _word(document["domain"]),
        envelope,
        None if origin is None else _origin(*origin),
        _precedence(document.get("precedence")),
    )


def _reverse_path(parts: list[str] | None) -> ReversePath:
    return NULL if parts is None else _mailbox(parts)


def _mailbox(parts: list[str]) -> Mailbox:
    local_part, domain, *key = parts
    return Mailbox(_octets(local_part), _octets(domain), _word(key[0]) if key else _word(domain))


def _recipient(document: dict[str, Any]) -> Recipient:
    notify = document.get("notify")
    words = None if notify is None else frozenset(Notify(_octets(word)) for word in notify)
    return Recipient(_mailbox(document["to"]), words, _optional_octets(document.get("orcpt")))


def _origin(address: str, port: int, helo: str, protocol: str, tls: str | None, session: str) -> Origin:
    return Origin(_word(address), int(port), _word(helo), _word(protocol), tls, _word(session))


def _precedence(word: object) -> Precedence:
    """Give what a block says; files from before there was precedence, and words of later releases, are ordinary."""
    return Precedence.KNOWN_GOOD if word == Precedence.KNOWN_GOOD.value else Precedence.ORDINARY


def _optional_octets(text: str | None) -> bytes | None:
    return None if text is None else _octets(text)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value
