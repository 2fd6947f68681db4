"""The other members of the cluster, as one domain's lane meets them: ports and a value (R4, R6, R30).

A lane of a node that is alone has no fellows, and pays nothing for them. The assembly binds these ports to the shared
view; `delivery.allotment` and `delivery.watch` use them. Nothing here fails: while the others cannot be reached a stake
gives what a careful member may take alone, and what was told goes out later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen


class Stake(Protocol):
    """Our part of what all members together may hold only so much of: `cluster.stakes.Stake`."""

    changed: Callable[[], object]
    """Called when `units` or `claimants` changed; who asks for the stake sets it."""

    @property
    def units(self) -> int:
        """How many units we may hold now."""

    @property
    def claimants(self) -> int:
        """How many members want some, ourselves among them if we do."""

    @property
    def bound(self) -> int:
        """What all members may hold together by the least that one of them says, as last heard; 0: not heard yet."""

    def ask(self, wanted: int, most: int, held: int) -> None:
        """Say what we could use, what all may hold together, and what we hold: all absolute, the last word stands."""


class Voice(Protocol):
    """Through whom a member tells the others what it found out of a server, and counts with them."""

    def down(self, reason: str, seconds: float | None = None) -> None:
        """Tell that the server is down.

        :param seconds: for how long at least, from now; ``None``: until somebody is answered. Only a drill says it.
        """

    def up(self) -> None:
        """Tell that it answers again."""

    def contradict(self) -> None:
        """Tell that it never stopped answering here."""

    def ramp_begins(self) -> None:
        """Count successes from 0: the server came back."""

    def succeeded(self) -> None:
        """Count one success of ours in this ramp."""

    def others_succeeded(self) -> int:
        """Give how many successes the others had in this ramp, as far as is known."""


@frozen
class Fellows:
    """What one domain's lane shares with those of other members.

    :ivar voice: tells them.
    :ivar connections: the stake in the connections that the server bears.
    :ivar rate: the stake in its declared rates, in shares of `pace.SHARES`; ``None`` where no rate is declared.
    :ivar probe: the right to probe it: one unit.
    """

    voice: Voice
    connections: Stake
    rate: Stake | None
    probe: Stake
