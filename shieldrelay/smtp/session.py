"""The state of one SMTP session as its receiver sees it, and the few ways in which it changes.

`smtp.commands` and `smtp.transfer` are functions over it, `smtp.receiver` is its face to the owner; nobody else sees
it. No I/O, no clock; cannot fail.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.reply import Reply
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp import replies
from shieldrelay.smtp.command_lines import CommandLines
from shieldrelay.smtp.content import ChunkReader
from shieldrelay.smtp.events import EVIDENCE_OCTETS, Event, TransactionReset, Violation
from shieldrelay.smtp.grammar import NO_OFFERS, Chunk, Offers
from shieldrelay.smtp.incoming import Incoming
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.tally import Tally
from shieldrelay.smtp.verbs import Stage

_CLOSING_CODES = (421, 521)
"""After these the connection ends (RFC 5321 §3.8, RFC 7504)."""
_IN_TRANSACTION = frozenset((Stage.SENDER, Stage.RECIPIENTS, Stage.CHUNKS))


@frozen
class Swallowed:
    """A refused chunk.

    :ivar reply: what is said when it was read.
    """

    reader: ChunkReader
    reply: Reply


class Session:
    """One session.

    :ivar stage: how far the client has come.
    :ivar offers: the parameters that it may use, none after HELO.
    :ivar line: the command line that is being answered, for evidence.
    :ivar smtputf8: the transaction has SMTPUTF8.
    :ivar recipients: accepted in this transaction.
    :ivar rules: for this transaction's content.
    :ivar chunk: the BDAT that waits for its answer.
    :ivar announced: octets of all chunks of this content.
    :ivar incoming: content that is being read.
    :ivar swallowing: a refused chunk that is being read.
    :ivar swallowed: octets of refused chunks since the last transaction began.
    """

    __slots__ = (
        "announced", "chunk", "closing", "events", "handshake", "inbox", "incoming", "line", "offers", "output",
        "pipelined", "recipients", "rules", "settings", "smtputf8", "stage", "swallowed", "swallowing", "tally", "tls",
        "tls_available",
    )  # fmt: skip

    def __init__(self, settings: ReceiverSettings, tls_available: bool) -> None:
        self.settings = settings
        self.tls_available = tls_available
        self.tls = self.handshake = self.closing = self.pipelined = False
        self.inbox = CommandLines(settings.limits.command_line)
        self.events: list[Event] = []  # never more than a few: nothing is read while one waits
        self.output: list[bytes] = []
        self.tally = Tally(settings.limits)
        self.line = b""
        self.stage = Stage.FRESH
        self.offers: Offers = NO_OFFERS
        self.swallowing: Swallowed | None = None
        self.swallowed = 0
        self.begin_transaction()

    @property
    def reads_content(self) -> bool:
        """Whether what comes is content, wanted or not."""
        return self.swallowing is not None or (self.incoming is not None and not self.incoming.paused)

    def begin_transaction(self, smtputf8: bool = False) -> None:
        """Start with an empty transaction."""
        self.smtputf8 = smtputf8
        self.recipients = 0
        self.rules: ContentRules = self.settings.rules
        self.chunk: Chunk | None = None
        self.announced = 0
        self.incoming: Incoming | None = None

    def forget_transaction(self) -> None:
        """Give up the transaction, if there is one; its owner is told."""
        if self.stage in _IN_TRANSACTION:
            self.tell(TransactionReset())
            self.begin_transaction()

    def say(self, reply: Reply) -> None:
        """Queue a reply; some end the session."""
        self.output.append(replies.encoded(reply))
        if reply.code in _CLOSING_CODES:
            self.close()

    def tell(self, event: Event) -> None:
        """Queue an event."""
        self.events.append(event)

    def close(self) -> None:
        """Read nothing any more."""
        self.closing = True
        self.inbox.drop()
        self.incoming = self.swallowing = None

    def note(self, kind: ViolationKind) -> None:
        """Tell of a violation; the evidence is what is in `line`."""
        self.tell(Violation(kind, self.line[:EVIDENCE_OCTETS]))

    def strike(self, kind: ViolationKind) -> bool:
        """Count a violation that has a budget; false, and the session has ended, when it is one too many."""
        self.note(kind)
        if not self.tally.violation(kind):
            self.exhausted(replies.TOO_MANY_ERRORS)
            return False
        return True

    def refuse(self, reply: Reply, kind: ViolationKind) -> None:
        """Answer a violation."""
        if self.strike(kind):
            self.say(reply)

    def exhausted(self, reply: Reply) -> None:
        """End the session for a limit of it."""
        self.note(ViolationKind.BUDGET)
        self.say(reply)

    def end(self, reply: Reply, kind: ViolationKind) -> None:
        """End the session for something after which it cannot go on."""
        self.note(kind)
        self.say(reply)
        self.close()
