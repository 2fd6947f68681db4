"""Telling a next hop who sent a message: XFORWARD and XCLIENT, as the README files of Postfix define them.

XFORWARD describes one transaction, for the log and the filters of the next hop. XCLIENT makes the session that of the
client: the next hop judges as if the client had come to it. Postfix lets a session be renamed once, since the client
has no right to do it again; so each message gets a connection of its own. Attributes are given when the next hop offers
them; what is not known is told as such. Values are xtext (RFC 3461 §4), so nothing can be injected.
"""

from __future__ import annotations

import re
from enum import Enum

from shieldrelay.mail.envelope import Origin
from shieldrelay.smtp.sender_commands import line

COMMAND_OCTETS = 512
"""Of a command line, CRLF included (RFC 5321 §4.5.3.1.4): an attribute that does not fit is left out."""
UNAVAILABLE = b"[UNAVAILABLE]"

_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_UNSAFE = re.compile(rb"[^!-*,-<>-~]")


class Handover(Enum):
    """What a next hop is told of the client."""

    NONE = "none"
    XFORWARD = "xforward"
    """When it offers that."""
    XCLIENT = "xclient"
    """When it offers that: each message begins a session of its own on the connection."""


def xforward(origin: Origin, message_id: str, offered: frozenset[str]) -> bytes:
    """Build XFORWARD for a message."""
    return _command(b"XFORWARD", {**_client(origin), "IDENT": _xtext(message_id), "SOURCE": b"REMOTE"}, offered)


def xclient(origin: Origin | None, offered: frozenset[str]) -> bytes:
    """Build XCLIENT; a message that is our own has no client, and the one before is forgotten."""
    none = dict.fromkeys(("ADDR", "NAME", "PORT"), UNAVAILABLE)
    return _command(b"XCLIENT", none if origin is None else _client(origin), offered)


def hello_name(origin: Origin | None) -> bytes:
    """Give the name for EHLO behind XCLIENT, which is taken for the client's: its own, where that is a name."""
    if origin is None or not _NAME.fullmatch(origin.helo):
        return b""
    return origin.helo.encode("ascii")


def _client(origin: Origin) -> dict[str, bytes]:
    """Give what both commands tell, the most important first."""
    address = _xtext(origin.address)
    return {
        "ADDR": b"IPV6:" + address if ":" in origin.address else address,
        "NAME": UNAVAILABLE,
        "PORT": b"%d" % origin.port,
        "PROTO": b"SMTP" if origin.protocol == "SMTP" else b"ESMTP",
        "HELO": _xtext(origin.helo) or UNAVAILABLE,
    }


def _command(verb: bytes, values: dict[str, bytes], offered: frozenset[str]) -> bytes:
    """Build a command of what is offered and fits; ``b""`` when that is nothing."""
    command = verb
    for name, value in values.items():
        attribute = b" %b=%b" % (name.encode(), value)
        if name in offered and len(command) + len(attribute) + 2 <= COMMAND_OCTETS:
            command += attribute
    return b"" if command == verb else line(command)


def _xtext(text: str) -> bytes:
    return _UNSAFE.sub(lambda unsafe: b"+%02X" % unsafe[0][0], text.encode("utf-8", "replace"))
