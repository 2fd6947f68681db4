r"""The Received field that goes on top of every message (RFC 5321 §4.4, RFC 3848, RFC 6531 §3.7.3).

What the client said of itself is attacker text: only a lawful domain or address literal stands where the grammar
wants one, everything else is escaped (``%0D``), clipped and put into a comment that it cannot leave. Knows nothing of
sessions and of the clock. Called once a message by ``delivery.intake``. Cannot fail on any `Origin`.

::

    Received: from client.example ([203.0.113.5])
            (TLSv1.3 TLS_AES_256_GCM_SHA384)
            by mx1.shield.example with ESMTPS id 1Ab2...
            for <bob@example.com>; Sun, 22 Nov 2026 04:04:18 +0000
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Origin

_DOMAIN = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?\Z")
_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f:.]{1,45}\]\Z", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9 .:_+=/@\[\]<>,;\-]")
_CLIP = 128
"""Characters of attacker text that are kept in a comment."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def received(
    origin: Origin, hostname: str, message_id: str, arrived_wall: float, recipient: Mailbox | None = None
) -> bytes:
    """Give the whole field with its CRLF; ASCII unless the recipient needs UTF-8.

    :param origin: the client.
    :param hostname: our own name, as configured.
    :param message_id: our id of the message.
    :param arrived_wall: seconds since the epoch.
    :param recipient: the recipient when there is only one; with several, naming one would betray it to the others.
    """
    head = "Received: %sby %s with %s id %s\r\n\t" % (
        _client(origin.helo, origin.address, origin.tls), hostname, origin.protocol, message_id,
    )  # fmt: skip
    if recipient is None:
        return ("%s; %s\r\n" % (head[:-3], date(int(arrived_wall)))).encode("ascii")
    return b"%sfor <%s>; %s\r\n" % (head.encode("ascii"), bytes(recipient), date(int(arrived_wall)).encode("ascii"))


@lru_cache(maxsize=16)
def date(second: int) -> str:
    """Give a date and time as RFC 5322 §3.3 writes it, in UTC.

    :param second: whole seconds since the epoch.
    """
    at = datetime.fromtimestamp(second, UTC)
    return "%s, %d %s %04d %02d:%02d:%02d +0000" % (
        _DAYS[at.weekday()], at.day, _MONTHS[at.month - 1], at.year, at.hour, at.minute, at.second,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _client(helo: str, address: str, tls: str | None) -> str:
    """Give the from-clause and the TLS comment, each with the fold behind it."""
    literal = _address_literal(address)
    if _DOMAIN.match(helo) or _LITERAL.match(helo):
        clause = f"from {helo} ({literal})\r\n\t"
    else:
        clause = f"from {literal} (HELO {escaped(helo)})\r\n\t"
    return clause if tls is None else f"{clause}({escaped(tls)})\r\n\t"


def _address_literal(address: str) -> str:
    """Give an IP address as RFC 5321 §4.1.3 writes it."""
    plain = escaped(address.partition("%")[0])
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def escaped(text: str) -> str:
    """Give any text as printable ASCII that can stand in a comment: no parentheses, quotes, backslashes or controls.

    What is not plain becomes ``%`` and two hexadecimal digits for each octet of its UTF-8; clipped.
    """
    plain = _UNSAFE.sub(_hexadecimal, text[:_CLIP])
    return plain if len(plain) <= _CLIP and len(text) <= _CLIP else plain[:_CLIP] + "..."


def _hexadecimal(unsafe: re.Match[str]) -> str:
    return "".join("%%%02X" % octet for octet in unsafe.group().encode("utf-8", "surrogatepass"))
