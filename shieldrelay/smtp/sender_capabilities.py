"""What a next hop offers, read from its reply to EHLO (RFC 5321 §4.1.1.1).

Keywords that we do not use are passed over; a malformed parameter makes its keyword count as not offered.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.reply import Reply


@frozen
class Capabilities:
    """The extensions that matter to a sender.

    :ivar size_limit: octets of the largest message it takes (RFC 1870), ``None`` when it declared none (``SIZE`` or
        ``SIZE 0``).
    :ivar size: whether the SIZE parameter may be given.
    :ivar mechanisms: SASL mechanisms in capitals (RFC 4954).
    :ivar xforward: attributes that XFORWARD may have, in capitals; ``xclient``: those of XCLIENT.
    """

    pipelining: bool = False
    size: bool = False
    size_limit: int | None = None
    eightbitmime: bool = False
    smtputf8: bool = False
    dsn: bool = False
    starttls: bool = False
    mechanisms: frozenset[str] = frozenset()
    xforward: frozenset[str] = frozenset()
    xclient: frozenset[str] = frozenset()


PLAIN_SMTP = Capabilities()
"""Nothing offered: a server that was greeted with HELO."""


def capabilities(reply: Reply) -> Capabilities:
    """Read a 250 reply to EHLO, whose first line is the server's name."""
    offered: dict[str, list[str]] = {}
    for line in reply.lines[1:]:
        keyword, *parameters = line.replace("=", " ", 1).upper().split() or [""]
        offered.setdefault(keyword, []).extend(parameters)
    return Capabilities(
        pipelining="PIPELINING" in offered,
        size="SIZE" in offered,
        size_limit=_size_limit(offered.get("SIZE", [])),
        eightbitmime="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        dsn="DSN" in offered,
        starttls="STARTTLS" in offered,
        mechanisms=frozenset(offered.get("AUTH", ())),
        xforward=frozenset(offered.get("XFORWARD", ())),
        xclient=frozenset(offered.get("XCLIENT", ())),
    )


def _size_limit(parameters: list[str]) -> int | None:
    """Read SIZE's parameter, at most twenty digits (RFC 1870 §4); zero is no limit."""
    if not parameters or len(parameters[0]) > 20 or not (parameters[0].isascii() and parameters[0].isdigit()):
        return None
    return int(parameters[0]) or None
