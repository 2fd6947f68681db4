"""Rows of one table in the order in which they were last touched, under a cap of octets.

What a row costs is counted, not measured: every object that it owns at the sizes of 64-bit CPython 3.11, the dicts that
find it at their emptiest. So the count is never below the truth. When the cap is passed, the rows that were touched
least lately go first, precious ones last; precious ones may fill three quarters, or newcomers could no longer be
counted at all. Pure; used by `cluster.table` alone; cannot fail.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain

_ROW = 16 + 9 * 8 + 16
"""A `Row`: its head, its slots, the collector's head."""
_LIST = 16 + 40 + 16
"""A list's objects without its items: the collector's head, its own, the rounding of its items."""
_NUMBER = 8 + 32
"""An item of a list, and the float that it points at, rounded as the allocator does."""
_PLACE = 60 + 24 + 56
"""A place in an `OrderedDict`: entry and index, the index of nodes, the node."""
_KEY = 33 + 15
"""A key of octets without them, rounded."""
_NAME = 48
"""A 64-bit int, rounded likewise."""
_SMALL_SET = 16 + 200
DEAR_SHARE = 0.75
"""The part of the cap that precious rows may fill."""


def row_octets(width: int, key_octets: int) -> int:
    """Give what a row without names, and without parts of others, costs."""
    return _ROW + _LIST + width * _NUMBER + _PLACE + _KEY + key_octets


def others_octets(width: int) -> int:
    """Give what the others' part of a row adds."""
    return _LIST + width * _NUMBER


def names_octets(most: int) -> tuple[int, ...]:
    """Give what a row's names cost, by their number, from none to ``most``: a set grows fourfold by leaps."""
    costs, slots = [0], 8
    for count in range(1, most + 1):
        if count * 5 >= (slots - 1) * 3:
            while slots <= count * (4 if count <= 50000 else 2):
                slots *= 2
        costs.append(_SMALL_SET + (0 if slots == 8 else slots * 16) + count * _NAME)
    return tuple(costs)


class Row:
    """One key's numbers, decayed to the time of the last touch. Made by its table only.

    :ivar own: what this member counted, by field.
    :ivar others: what the other members counted together; not to be written; a tuple of zeros while they have nothing.
    :ivar names: 64-bit hashes, ours and theirs, at most ``kind.names``; not to be written; ``None``: the kind has none.
    :ivar precious: forgotten last: boxed sources, roll-ups.
    :ivar dirty: our part has changed since it was last told.
    :ivar shelf: where it stands; ``None`` when it has been forgotten: what is added to it then counts for nothing.
    """

    __slots__ = ("at", "dirty", "key", "names", "others", "own", "precious", "shelf")

    def __init__(self, key: bytes, width: int, now: float, others: tuple[float, ...]) -> None:
        self.key = key
        self.own = [0.0] * width
        self.others: list[float] | tuple[float, ...] = others
        self.at = now
        self.names: set[int] | frozenset[int] | None = None
        self.precious = False
        self.dirty = False
        self.shelf: Shelf | None = None


class Shelf:
    """The rows of one table, or of one family of addresses in it.

    :ivar rows: ordinary ones by key, the least lately touched first.
    :ivar dear: precious ones, likewise.
    :ivar octets: what all of them cost.
    """

    __slots__ = ("_dear_octets", "_dear_room", "dear", "octets", "room", "rows")

    def __init__(self, room: int) -> None:
        self.rows: OrderedDict[bytes, Row] = OrderedDict()
        self.dear: OrderedDict[bytes, Row] = OrderedDict()
        self.room = room
        self.octets = 0
        self._dear_room = int(room * DEAR_SHARE)
        self._dear_octets = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.dear)

    def __iter__(self) -> Iterator[Row]:
        """Go through all rows, in the order in which they would be forgotten."""
        return chain(self.rows.values(), self.dear.values())

    def find(self, key: bytes) -> Row | None:
        """Give a row without touching it."""
        return self.rows.get(key) or self.dear.get(key)

    def put(self, row: Row, octets: int) -> None:
        """Take a new, ordinary row."""
        row.shelf = self
        self.rows[row.key] = row
        self.octets += octets

    def take(self, row: Row, octets: int) -> None:
        """Let a row go for good."""
        del (self.dear if row.precious else self.rows)[row.key]
        row.shelf = None
        self.octets -= octets
        if row.precious:
            self._dear_octets -= octets

    def grow(self, row: Row, octets: int) -> None:
        """Count what a row costs more (or less) than before."""
        self.octets += octets
        if row.precious:
            self._dear_octets += octets

    def raise_up(self, row: Row, octets: int) -> None:
        """Make a row precious."""
        del self.rows[row.key]
        self.dear[row.key] = row
        row.precious = True
        self._dear_octets += octets

    def put_down(self, row: Row, octets: int) -> None:
        """Make a row ordinary again, and the last to be forgotten among these."""
        del self.dear[row.key]
        self.rows[row.key] = row
        row.precious = False
        self._dear_octets -= octets

    def too_dear(self) -> Row | None:
        """Give the row that must stop being precious, ``None`` when their room suffices."""
        return next(iter(self.dear.values())) if self._dear_octets > self._dear_room and len(self.dear) > 1 else None

    def surplus(self) -> Row | None:
        """Give the row that must go, ``None`` when the room suffices."""
        return self.first() if self.octets > self.room else None

    def first(self) -> Row | None:
        """Give the row that is forgotten first; ``None`` when there is none."""
        if self.rows:
            return next(iter(self.rows.values()))
        return next(iter(self.dear.values())) if self.dear else None
