"""The claims of all members in a hub's memory: who wants, holds and was granted how much of what.

Absolute: the last that a member said of a name stands until it says otherwise or is gone. Without time: the hub says
who has left. Used by `cluster.memory_hub`. A claim that is nonsense, or one too many of its member, is granted nothing
and kept nowhere.
"""

from __future__ import annotations

from shieldrelay.cluster.division import Portion, granted, most_of
from shieldrelay.cluster.hub import CLAIMS_MOST, KEY_OCTETS, UNITS_MOST, Claim, Grant


class Claims:
    """Everything that is claimed."""

    def __init__(self) -> None:
        self._names: dict[bytes, dict[str, Portion]] = {}
        self._members: dict[str, set[bytes]] = {}

    def __len__(self) -> int:
        """Give how many claims are kept, each member's apart."""
        return sum(map(len, self._members.values()))

    def put(self, member: str, claim: Claim) -> Grant:
        """Put a member's claim in the place of its former one of that name, and give what it may hold."""
        if not is_sound(claim):
            return Grant(claim.name, 0, 0, 0)
        if not claim.wanted and not claim.held:
            self._end(member, claim.name)
            return self._grant(claim.name, 0)
        theirs = self._members.setdefault(member, set())
        if claim.name not in theirs and len(theirs) >= CLAIMS_MOST:
            return self._grant(claim.name, 0)
        theirs.add(claim.name)
        portions = self._names.setdefault(claim.name, {})
        portions[member] = Portion(claim.wanted, claim.most, claim.held)
        units = granted(portions, member) if claim.wanted else 0
        portions[member] = Portion(claim.wanted, claim.most, max(claim.held, units))
        return self._grant(claim.name, units)

    def leave(self, member: str) -> None:
        """Free everything that a member claimed."""
        for name in tuple(self._members.get(member, ())):
            self._end(member, name)

    def _end(self, member: str, name: bytes) -> None:
        theirs, portions = self._members.get(member), self._names.get(name)
        if theirs is None or portions is None or name not in theirs:
            return
        theirs.discard(name)
        if not theirs:
            del self._members[member]
        del portions[member]
        if not portions:
            del self._names[name]

    def _grant(self, name: bytes, units: int) -> Grant:
        portions = self._names.get(name, {})
        return Grant(name, units, sum(1 for portion in portions.values() if portion.wanted), most_of(portions))


def is_sound(claim: Claim) -> bool:
    """Whether a claim can be: a name, and units that are within bounds."""
    return 0 < len(claim.name) <= KEY_OCTETS and all(
        0 <= number <= UNITS_MOST for number in (claim.wanted, claim.most, claim.held)
    )
