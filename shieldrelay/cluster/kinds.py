"""What kinds of rows the shared view has: the declaration from which tables, reports and merges are made.

A defence declares its kinds beside its judgement; nothing else about sharing is written anywhere. Pure values.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Merge(Enum):
    """How the members' own values of one field become the cluster's (R28)."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"


@frozen
class Field:
    """One number of a row.

    :ivar half_life: seconds in which it halves when nothing is added; ``None``: it stays. Only for SUM.
    :ivar moment: it is a moment on the reactor's clock (``box_until``); records and snapshots have it as seconds since the
        epoch, and whoever makes or reads them converts. 0 is no moment and stays 0.
    """

    name: str
    half_life: float | None = None
    merge: Merge = Merge.SUM
    moment: bool = False


@frozen
class Kind:
    """One kind of row.

    :ivar name: short and stable: it goes over the wire and into snapshots. A change of meaning takes a new name.
    :ivar lifetime: seconds after the last touch at which a row is forgotten, by us and by the hub.
    :ivar names: how many 64-bit hashes a row keeps at most, in a set that members unite; 0 for none.
    :ivar octets: the cap of one table of this kind, in octets of memory as measured for a row.
    """

    name: str
    fields: tuple[Field, ...]
    lifetime: float
    names: int = 0
    octets: int = 16 << 20
