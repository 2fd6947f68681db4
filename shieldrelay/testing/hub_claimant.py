"""A member by hand that claims one thing and goes by what it is granted: what `hub_contract_claims` counts with.

It keeps the rules that members keep: it uses nothing beyond its units, but what it used when they were lowered it lets
go in its own time, and until then says that it holds it.
"""

from __future__ import annotations

from shieldrelay.cluster.hub import Claim, Grant
from shieldrelay.testing.hub_site import Member


class Claimant:
    """One claim of one member.

    :ivar units: that it goes by: the last grant that it heard of.
    :ivar uses: units in use.
    :ivar claimants: as the hub said last.
    """

    def __init__(self, member: Member, name: bytes, most: int, wanted: int = 0) -> None:
        self.member = member
        self.name = name
        self.most = most
        self.wanted = wanted
        self.units = 0
        self.uses = 0
        self.claimants = 0

    @property
    def held(self) -> int:
        """Give the units that nobody else may have."""
        return max(self.units, self.uses)

    def use(self, units: int) -> None:
        """Use so many, or as many as it may."""
        self.uses = units if units < self.uses else max(self.uses, min(units, self.units))

    async def say(self, *, lost: bool = False) -> Grant | None:
        """Claim, and go by the answer; a lost one changes nothing here."""
        (grant,) = await self.member.claim(Claim(self.name, self.wanted, self.most, self.held))
        if lost:
            return None
        self.units, self.claimants = grant.units, grant.claimants
        return grant
