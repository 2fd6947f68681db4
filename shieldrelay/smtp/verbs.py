"""The commands of SMTP and where in a session each may come: one table of stages and verbs.

What is absent from `AFTER` is out of order and answered 503, or what `OUT_OF_ORDER` says. Used by `smtp.receiver`.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies


class Stage(Enum):
    """How far the client has come."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    FRESH = "greeted"
    READY = "introduced"
    REFUSED = "refused"
    """MAIL, or a chunk, was refused: what was pipelined behind it is out of order through no fault of its sender."""
    SENDER = "sender known"
    RECIPIENTS = "recipients known"
    CHUNKS = "chunks under way"


class Verb(Enum):
    """The commands that we know; the value is their spelling."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    HELO = b"HELO"
    EHLO = b"EHLO"
    MAIL = b"MAIL"
    RCPT = b"RCPT"
    DATA = b"DATA"
    BDAT = b"BDAT"
    RSET = b"RSET"
    NOOP = b"NOOP"
    VRFY = b"VRFY"
    EXPN = b"EXPN"
    ETRN = b"ETRN"
    TURN = b"TURN"
    HELP = b"HELP"
    AUTH = b"AUTH"
    STARTTLS = b"STARTTLS"
    QUIT = b"QUIT"


VERBS = {verb.value: verb for verb in Verb}

ANY_TIME = (Verb.NOOP, Verb.VRFY, Verb.EXPN, Verb.ETRN, Verb.TURN, Verb.HELP, Verb.AUTH, Verb.QUIT)

AFTER: dict[tuple[Stage, Verb], Stage] = {
    # These change nothing, whenever they come.
    **{(stage, verb): stage for stage in Stage for verb in ANY_TIME},
    # EHLO in mid-session is RSET and more (RFC 5321 §4.1.4).
    **{(stage, verb): Stage.READY for stage in Stage for verb in (Verb.HELO, Verb.EHLO)},
    # After the handshake nothing said before it counts (RFC 3207 §4.2), the introduction included. It may come first.
    **{(stage, Verb.STARTTLS): Stage.FRESH for stage in Stage},
    # RSET forgets the transaction and keeps the introduction (RFC 5321 §4.1.1.5).
    (Stage.FRESH, Verb.RSET): Stage.FRESH,
    **{(stage, Verb.RSET): Stage.READY for stage in Stage if stage is not Stage.FRESH},
    (Stage.READY, Verb.MAIL): Stage.SENDER,
    (Stage.REFUSED, Verb.MAIL): Stage.SENDER,
    (Stage.SENDER, Verb.RCPT): Stage.RECIPIENTS,
    (Stage.RECIPIENTS, Verb.RCPT): Stage.RECIPIENTS,
    # Content ends the transaction, taken or not (RFC 5321 §4.1.1.4).
    (Stage.RECIPIENTS, Verb.DATA): Stage.READY,
    # The first chunk asks for the content, the last one ends it; only chunks come between (RFC 3030 §3).
    (Stage.RECIPIENTS, Verb.BDAT): Stage.CHUNKS,
    (Stage.CHUNKS, Verb.BDAT): Stage.CHUNKS,
}
"""The stage to which a command leads when its answer is positive."""

OUT_OF_ORDER: dict[Stage, dict[Verb, Reply]] = {
    Stage.FRESH: dict.fromkeys(Verb, replies.NEED_HELLO),
    Stage.READY: dict.fromkeys(Verb, replies.NEED_MAIL),
    Stage.REFUSED: dict.fromkeys(Verb, replies.NEED_MAIL),
    # All recipients were refused; a pipelining client could not know (RFC 2920 §3.1).
    Stage.SENDER: {
        Verb.MAIL: replies.NESTED_MAIL,
        Verb.DATA: replies.NO_RECIPIENTS,
        Verb.BDAT: replies.NO_RECIPIENTS,
    },
    Stage.RECIPIENTS: {Verb.MAIL: replies.NESTED_MAIL},
    Stage.CHUNKS: {},
}
"""What is said to a command that is out of order; 503 where nothing is said here."""

LAST_IN_GROUP = frozenset(
    (Verb.HELO, Verb.EHLO, Verb.DATA, Verb.VRFY, Verb.EXPN, Verb.TURN, Verb.QUIT, Verb.NOOP, Verb.STARTTLS)
)
"""Behind these a client waits for the reply before it goes on (RFC 2920 §3.1, RFC 3207 §4)."""

WITHOUT_ARGUMENT = frozenset((Verb.DATA, Verb.RSET, Verb.QUIT, Verb.STARTTLS))
"""RFC 5321 §4.1.1."""

JUNK = frozenset((Verb.HELO, Verb.EHLO, Verb.RSET, *ANY_TIME)) - {Verb.QUIT}
"""What brings no mail nearer."""

FOREIGN = frozenset((b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PRI"))
"""HTTP."""
