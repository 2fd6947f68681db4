"""Known-good mail goes first, and strangers are not starved: whose turn it is where both wait (R4, R19).

Known-good mail gets every turn until it has had `LEAD` more of them than the others who waited meanwhile; from then on
they take turns, one and one. When nobody waits the lead is forgotten. So in an outbreak known-good mail finds the way
free, and were it a flood itself it would get half. Counts only. One per domain, owned by `delivery.lane`; cannot fail.
"""

from __future__ import annotations

from shieldrelay.mail.envelope import Precedence

LEAD = 10
"""Turns that known-good mail may have before others who wait get every second one."""


class Turns:
    """Whose turn it is.

    :ivar lead: turns that known-good mail has had before others who wait, 0 to `LEAD`.
    """

    __slots__ = ("lead",)

    def __init__(self) -> None:
        self.lead = 0

    @property
    def known_good_first(self) -> bool:
        """Whether known-good mail goes before others that wait too."""
        return self.lead < LEAD

    def started(self, precedence: Precedence, *, others_wait: bool) -> None:
        """Note that a message started.

        :param others_wait: whether ordinary mail waits in the backlog; only asked for when the message is known-good.
        """
        if precedence is Precedence.ORDINARY:
            if self.lead:
                self.lead -= 1
        elif not others_wait:
            self.lead = 0
        elif self.lead < LEAD:
            self.lead += 1
