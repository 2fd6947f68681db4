"""One table of the shared view: rows of decaying numbers by key, under a cap, ours and the other members'.

A defence judges by `Row` totals and adds to its own part; `cluster.exchange` reports what changed as absolute values
with their time (R28) and puts in what the others have. Pure arithmetic: the time is an argument. A full table forgets
the rows that were touched least lately, precious ones last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from shieldrelay.cluster.kinds import Kind, Merge

_LN2 = math.log(2.0)


class Row:
    """One key's numbers, decayed to the time of the last touch.

    :ivar own: what this member counted, by field.
    :ivar others: what the other members counted together.
    :ivar names: 64-bit hashes, ours and theirs; at most ``kind.names``.
    :ivar precious: forgotten last: boxed sources, roll-ups.
    """

    __slots__ = ("at", "dirty", "key", "names", "others", "own", "precious")

    def __init__(self, key: bytes, width: int, now: float, *, named: bool) -> None:
        self.key = key
        self.own = [0.0] * width
        self.others = [0.0] * width
        self.at = now
        self.names: set[int] | None = set() if named else None
        self.precious = False
        self.dirty = False


class Table:
    """The rows of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._rows: dict[bytes, Row] = {}
        self._decay = [0.0 if field.half_life is None else -_LN2 / field.half_life for field in kind.fields]
        self._merges = [field.merge for field in kind.fields]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def get(self, key: bytes, now: float) -> Row | None:
        """Give a row, decayed to now; ``None`` when nothing is known."""
        row = self._rows.get(key)
        if row is not None:
            self._touch(row, now)
        return row

    def row(self, key: bytes, now: float) -> Row:
        """Give a row, decayed to now; a new one when nothing is known."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(key, len(self._decay), now, named=self.kind.names > 0)
            return row
        self._touch(row, now)
        return row

    def total(self, row: Row, field: int) -> float:
        """Give the cluster's value of a field."""
        merge = self._merges[field]
        if merge is Merge.SUM:
            return row.own[field] + row.others[field]
        return (max if merge is Merge.MAX else min)(row.own[field], row.others[field])

    def add(self, row: Row, field: int, amount: float) -> None:
        """Add to our part of a SUM field; the row was touched at this very time."""
        row.own[field] += amount
        row.dirty = True

    def put(self, row: Row, field: int, value: float) -> None:
        """Set our part of a field."""
        row.own[field] = value
        row.dirty = True

    def cap(self, row: Row, field: int, most: float) -> None:
        """Bring a SUM field down to a total of at most ``most``, as far as our part allows."""
        if row.own[field] + row.others[field] > most:
            row.own[field] = max(0.0, most - row.others[field])
            row.dirty = True

    def name(self, row: Row, hashed: int) -> bool:
        """Note a name; true when it is new to the row. A full set takes no more, and then every name is new."""
        names = row.names
        if names is None:
            raise TypeError(f"rows of {self.kind.name} have no names")
        if hashed in names:
            return False
        if len(names) < self.kind.names:
            names.add(hashed)
            row.dirty = True
        return True

    def forget(self, key: bytes) -> None:
        """Drop a row, as if nothing had ever been known."""
        self._rows.pop(key, None)

    def _touch(self, row: Row, now: float) -> None:
        passed = now - row.at
        if passed <= 0.0:
            return
        row.at = now
        own, others = row.own, row.others
        for field, rate in enumerate(self._decay):
            if rate:
                factor = math.exp(rate * passed)
                own[field] *= factor
                others[field] *= factor
