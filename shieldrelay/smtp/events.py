"""What the SMTP receiver tells its owner: frozen, cheap, a closed union.

Those with ``wants_answer`` are questions: the receiver reads nothing further until `Receiver.answer` is called. The
others are notices; the receiver has answered by itself what there was to answer.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shieldrelay.mail.address import ForwardPath, ReversePath
from shieldrelay.mail.envelope import Body, Notify
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp.content_fault import ContentFault

EVIDENCE_OCTETS = 200
"""How much of what the client said a `Violation` keeps."""


@frozen
class Hello:
    """The client introduced itself; answered already. Whatever was known of the session but its TLS is void.

    :ivar name: its argument: 1 to 255 printable ASCII octets without spaces, otherwise unchecked.
    :ivar extended: EHLO, not HELO.
    """

    wants_answer: ClassVar[bool] = False
    name: bytes
    extended: bool


@frozen
class MailRequested:
    """MAIL: may a transaction begin?

    :ivar size: the SIZE parameter in octets, within the limit; ``None`` when it was not given (RFC 1870).
    :ivar ret: the RET parameter, ``b"FULL"`` or ``b"HDRS"`` (RFC 3461 §4.3).
    :ivar envid: the ENVID parameter as xtext (RFC 3461 §4.4).
    """

    wants_answer: ClassVar[bool] = True
    reverse_path: ReversePath
    body: Body = Body.SEVENBIT
    size: int | None = None
    smtputf8: bool = False
    ret: bytes | None = None
    envid: bytes | None = None


@frozen
class RecipientRequested:
    """RCPT: may this recipient be added?

    :ivar notify: the NOTIFY parameter, ``None`` when it was not given (RFC 3461 §4.1).
    :ivar orcpt: the ORCPT parameter as received (RFC 3461 §4.2).
    """

    wants_answer: ClassVar[bool] = True
    forward_path: ForwardPath
    notify: frozenset[Notify] | None = None
    orcpt: bytes | None = None


@frozen
class ContentRequested:
    """DATA, or the first BDAT: may the content come?

    A positive answer is said for DATA (354) and silent for BDAT, whose octets are on their way already. After a
    negative one to BDAT the announced octets are swallowed, the answer is said, and `TransactionReset` follows.

    :ivar chunking: it was BDAT (RFC 3030).
    """

    wants_answer: ClassVar[bool] = True
    chunking: bool


@frozen
class ContentReceived:
    """A piece of the content, dots un-stuffed; 1 to ``ports.BLOCK_OCTETS`` octets. None comes after the first fault."""

    wants_answer: ClassVar[bool] = False
    block: bytes


@frozen
class ContentCompleted:
    """The end of the content: what is the final reply? With a fault it is to be ``fault.reply``.

    The transaction is over with the answer, whatever it is.

    :ivar size: octets of the content as passed on; with a fault, as far as it was counted.
    :ivar ascii_header: the header block has no octet above 127 (R9).
    :ivar received_count: Received fields that it came with.
    """

    wants_answer: ClassVar[bool] = True
    fault: ContentFault | None
    size: int
    ascii_header: bool = True
    received_count: int = 0


@frozen
class TransactionReset:
    """A transaction was given up by RSET, EHLO, HELO, STARTTLS or a failed BDAT: forget it and its content."""

    wants_answer: ClassVar[bool] = False


@frozen
class TlsRequested:
    """STARTTLS, with nothing behind it: answer 220 and start TLS, then call `Receiver.tls_started`; or answer 454."""

    wants_answer: ClassVar[bool] = True


@frozen
class QuitRequested:
    """QUIT; answered already, the session closes."""

    wants_answer: ClassVar[bool] = False


@frozen
class Interlude:
    """Much was read that needs nobody, and more may wait: other sessions may have their turn before the next event."""

    wants_answer: ClassVar[bool] = False


INTERLUDE = Interlude()


@frozen
class Violation:
    """The client broke the protocol; refused already where it is to be refused. For scoring and the journal.

    :ivar evidence: what it said, raw and hostile, at most `EVIDENCE_OCTETS`.
    """

    wants_answer: ClassVar[bool] = False
    kind: ViolationKind
    evidence: bytes


Question = MailRequested | RecipientRequested | ContentRequested | ContentCompleted | TlsRequested
Notice = Hello | ContentReceived | TransactionReset | QuitRequested | Interlude | Violation
Event = Question | Notice
