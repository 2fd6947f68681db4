"""What a session and a message may come to: every number of the SMTP receiver in one table.

Values only. `assembly` builds them from the configuration (the defaults here are those of ``config.smtp``); the
receiver and its readers hold to them. A limit that cannot be is refused with ValueError when it is built.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen
from attrs.validators import ge

KIBI = 1024
MEBI = 1024 * KIBI


class BareNewlines(Enum):
    """What becomes of content with a CR or LF that stands alone (R17). The end of content is CRLF.CRLF in any case."""

    REFUSE = "refuse"
    """Refused after the real end."""
    NORMALIZE = "normalize"
    """Each becomes CRLF on the way through."""


@frozen
class ContentRules:
    """What one message's content may be (R25). A transaction may have rules of its own.

    :ivar message_size: octets as they are passed on (RFC 1870). Up to twice as many are read, then the session ends.
    :ivar line: octets of a line without its CRLF.
    :ivar header_block: octets of all header fields together.
    :ivar header_fields: how many there may be.
    :ivar header_field: octets of one, its folds included.
    :ivar mime_depth: levels of parts within parts.
    :ivar mime_parts: how many there may be.
    :ivar hops: so many Received fields are a loop (RFC 5321 §6.3).
    """

    message_size: int = field(default=50 * MEBI, validator=ge(1))
    bare_newlines: BareNewlines = BareNewlines.REFUSE
    line: int = field(default=65535, validator=ge(998))
    header_block: int = 256 * KIBI
    header_fields: int = 1000
    header_field: int = 64 * KIBI
    hops: int = field(default=100, validator=ge(1))
    mime_depth: int = field(default=50, validator=ge(1))
    mime_parts: int = field(default=1000, validator=ge(1))

    @property
    def endless(self) -> int:
        """Octets on the wire after which nobody waits for the end of content any more."""
        return 2 * self.message_size


@frozen
class Limits:
    """What one session may do before it is ended with 421 (recipients: before the next ones get 452).

    :ivar recipients: of one transaction; 100 at least (RFC 5321 §4.5.3.1.8).
    :ivar messages: transactions with content.
    :ivar commands: all command lines.
    :ivar syntax_errors: commands that break the grammar or come out of order.
    :ivar unknown_commands: verbs that nobody knows, or that are not offered.
    :ivar junk_commands: NOOP, RSET, VRFY and the like between two messages.
    :ivar command_line: octets of a command line, its CRLF included (RFC 5321 §4.5.3.1.4 and what the extensions add).
    """

    recipients: int = field(default=100, validator=ge(100))
    messages: int = field(default=100, validator=ge(1))
    commands: int = field(default=20000, validator=ge(1))
    syntax_errors: int = field(default=5, validator=ge(0))
    unknown_commands: int = field(default=3, validator=ge(0))
    junk_commands: int = field(default=20, validator=ge(0))
    command_line: int = field(default=2048, validator=ge(1024))
