"""What a strict next hop holds against the sender: pure checks of command lines, parameters and content.

Written for itself, from the RFCs, and shares no code with ``shieldrelay.smtp``: an error there must not hide here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

LAST_IN_GROUP = frozenset((b"EHLO", b"HELO", b"DATA", b"VRFY", b"EXPN", b"NOOP", b"QUIT", b"STARTTLS", b"AUTH"))
"""Behind these a client waits even when PIPELINING is offered (RFC 2920 §3.1, RFC 3207 §4, RFC 4954 §4)."""

PATH = re.compile(
    rb'(?:FROM|TO):<((?:"(?:[^"\\]|\\.)*"|[^">\x00-\x20])*)>(?: ([\x21-\x7e\x80-\xff ]+))?\Z', re.IGNORECASE
)
"""The argument of MAIL and RCPT: mailbox or nothing, then parameters."""

_COMMAND_OCTETS = 512
_AUTH_OCTETS = 12288
_MAIL_ALLOWANCES = {b"SIZE": 26, b"8BITMIME": 17, b"SMTPUTF8": 10, b"DSN": 9 + 107}
_RCPT_ALLOWANCES = {b"DSN": 530}
_PARAMETER_NEEDS = {
    b"SIZE": b"SIZE",
    b"BODY": b"8BITMIME",
    b"SMTPUTF8": b"SMTPUTF8",
    b"RET": b"DSN",
    b"ENVID": b"DSN",
    b"NOTIFY": b"DSN",
    b"ORCPT": b"DSN",
    b"AUTH": b"AUTH",
}


def longest_command(verb: bytes, offered: Collection[bytes]) -> int:
    """Give the octets that a command line may have, CRLF included (RFC 5321 §4.5.3.1.4, and what each extension adds).

    :param offered: extension keywords in capitals.
    """
    if verb == b"AUTH" and b"AUTH" in offered:
        return _AUTH_OCTETS
    allowances = {b"MAIL": _MAIL_ALLOWANCES, b"RCPT": _RCPT_ALLOWANCES}.get(verb, {})
    return _COMMAND_OCTETS + sum(octets for keyword, octets in allowances.items() if keyword in offered)


def line_faults(line: bytes, verb: bytes, offered: Collection[bytes]) -> Iterator[str]:
    """Say what is wrong with a command line as octets.

    :param line: without its CRLF.
    """
    if len(line) + 2 > longest_command(verb, offered):
        yield f"{len(line) + 2} octets of {verb.decode('ascii', 'replace')}"
    if b"\n" in line:
        yield f"bare LF in a command: {line[:80]!r}"
    if b"\r" in line:
        yield f"bare CR in a command: {line[:80]!r}"
    if b"\0" in line:
        yield f"NUL in a command: {line[:80]!r}"
    if not line.isascii() and b"SMTPUTF8" not in offered:
        yield f"octets above 127 in a command: {line[:80]!r}"


def parameter_faults(parameters: Collection[bytes], offered: Collection[bytes]) -> Iterator[str]:
    """Say which parameters of MAIL or RCPT were used though nobody offered their extension, or were used twice."""
    keywords = [parameter.split(b"=", 1)[0].upper() for parameter in parameters]
    for keyword in sorted(set(keywords)):
        if _PARAMETER_NEEDS.get(keyword) not in offered:
            yield f"parameter {keyword!r} was not offered"
        if keywords.count(keyword) > 1:
            yield f"parameter {keyword!r} comes twice"


def content_faults(stuffed: bytes) -> Iterator[str]:
    """Say what is wrong with content as it stood on the wire.

    :param stuffed: all before the final dot, the last CRLF included.
    """
    pairs = stuffed.count(b"\r\n")
    if stuffed.count(b"\n") != pairs:
        yield "bare LF in the content"
    if stuffed.count(b"\r") != pairs:
        yield "bare CR in the content"
    if b"\0" in stuffed:
        yield "NUL in the content"
    if re.search(rb"(?:\A|\r\n)\.(?!\.)", stuffed):
        yield "a line begins with one dot: not stuffed"


def unstuffed(stuffed: bytes) -> bytes:
    """Take the leading dot off every line that has one (RFC 5321 §4.5.2)."""
    return (b"\r\n" + stuffed).replace(b"\r\n.", b"\r\n")[2:]
