"""The even division of what members may hold together only so much of: who gets how many units.

Max-min fair in whole units: nobody gets more than it wants, what one leaves is the others', and of the units that
cannot be divided evenly, who holds one keeps it. Pure arithmetic without time; used by `cluster.claims`, and what any
other hub must come to. Whatever order claims come in, what was granted and what is held is together never more than
there is: a share is only given as far as nobody else occupies it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class Portion:
    """What the hub knows of one member's claim.

    :ivar wanted: units that it could use.
    :ivar most: units that all may hold together, as it knows.
    :ivar occupied: units that nobody else may have: the greater of what it says it holds and of what it was granted.
    """

    wanted: int
    most: int
    occupied: int


def most_of(portions: Mapping[str, Portion]) -> int:
    """Give what all may hold together: the least that anybody says who wants some; 0 when nobody does."""
    return min((portion.most for portion in portions.values() if portion.wanted), default=0)


def fair_share(portions: Mapping[str, Portion], member: str) -> int:
    """Give the units that a member would have if everything were divided anew.

    Of what is left over by the even division one unit each goes to those who occupy more than the even share already,
    in the order of the mapping, and then to the others.
    """
    mine = portions[member]
    even, over = _even(sorted(portion.wanted for portion in portions.values() if portion.wanted), most_of(portions))
    if mine.wanted <= even:
        return mine.wanted
    more = [name for name, portion in portions.items() if portion.wanted > even]
    keeping = [name for name in more if portions[name].occupied > even]
    others = [name for name in more if portions[name].occupied <= even]
    return even + (member in (keeping + others)[:over])


def granted(portions: Mapping[str, Portion], member: str) -> int:
    """Give the units that a member may have now: its fair share, as far as the others do not occupy it."""
    elsewhere = sum(portion.occupied for name, portion in portions.items() if name != member)
    return max(0, min(fair_share(portions, member), most_of(portions) - elsewhere))


def _even(wanted: list[int], most: int) -> tuple[int, int]:
    """Give the greatest even share that fits, and the units over for those who want more; wishes in growing order."""
    rest, left = most, len(wanted)
    for wish in wanted:
        even = rest // left
        if wish > even:
            return even, rest - even * left
        rest, left = rest - wish, left - 1
    return max(wanted, default=0), 0
