"""What kinds of rows the shared view has: the declaration from which tables, reports and merges are made.

A defence declares its kinds beside its judgement; nothing else about sharing is written anywhere. Pure values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from attrs import frozen


class Merge(Enum):
    """How the members' own values of one field become the cluster's (R28).

    Of MAX and MIN a 0 means "not set", and they are of those that are set (a moment may be below 0).
    """

    SUM = "sum"
    MAX = "max"
    MIN = "min"

    def __call__(self, one: float, other: float) -> float:
        """Give what two members' values are together."""
        if self is Merge.SUM:
            return one + other
        if not one or not other:
            return one or other
        return max(one, other) if self is Merge.MAX else min(one, other)


@frozen
class Field:
    """One number of a row.

    :ivar half_life: seconds in which it halves when nothing is added; ``None``: it stays. Only for SUM.
    :ivar moment: it is a moment on the reactor's clock (``box_until``); records and snapshots have it as seconds since
        the epoch, and whoever makes or reads them converts. 0 is no moment and stays 0. Only for MAX and MIN.
    :ivar lease: it counts what is held at this very time (open sessions): no snapshot keeps it, and what others hold is
        forgotten when the hub has been gone for as long as a member's life there.
    :ivar quiet: a sum below is as good as none to who does not ask, and above it only each doubling and halving counts:
        only then is the row news to the other members. Whoever tells of a row itself hears the sum as it is.
        ``None``: every change is news. Of MAX and MIN only infinity has a sense: the field is never news by itself.
    """

    name: str
    half_life: float | None = None
    merge: Merge = Merge.SUM
    moment: bool = False
    lease: bool = False
    quiet: float | None = None


Danger = Callable[[Sequence[float]], float]
"""Tells from a row's totals, in the order of the kind's fields, how dangerous its subject is: the more the worse."""


@frozen
class Kind:
    """One kind of row.

    :ivar name: short and stable: it goes over the wire and into snapshots. A change of meaning takes a new name.
    :ivar lifetime: seconds after the last touch at which a row is forgotten, by us and by the hub.
    :ivar names: how many 64-bit hashes a row keeps at most, in a set that members unite; 0 for none.
    :ivar octets: the cap of one table of this kind, in octets of memory as measured for a row.
    :ivar families: keys are sources or networks (`mail.client`): IPv4, up to 4 octets, and IPv6, longer, have half of
        ``octets`` each, so that a flood of one cannot push out the other.
    :ivar danger: what is told first when not all can be (R29), and shown first; without it, what changed first. Pure.
    :ivar kept: snapshots keep our part (R31): histories and penalties. Without it a restart forgets the rows.
    """

    name: str
    fields: tuple[Field, ...]
    lifetime: float
    names: int = 0
    octets: int = 16 << 20
    families: bool = False
    danger: Danger | None = None
    kept: bool = False
