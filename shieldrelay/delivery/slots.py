"""The attempts that may run at once towards one domain's server, divided between new mail and the backlog (R4, R6).

Pure counting: the limit is an argument, for it moves with the ramp. While mail waits in the backlog half of the slots
are its own, so that a flood of new mail cannot starve what is older; without a backlog new mail may use all. Of the
half that is left to new mail then a quarter, rounded up, is kept for known-good senders. One per domain, owned by
`delivery.lane`.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.delivery.ramp import shares
from shieldrelay.mail.envelope import Precedence


class Use(Enum):
    """What a slot is used for."""

    INLINE = "inline"
    """A message whose client waits."""
    BACKLOG = "backlog"
    """A message from the spool."""


class Slots:
    """The slots in use.

    :ivar inline: how many new messages are on their way.
    :ivar backlog: how many from the spool.
    """

    __slots__ = ("backlog", "inline")

    def __init__(self) -> None:
        self.inline = 0
        self.backlog = 0

    @property
    def used(self) -> int:
        """Both together."""
        return self.inline + self.backlog

    def take(
        self, use: Use, limit: int, *, backlog_waits: bool, precedence: Precedence = Precedence.ORDINARY
    ) -> bool:
        """Take a slot; false when there is none for this use now.

        :param limit: attempts that may run at once.
        :param backlog_waits: whether the backlog has mail that is due.
        """
        if self.used >= limit:
            return False
        if use is Use.BACKLOG:
            self.backlog += 1
            return True
        if backlog_waits:
            share = shares(limit)[0]
            kept = (share + 3) // 4 if precedence is Precedence.ORDINARY and share > 1 else 0
            if self.inline >= share - kept:
                return False
        self.inline += 1
        return True

    def give_back(self, use: Use) -> None:
        """Return a slot that was taken."""
        if use is Use.INLINE:
            self.inline -= 1
        else:
            self.backlog -= 1
