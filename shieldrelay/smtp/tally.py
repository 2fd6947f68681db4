"""What one session has done so far, and whether that is too much (`Limits`).

Numbers only; the receiver counts, the edge reads them for the journal.
"""

from __future__ import annotations

from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp.limits import Limits

_SYNTAX = frozenset(
    (
        ViolationKind.SYNTAX,
        ViolationKind.SEQUENCE,
        ViolationKind.BARE_NEWLINE_IN_COMMAND,
        ViolationKind.COMMAND_TOO_LONG,
    )
)
_UNKNOWN = frozenset((ViolationKind.UNKNOWN_COMMAND, ViolationKind.NOT_OFFERED))


class Tally:
    """Counters of a session; they outlast STARTTLS.

    :ivar commands: command lines.
    :ivar errors: those of them that broke grammar or order, or are unknown.
    :ivar recipients: accepted, in all transactions.
    :ivar refused_recipients: well-formed, and refused by an answer.
    :ivar messages: contents that came to their end and were answered, whatever the answer.
    :ivar accepted_messages: those with a positive answer.
    """

    __slots__ = (
        "_junk", "_limits", "_syntax", "_unknown",
        "accepted_messages", "commands", "messages", "recipients", "refused_recipients",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._syntax = self._unknown = self._junk = 0
        self.commands = self.recipients = self.refused_recipients = self.messages = self.accepted_messages = 0

    @property
    def errors(self) -> int:
        """Commands that broke the protocol."""
        return self._syntax + self._unknown

    def command(self) -> bool:
        """Count a command line; false when it is one too many."""
        self.commands += 1
        return self.commands <= self._limits.commands

    def junk(self) -> bool:
        """Count a command that brings no mail nearer; false when it is one too many since the last message."""
        self._junk += 1
        return self._junk <= self._limits.junk_commands

    def violation(self, kind: ViolationKind) -> bool:
        """Count a violation that has a budget; false when it is one too many."""
        if kind in _SYNTAX:
            self._syntax += 1
        elif kind in _UNKNOWN:
            self._unknown += 1
        return self._syntax <= self._limits.syntax_errors and self._unknown <= self._limits.unknown_commands

    def recipient(self, accepted: bool) -> None:
        """Count an answered recipient."""
        if accepted:
            self.recipients += 1
        else:
            self.refused_recipients += 1

    def message(self, accepted: bool) -> None:
        """Count an answered message; the budget of junk begins anew."""
        self.messages += 1
        self.accepted_messages += accepted
        self._junk = 0

    @property
    def may_send(self) -> bool:
        """Whether one more message is allowed."""
        return self.messages < self._limits.messages
