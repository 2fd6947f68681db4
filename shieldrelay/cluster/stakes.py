"""`Stakes`: all stakes of one member, and what of them goes into an exchange (R4, R29, R30).

Claims are absolute, like rows: a lost answer costs the answer. What was asked goes out with the next exchange; who has
not what it wants says so in each, everybody who wants any at least once a second, for that is how a part is lowered.
While the hub cannot be asked, everything is divided by the members last known. With a hub that is alone a stake has all
there is and nothing is kept. Used by `cluster.exchange`; cannot fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from weakref import WeakValueDictionary

from shieldrelay.cluster.hub import CLAIMS_AT_ONCE, CLAIMS_MOST, KEY_OCTETS, Claim, Grant
from shieldrelay.cluster.stake import Stake

TOLD_SECONDS = 1.0
"""Everybody who wants any says so at least so often."""
SETTLING_SECONDS = 3.0
"""After a hub forgot everything nobody asks for more than it has for so long: until all have said what they have."""
_REMINDERS_MOST = 250
"""Claims that are told again in one exchange though nothing was asked anew; those told least lately go first."""


class Stakes:
    """The stakes of one member.

    :param alone: whether there can be no other member.
    :ivar degraded: whether the hub cannot be asked.
    """

    def __init__(self, *, alone: bool) -> None:
        self.degraded = False
        self._alone = alone
        self._members = 1
        self._known: WeakValueDictionary[bytes, Stake] = WeakValueDictionary()
        self._live: dict[bytes, Stake] = {}
        self._settled_at = 0.0

    def __len__(self) -> int:
        """Give how many stakes have anything: those that the hub knows or is to know."""
        return len(self._live)

    def stake(self, name: bytes) -> Stake:
        """Give the stake of a name: always the same one, as long as anybody has it.

        :raises ValueError: it is no name.
        """
        if not 0 < len(name) <= KEY_OCTETS:
            raise ValueError(f"a stake's name has 1 to {KEY_OCTETS} octets")
        stake = self._known.get(name)
        if stake is None:
            stake = self._known[name] = Stake(name, self)
        return stake

    def allow(self, stake: Stake) -> int | None:
        """Take note of what was asked."""
        if self._alone:
            return stake.most
        if stake.name not in self._live:
            if stake.idle:
                return 0
            if len(self._live) >= CLAIMS_MOST:
                return self._divided(stake)  # one too many for the hub: what would be ours at least
            self._live[stake.name] = stake
        return self._divided(stake) if self.degraded else None

    # What the exchange uses.

    def expect(self, members: int) -> None:
        """Divide by so many members until the hub says how many there are."""
        self._members = members

    def take(self, now: float) -> tuple[Claim, ...]:
        """Give what is to be told now; of what was asked anew, what was told least lately first."""
        if not self._live:
            return ()
        growing = now >= self._settled_at
        asked: list[Stake] = []
        due: list[Stake] = []
        for stake in self._live.values():
            if stake.dirty:
                asked.append(stake)
            elif now - stake.told_at >= TOLD_SECONDS or not stake.satisfied:
                due.append(stake)
        if len(asked) > CLAIMS_AT_ONCE:
            asked = nsmallest(CLAIMS_AT_ONCE, asked, key=_told_at)
        asked += nsmallest(min(_REMINDERS_MOST, CLAIMS_AT_ONCE - len(asked)), due, key=_told_at)
        return tuple([stake.claim(growing=growing) for stake in asked])

    def again(self, claims: Iterable[Claim]) -> None:
        """Say these again: nobody may have heard."""
        for claim in claims:
            stake = self._live.get(claim.name)
            if stake is not None:
                stake.dirty = True

    def put(self, claims: Iterable[Claim], grants: Iterable[Grant], members: int, now: float) -> None:
        """Go by what was granted.

        :param members: live ones.
        """
        self.degraded = False
        self._members = members
        for claim, grant in zip(claims, grants, strict=True):
            stake = self._live.get(claim.name)
            if stake is None or grant.name != claim.name:
                continue
            stake.told_at = now
            if not claim.wanted and not claim.held and stake.idle:
                del self._live[claim.name]
            stake.granted(grant)

    def tell_all(self, now: float) -> None:
        """Say everything again, and ask for nothing more before others have done so too: the hub has forgotten it."""
        self._settled_at = now + SETTLING_SECONDS
        for stake in self._live.values():
            stake.dirty = True

    def degrade(self) -> None:
        """Divide everything by the members last known: the hub cannot be asked."""
        if self.degraded:
            return
        self.degraded = True
        for stake in tuple(self._live.values()):
            stake.dirty = True
            stake.go_by(self._divided(stake), stake.claimants)

    def _divided(self, stake: Stake) -> int:
        """Give a like part for each of the members last known, and one unit at least where there is any (R30)."""
        return max(1, stake.most // self._members) if stake.most else 0


def _told_at(stake: Stake) -> float:
    return stake.told_at
