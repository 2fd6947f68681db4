"""`Stake`: one member's part of what all members together may hold only so much of (R4, R30).

What its owner asks goes out with the next exchange, and `units` follows what is granted. A stake never goes beyond what
the hub has confirmed, or, while the hub cannot be asked, beyond what is left when the whole is divided by the members
last known. Owned by `cluster.stakes`; used by the lanes through `delivery.fellows.Stake`. Nothing here waits or fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from shieldrelay.cluster.hub import UNITS_MOST, Claim, Grant


class Desk(Protocol):
    """Where a stake is asked for: `cluster.stakes.Stakes`."""

    def allow(self, stake: Stake) -> int | None:
        """Take note of what was asked; gives the units that need nobody's word, ``None`` when it is the hub's to say.

        Called whenever an owner asks for something else than before.
        """


class Stake:
    """A part.

    :param name: of what is shared out, at most `KEY_OCTETS`.
    :ivar units: what we may hold now. May be less than what is in use: then nothing new may be begun.
    :ivar claimants: members that want some, as was last heard; ourselves among them if we do.
    :ivar bound: what all may hold together, as the hub last said; 0 when it said nothing yet.
    :ivar wanted: what we could use, what we use included.
    :ivar most: what all may hold together, as we know.
    :ivar used: what we hold.
    :ivar changed: called when `units` or `claimants` changed. The owner sets it.
    :ivar told_at: when the hub was last told, on the reactor's clock.
    :ivar dirty: whether the hub is to be told anew.
    """

    __slots__ = (
        "__weakref__", "_desk", "bound", "changed", "claimants", "dirty", "most", "name", "told_at", "units", "used",
        "wanted",
    )  # fmt: skip

    def __init__(self, name: bytes, desk: Desk) -> None:
        self.name = name
        self.units = 0
        self.claimants = 0
        self.bound = 0
        self.wanted = 0
        self.most = 0
        self.used = 0
        self.changed: Callable[[], object] = bool
        self.told_at = 0.0
        self.dirty = False
        self._desk = desk

    def ask(self, wanted: int, most: int, held: int) -> None:
        """Say what we could use, what all may hold together, and what we hold: the last word stands; zeros end it."""
        if wanted == self.wanted and most == self.most and held == self.used:
            return
        self.wanted = max(0, min(wanted, UNITS_MOST))
        self.most = max(0, min(most, UNITS_MOST))
        self.used = max(0, min(held, UNITS_MOST))
        self.dirty = True
        allowed = self._desk.allow(self)
        if allowed is not None:
            self.go_by(allowed, self.claimants)

    def go_by(self, units: int, claimants: int) -> None:
        """Go by these units from now on, and tell the owner when they are others than before."""
        if units == self.units and claimants == self.claimants:
            return
        self.units, self.claimants = units, claimants
        self.changed()

    @property
    def idle(self) -> bool:
        """Whether nothing is wanted and nothing held."""
        return not self.wanted and not self.used

    @property
    def satisfied(self) -> bool:
        """Whether nothing more is wanted and nothing is to be given back."""
        units = self.units
        return self.used <= units and (units >= self.wanted or units >= self.most)

    def claim(self, *, growing: bool) -> Claim:
        """Make what the hub is told. What we go by is never more than what we ask for from here on.

        :param growing: whether more than we have may be asked for.
        """
        self.go_by(min(self.units, self.wanted), self.claimants)
        held = max(self.used, self.units)
        self.dirty = False
        return Claim(self.name, self.wanted if growing else min(self.wanted, held), self.most, held)

    def granted(self, grant: Grant) -> None:
        """Go by what was granted: it is what the hub holds back for us."""
        self.bound = max(0, grant.most)
        self.go_by(min(max(0, grant.units), max(self.wanted, self.units)), max(0, grant.claimants))
