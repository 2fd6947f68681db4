"""What the gate asks the reputation at each stage, the mode and the learning applied (R27).

Gives a reason or none; what a mode keeps from being refused is told instead. The allow-list is the gate's: it does not
ask about clients that are on it (R18). Pure; cannot fail. Made with the terms, so that a reload makes it anew.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation import Answer, Reputation
from shieldrelay.shield.reputation_score import Band

DEFENCE = "reputation"
"""The word under which its refusals are counted."""
GO_ON = Answer()


class ReputationStages:
    """Asks.

    :param would_refuse: tells what is not refused: client, session, defence, reason, time (`shield.admission`).
    """

    def __init__(
        self,
        reputation: Reputation,
        mode: Mode,
        calendar: Calendar,
        would_refuse: Callable[[Client, str, str, str, float], object],
    ) -> None:
        self._reputation = reputation
        self._mode = mode
        self._calendar = calendar
        self._would_refuse = would_refuse

    def acts(self, now: float) -> bool:
        """Whether it refuses anything: it is to, and has learned enough."""
        reputation = self._reputation
        if self._mode is not Mode.ENFORCE:
            return False
        return reputation.learning.over(reputation.settings, now, self._calendar.wall(now))

    def admit(self, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        """Say why a connection is refused."""
        if self._mode is Mode.OFF:
            return None
        standing = self._reputation.standing(client, acquaintance, now)
        if standing.band is not Band.REJECT:
            return None
        return self._refused(client, "", standing.reason, now)

    def entered(self, client: Client, acquaintance: Acquaintance, now: float) -> None:
        """Note a connection that was let in."""
        if self._mode is not Mode.OFF:
            self._reputation.entered(client, acquaintance, now)

    def mail(self, client: Client, acquaintance: Acquaintance, session: str, now: float) -> Answer:
        """Judge MAIL; the answer's band is to be kept for `recipient`."""
        if self._mode is Mode.OFF:
            return GO_ON
        acts = self.acts(now)
        answer = self._reputation.message(client, acquaintance, now, acts=acts)
        if acts or answer.band is Band.CLEAN:
            return answer
        if answer.refused is not None:
            self._would_refuse(client, session, DEFENCE, answer.refused, now)
        return Answer(band=answer.band)

    def recipient(
        self, client: Client, acquaintance: Acquaintance, band: Band, session: str, now: float
    ) -> str | None:
        """Say why a recipient is refused; it never depends on who that is (D8)."""
        if self._mode is Mode.OFF:
            return None
        reason = self._reputation.recipient(client, acquaintance, band, now)
        return None if reason is None else self._refused(client, session, reason, now)

    def _refused(self, client: Client, session: str, reason: str, now: float) -> str | None:
        """Give a reason if it acts; else tell it."""
        if self.acts(now):
            return reason
        self._would_refuse(client, session, DEFENCE, reason, now)
        return None
