"""What a lawful client does not do: kinds that `smtp.receiver` sees, and those that the shield finds behind them.

The receiver tells the first; `shield.analysis` looks closer at what was said and finds the others.
"""

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

    # made out by the shield
    PATH_TOO_LONG = "path or local-part too long"
    EIGHT_BIT_IN_COMMAND = "8-bit octets in a command"
    CONTROL_IN_COMMAND = "control octets in a command"
    AUTH_NOT_OFFERED = "AUTH where none is offered"
    CHUNK_ABUSE = "BDAT of no lawful size"
    MESSAGE_BUDGET = "more messages in a session than are offered"
    HELLO_MALFORMED = "introduced itself with what is no name"
    HELLO_OURS = "introduced itself as us"
    HELLO_BARE_ADDRESS = "introduced itself with a bare address"
    HELLO_BOGON = "introduced itself with an address or a name that nobody has"
    EXPLOIT_IN_COMMAND = "exploit string in a command"
    EXPLOIT_IN_PATH = "exploit string in a path"
    EXPLOIT_IN_HEADER = "exploit string in a header field"
    BARE_NEWLINE_IN_CONTENT = "bare CR or LF in content"
    NUL_IN_CONTENT = "NUL in content"
    CONTENT_LIMIT = "content beyond a declared limit"
    ENDLESS_CONTENT = "content without an end"
