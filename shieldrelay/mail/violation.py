"""What a lawful client does not do: the kinds that `smtp.receiver` sees and the shield scores."""

from __future__ import annotations

from enum import Enum


class ViolationKind(Enum):
    """What a lawful client does not do. The value is what the journal says."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    EARLY_TALK = "talked before the greeting"
    UNAUTHORISED_PIPELINING = "went on behind a command that must be last in its group"
    PLAINTEXT_BEHIND_STARTTLS = "plaintext behind STARTTLS"
    FOREIGN_PROTOCOL = "another protocol"
    TLS_CLIENT_HELLO = "TLS without STARTTLS"
    NUL_IN_COMMAND = "NUL in a command line"
    BARE_NEWLINE_IN_COMMAND = "bare CR or LF in a command line"
    COMMAND_TOO_LONG = "command line too long"
    UNKNOWN_COMMAND = "unknown command"
    NOT_OFFERED = "command that is not offered"
    SYNTAX = "syntax error"
    SEQUENCE = "command out of order"
    RECONNAISSANCE = "VRFY or EXPN"
    BUDGET = "a limit of the session is exceeded"
