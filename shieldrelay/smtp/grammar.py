"""The arguments of the commands (RFC 5321 §4.1.1 to §4.1.3), parsed into events or refused with a reply.

Lenient where every server is and nothing can hide: a space behind the colon, letters of any case, spaces at the end
of a line. Strict otherwise. Pure functions of octets; total: any octets give a value. Called by `smtp.receiver`.
"""

from __future__ import annotations

import re

from attrs import frozen

from shieldrelay.mail.address import NULL, PATH_OCTETS, AddressFault, BarePostmaster, Mailbox, domain_key, parse_mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import parameters, replies
from shieldrelay.smtp.events import MailRequested, RecipientRequested

_HELLO = re.compile(rb"[\x21-\x7e]{1,255}\Z")
_PATH = re.compile(rb'<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>')
"""To the closing bracket; brackets may stand in a quoted local-part only. Linear: no two branches begin alike."""


@frozen
class Chunk:
    """The argument of BDAT (RFC 3030 §2).

    :ivar size: octets that follow.
    :ivar last: the content ends with them.
    """

    size: int
    last: bool


@frozen
class Offers:
    """The parameters that a session may use, by command: what follows from the settings and from EHLO or HELO."""

    mail: dict[bytes, parameters.Reader]
    rcpt: dict[bytes, parameters.Reader]

    @classmethod
    def of(cls, *, smtputf8: bool, dsn: bool) -> Offers:
        """Offer what ESMTP has, and the extensions named."""
        mail = dict(parameters.OF_MAIL)
        if smtputf8:
            mail.update(parameters.OF_MAIL_SMTPUTF8)
        if dsn:
            mail.update(parameters.OF_MAIL_DSN)
        return cls(mail, dict(parameters.OF_RCPT_DSN) if dsn else {})


NO_OFFERS = Offers({}, {})
"""After HELO."""


def hello_name(argument: bytes) -> bytes | None:
    """Give the name in EHLO or HELO; ``None`` when there is none, or one that nobody could have meant."""
    return argument if _HELLO.match(argument) else None


def mail(argument: bytes, offers: Offers) -> MailRequested | Reply:
    """Parse what follows ``MAIL``: ``FROM:<reverse-path> parameters``."""
    split = _path_and_rest(argument, b"FROM:")
    if split is None:
        return replies.SENDER_SYNTAX
    path, rest = split
    given = parameters.parse(rest, offers.mail) if rest else {}
    if isinstance(given, Reply):
        return given
    if not path:
        return MailRequested(NULL, **given)
    mailbox = _mailbox(path, "smtputf8" in given, replies.SENDER_SYNTAX, replies.UTF8_SENDER)
    return mailbox if isinstance(mailbox, Reply) else MailRequested(mailbox, **given)


def rcpt(argument: bytes, offers: Offers, utf8: bool) -> RecipientRequested | Reply:
    """Parse what follows ``RCPT``: ``TO:<forward-path> parameters``.

    :param utf8: whether the transaction has SMTPUTF8.
    """
    split = _path_and_rest(argument, b"TO:")
    if split is None:
        return replies.RECIPIENT_SYNTAX
    path, rest = split
    given = parameters.parse(rest, offers.rcpt) if rest else {}
    if isinstance(given, Reply):
        return given
    if len(path) == 10 and path.lower() == b"postmaster":
        return RecipientRequested(BarePostmaster(path), **given)
    mailbox = _mailbox(path, utf8, replies.RECIPIENT_SYNTAX, replies.UTF8_RECIPIENT)
    return mailbox if isinstance(mailbox, Reply) else RecipientRequested(mailbox, **given)


def bdat(argument: bytes) -> Chunk | None:
    """Parse ``chunk-size [LAST]``; ``None`` when it is neither: then nobody knows where the next command begins."""
    size, *words = [word for word in argument.split(b" ") if word] or [b""]
    if not size.isdigit() or len(size) > 20 or len(words) > 1 or (words and words[0].upper() != b"LAST"):
        return None
    return Chunk(int(size), bool(words))


def _path_and_rest(argument: bytes, prefix: bytes) -> tuple[bytes, bytes] | None:
    """Split ``FROM:<path> parameters`` into what is within the brackets and the parameters."""
    if argument[: len(prefix)].upper() != prefix:
        return None
    found = _PATH.match(argument[len(prefix) :].lstrip(b" "))
    if found is None or found.end() - found.start() > PATH_OCTETS:
        return None
    rest = found.string[found.end() :]
    if rest and rest[:1] != b" ":
        return None
    return found.group(1), rest.strip(b" ")


def _mailbox(path: bytes, utf8: bool, refusal: Reply, needs_utf8: Reply) -> Mailbox | Reply:
    """Parse the mailbox of a path, its source route taken off (RFC 5321 §3.6.1, appendix C)."""
    try:
        return parse_mailbox(_without_route(path) if path[:1] == b"@" else path, utf8=utf8)
    except AddressFault:
        if not utf8 and not path.isascii() and parameters.is_utf8(path):
            return needs_utf8
        return refusal


def _without_route(path: bytes) -> bytes:
    """Strip ``@one,@two:`` from a path.

    :raises AddressFault: when a hop is not a domain.
    """
    route, colon, mailbox = path.partition(b":")
    for hop in route.split(b","):
        if not colon or hop[:1] != b"@" or hop[1:2] == b"[":
            raise AddressFault("the source route is malformed")
        domain_key(hop[1:])
    return mailbox
