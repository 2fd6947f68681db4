"""The commands of RFC 5321 §4.1.1 and its extensions, each a short function over a session.

`obey` takes one line and finds the function in a fixed table; what the owner decides is asked with an event, all else
is answered here. Called by `smtp.receiver`. Cannot fail, whatever the line holds.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.mail.reply import Reply
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp import grammar, replies, transfer
from shieldrelay.smtp.command_lines import LineFault
from shieldrelay.smtp.events import ContentRequested, Hello, QuitRequested, TlsRequested
from shieldrelay.smtp.grammar import NO_OFFERS
from shieldrelay.smtp.session import Session
from shieldrelay.smtp.verbs import (
    AFTER,
    FOREIGN,
    JUNK,
    LAST_IN_GROUP,
    OUT_OF_ORDER,
    VERBS,
    WITHOUT_ARGUMENT,
    Stage,
    Verb,
)

Command = Callable[[Session, bytes], None]

_LINE_FAULTS = {
    LineFault.TOO_LONG: (replies.LINE_TOO_LONG, ViolationKind.COMMAND_TOO_LONG),
    LineFault.NUL: (replies.NOT_SMTP, ViolationKind.NUL_IN_COMMAND),
    LineFault.TLS: (replies.NOT_SMTP, ViolationKind.TLS_CLIENT_HELLO),
}


def obey(session: Session, line: bytes) -> None:
    """Answer one command line, or ask what its answer is.

    :param line: up to and with its LF; without NUL, and not too long.
    """
    session.line = line
    if not session.tally.command():
        session.exhausted(replies.TOO_MANY_COMMANDS)
        return
    if line[-2:] != b"\r\n" or line.find(b"\r", 0, -2) >= 0:
        _unreadable(session, line, replies.LINE_END_NOT_CRLF, ViolationKind.BARE_NEWLINE_IN_COMMAND)
        return
    word, _, argument = line[:-2].rstrip(b" \t").partition(b" ")
    verb = VERBS.get(word) or VERBS.get(word.upper())
    if verb is None:
        _unknown(session, word)
        return
    argument = argument.lstrip(b" ")
    _note_pipelining(session, verb)
    if (session.stage, verb) not in AFTER:
        _out_of_order(session, verb, argument)
    elif verb in JUNK and not session.tally.junk():
        session.exhausted(replies.TOO_MANY_COMMANDS)
    elif argument and verb in WITHOUT_ARGUMENT:
        session.refuse(replies.SYNTAX, ViolationKind.SYNTAX)
    else:
        _COMMANDS[verb](session, argument)


def refuse_line(session: Session, fault: LineFault) -> None:
    """Answer what is no line, or no line of SMTP."""
    session.line = session.inbox.evidence
    reply, kind = _LINE_FAULTS[fault]
    _unreadable(session, session.line, reply, kind)


def _unreadable(session: Session, line: bytes, reply: Reply, kind: ViolationKind) -> None:
    """Refuse a line; behind a BDAT that cannot be read comes content that must not be read as commands."""
    session.refuse(reply, kind)
    if line[:4].upper() == b"BDAT":
        session.close()


def _unknown(session: Session, word: bytes) -> None:
    """Refuse what is no command; another protocol at once."""
    if word.upper() in FOREIGN:
        session.end(replies.NOT_SMTP, ViolationKind.FOREIGN_PROTOCOL)
    else:
        session.refuse(replies.UNKNOWN_COMMAND, ViolationKind.UNKNOWN_COMMAND)


def _note_pipelining(session: Session, verb: Verb) -> None:
    """Note, once a session, that the client did not wait where it must (RFC 2920 §3.1)."""
    if not session.pipelined and (verb in LAST_IN_GROUP or session.offers is NO_OFFERS) and session.inbox.unread:
        session.pipelined = True
        session.note(ViolationKind.UNAUTHORISED_PIPELINING)


def _out_of_order(session: Session, verb: Verb, argument: bytes) -> None:
    """Refuse what comes where it may not; what was pipelined behind a refusal is not held against its sender."""
    reply = OUT_OF_ORDER[session.stage].get(verb, replies.BAD_SEQUENCE)
    blameless = session.stage is Stage.REFUSED or reply is replies.NO_RECIPIENTS
    chunk = transfer.announced(session, argument) if verb is Verb.BDAT else None
    if session.closing or not (blameless or session.strike(ViolationKind.SEQUENCE)):
        return
    if chunk is None:
        session.say(reply)
    else:
        transfer.swallow(session, chunk, reply)


def _hello(session: Session, argument: bytes, extended: bool) -> bool:
    name = grammar.hello_name(argument)
    if name is None:
        session.refuse(replies.HELLO_SYNTAX, ViolationKind.SYNTAX)
        return False
    session.forget_transaction()
    session.stage = Stage.READY
    session.offers = session.settings.offers if extended else NO_OFFERS
    session.tell(Hello(name, extended))
    return True


def _helo(session: Session, argument: bytes) -> None:
    if _hello(session, argument, extended=False):
        session.say(session.settings.hello)


def _ehlo(session: Session, argument: bytes) -> None:
    if _hello(session, argument, extended=True):
        settings = session.settings
        offers_tls = session.tls_available and not session.tls
        session.say(settings.extensions_and_tls if offers_tls else settings.extensions)


def _mail(session: Session, argument: bytes) -> None:
    asked = grammar.mail(argument, session.offers)
    if isinstance(asked, Reply):
        session.stage = Stage.REFUSED
        session.refuse(asked, ViolationKind.SYNTAX)
    elif not session.tally.may_send:
        session.exhausted(replies.TOO_MANY_MESSAGES)
    elif asked.size is not None and asked.size > session.settings.rules.message_size:
        session.stage = Stage.REFUSED
        session.say(replies.MESSAGE_TOO_BIG)
    else:
        session.tell(asked)


def _rcpt(session: Session, argument: bytes) -> None:
    asked = grammar.rcpt(argument, session.offers, session.smtputf8)
    if isinstance(asked, Reply):
        session.refuse(asked, ViolationKind.SYNTAX)
    elif session.recipients >= session.settings.limits.recipients:
        session.say(replies.TOO_MANY_RECIPIENTS)
    else:
        session.tell(asked)


def _data(session: Session, _argument: bytes) -> None:
    session.tell(ContentRequested(chunking=False))


def _bdat(session: Session, argument: bytes) -> None:
    if session.settings.offer_chunking:
        transfer.request(session, argument)
        return
    chunk = transfer.announced(session, argument)
    if chunk is not None and session.strike(ViolationKind.NOT_OFFERED):
        transfer.swallow(session, chunk, replies.NOT_IMPLEMENTED)


def _rset(session: Session, _argument: bytes) -> None:
    session.forget_transaction()
    session.stage = AFTER[session.stage, Verb.RSET]
    session.say(replies.RESET)


def _noop(session: Session, _argument: bytes) -> None:
    session.say(replies.NOTHING_DONE)


def _help(session: Session, _argument: bytes) -> None:
    session.say(replies.HELP)


def _vrfy(session: Session, argument: bytes) -> None:
    if argument:
        session.refuse(replies.CANNOT_VERIFY, ViolationKind.RECONNAISSANCE)
    else:
        session.refuse(replies.SYNTAX, ViolationKind.SYNTAX)


def _expn(session: Session, _argument: bytes) -> None:
    session.refuse(replies.NOT_IMPLEMENTED, ViolationKind.RECONNAISSANCE)


def _not_offered(session: Session, _argument: bytes) -> None:
    session.refuse(replies.NOT_IMPLEMENTED, ViolationKind.NOT_OFFERED)


def _starttls(session: Session, _argument: bytes) -> None:
    if session.tls:
        session.refuse(replies.TLS_ALREADY, ViolationKind.SEQUENCE)
    elif not session.tls_available:
        session.refuse(replies.NOT_IMPLEMENTED, ViolationKind.NOT_OFFERED)
    elif session.inbox.unread:
        session.end(replies.PLAINTEXT_BEHIND_STARTTLS, ViolationKind.PLAINTEXT_BEHIND_STARTTLS)
    else:
        session.forget_transaction()
        session.stage = AFTER[session.stage, Verb.RSET]
        session.tell(TlsRequested())


def _quit(session: Session, _argument: bytes) -> None:
    session.say(replies.GOODBYE)
    session.tell(QuitRequested())
    session.close()


_COMMANDS: dict[Verb, Command] = {
    Verb.HELO: _helo,
    Verb.EHLO: _ehlo,
    Verb.MAIL: _mail,
    Verb.RCPT: _rcpt,
    Verb.DATA: _data,
    Verb.BDAT: _bdat,
    Verb.RSET: _rset,
    Verb.NOOP: _noop,
    Verb.VRFY: _vrfy,
    Verb.EXPN: _expn,
    Verb.ETRN: _not_offered,
    Verb.TURN: _not_offered,
    Verb.HELP: _help,
    Verb.AUTH: _not_offered,
    Verb.STARTTLS: _starttls,
    Verb.QUIT: _quit,
}
