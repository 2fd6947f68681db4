"""What a session with a next hop tells whoever drives it (`wire.outbound_connection`)."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.outcome import RecipientOutcome, ServerHealth
from shieldrelay.mail.reply import Reply


@frozen
class TlsWanted:
    """Begin the TLS handshake now; then call ``Sender.tls_started``."""


@frozen
class ReadyForMail:
    """A transaction may begin: after the opening, and after a RSET of ours was answered."""


@frozen
class ContentWanted:
    """354: call ``Sender.content`` for each block and then ``Sender.end_of_content``."""


@frozen
class TransactionDone:
    """The transaction is settled. The session may go on, or a `SessionOver` follows.

    :ivar outcomes: aligned with the recipients that were given.
    :ivar health: what it says about the server; STALE when nothing of a reused session was answered.
    :ivar reason: for FAULT and STALE, which step failed and how; else empty.
    """

    outcomes: tuple[RecipientOutcome, ...]
    health: ServerHealth
    reason: str = ""


@frozen
class SessionOver:
    """The connection is of no further use: close it.

    :ivar reason: in our words; empty after QUIT.
    :ivar reply: the next hop's words, where they were the cause.
    :ivar tls_refused: STARTTLS was offered and then refused for now (4yz): an opportunistic policy may go on in
        plaintext over a new connection.
    """

    reason: str = ""
    reply: Reply | None = None
    tls_refused: bool = False


SenderEvent = TlsWanted | ReadyForMail | ContentWanted | TransactionDone | SessionOver

TLS_WANTED = TlsWanted()
READY_FOR_MAIL = ReadyForMail()
CONTENT_WANTED = ContentWanted()
