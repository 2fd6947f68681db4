"""What one domain's lane decides by, and whom it asks and tells. Values and ports.

Built by the assembly, bound together by `delivery.lane`.
"""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from shieldrelay.delivery.breaker import Breaker
from shieldrelay.delivery.guard import BounceGuard
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.ramp import Ramp
from shieldrelay.delivery.route import Route
from shieldrelay.delivery.turns import Turns
from shieldrelay.mail.envelope import Precedence


@frozen
class Machines:
    """What a lane decides by; each belongs to this lane alone.

    :ivar guard: ``None`` for a domain whose list is ``any``: there nobody is listed (R5).
    :ivar turns: between known-good and other mail.
    """

    breaker: Breaker
    ramp: Ramp
    pace: Pace
    guard: BounceGuard | None
    route: Route
    turns: Turns = field(factory=Turns)


class Outages(Protocol):
    """Who writes down when the next hop was down (R7): the assembly binds it to the spool's ledger."""

    def down(self, domain: str, seconds_ago: float) -> None:
        """An outage began, so many seconds ago."""

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """It is over, since so many seconds."""


class BacklogDue(Protocol):
    """Who knows the backlog: `delivery.queue.Queue.has_due`."""

    def __call__(self, precedence: Precedence | None = None) -> bool:
        """Say whether mail of this precedence, or any, waits for a slot."""


def nothing_due(precedence: Precedence | None = None) -> bool:
    """Say of a lane without a backlog that nothing waits."""
    return False
