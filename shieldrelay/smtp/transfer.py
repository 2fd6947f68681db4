"""Content within a session: how it begins, how it is read step by step, how it ends; BDAT's book-keeping (RFC 3030).

A refused chunk is swallowed to its last octet before the refusal is said, whatever the stage: what was announced as
content is never read as commands. When nobody knows how long a chunk is, the session ends. Functions over
`smtp.session.Session`, called by `smtp.receiver` and `smtp.commands`. Cannot fail.
"""

from __future__ import annotations

from shieldrelay.mail.reply import Reply
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp import grammar, replies
from shieldrelay.smtp.content import ChunkReader, DataReader
from shieldrelay.smtp.events import ContentRequested, TransactionReset
from shieldrelay.smtp.grammar import Chunk
from shieldrelay.smtp.incoming import Incoming
from shieldrelay.smtp.session import Session, Swallowed
from shieldrelay.smtp.verbs import Stage


def request(session: Session, argument: bytes) -> None:
    """Answer a BDAT that comes where it may."""
    chunk = announced(session, argument)
    if chunk is None:
        return
    if session.announced + chunk.size > session.rules.message_size:
        _fail(session, chunk, replies.MESSAGE_TOO_BIG)
    elif session.stage is Stage.CHUNKS:
        _begin_chunk(session, chunk)
    else:
        session.chunk = chunk
        session.tell(ContentRequested(chunking=True))


def announced(session: Session, argument: bytes) -> Chunk | None:
    """Parse the argument of BDAT; end the session when it cannot be known, or borne, how much follows."""
    chunk = grammar.bdat(argument)
    if chunk is None:
        session.end(replies.CHUNK_SYNTAX, ViolationKind.SYNTAX)
    elif chunk.size + session.swallowed > session.rules.endless:
        session.end(replies.ENDLESS_CONTENT, ViolationKind.BUDGET)
    else:
        return chunk
    return None


def swallow(session: Session, chunk: Chunk, reply: Reply) -> None:
    """Read past a chunk, then say why."""
    session.swallowed += chunk.size
    session.swallowing = Swallowed(ChunkReader(chunk.size), reply)


def answered(session: Session, reply: Reply, chunking: bool) -> None:
    """Begin with the content, or not, as the owner decided."""
    chunk = session.chunk
    if chunk is None or not chunking:
        session.say(reply)
        if reply.is_positive:
            session.incoming = Incoming(session.rules, DataReader())
    elif reply.is_positive:
        session.stage = Stage.CHUNKS
        _begin_chunk(session, chunk)
    else:
        _fail(session, chunk, reply)


def _fail(session: Session, chunk: Chunk, reply: Reply) -> None:
    """Refuse a chunk and with it the transaction; chunks that are on their way already are out of order."""
    session.tell(TransactionReset())
    session.begin_transaction()
    session.stage = Stage.REFUSED
    swallow(session, chunk, reply)


def _begin_chunk(session: Session, chunk: Chunk) -> None:
    session.chunk = chunk
    session.announced += chunk.size
    reader = ChunkReader(chunk.size)
    if session.incoming is None:
        session.incoming = Incoming(session.rules, reader)
    else:
        session.incoming.begin(reader)


def read_swallowed(session: Session, swallowed: Swallowed) -> bool:
    """Read past one piece of a refused chunk; false when there is nothing to read yet."""
    if not swallowed.reader.complete:
        if not session.inbox.unread:
            return False
        session.inbox.settle()
        swallowed.reader.read(session.inbox)
    if swallowed.reader.complete:
        session.swallowing = None
        session.say(swallowed.reply)
    return True


def read(session: Session, incoming: Incoming) -> bool:
    """Read one piece of content; false when there is nothing to read yet."""
    if not incoming.reader.complete:
        if not session.inbox.unread:
            return False
        session.inbox.settle()
        session.events.extend(incoming.step(session.inbox))
    if incoming.endless:
        session.incoming = None
        session.tell(incoming.give_up())
    elif incoming.reader.complete:
        _stretch_ended(session, incoming)
    return True


def _stretch_ended(session: Session, incoming: Incoming) -> None:
    """Ask for the final reply, or, within chunks, for the next one."""
    chunk, session.chunk = session.chunk, None
    if chunk is not None and not chunk.last:
        incoming.paused = True
        session.say(replies.octets_received(chunk.size))
    else:
        session.incoming = None
        session.events.extend(incoming.finish())
