"""One table of the shared view: rows of decaying numbers by key, under a cap, ours and the other members'.

A defence judges by `Row` totals and adds to its own part; `cluster.parts` tells what changed as absolute values with
their time (R28) and puts in what the others have. Pure arithmetic: the time is an argument, in seconds of the reactor.
A full table forgets the rows that were touched least lately, precious ones last. Lent to `shield`; cannot fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest
from itertools import chain, islice

from shieldrelay.cluster.decay import decay, rates_of
from shieldrelay.cluster.kinds import Kind, Merge
from shieldrelay.cluster.shelf import Row, Shelf, names_octets, others_octets, row_octets

__all__ = ["Row", "Table"]

_SIX = 4
"""Keys longer than this are IPv6."""
_EXPIRED_AT_ONCE = 2
"""For each new row so many that are over go, so that nothing has to sweep."""
_NO_NAMES: frozenset[int] = frozenset()
_GRAINS = 4096
"""A row's time goes on in steps of this part of its shortest half-life, a second at most, so that one message decays
each row once at most; until the next step its numbers are too high by less than a fiftieth of a per cent."""


class Table:
    """The rows of one kind.

    :ivar dirty: rows whose own part is still to be told, the first changed first; ``None`` when nobody is to be told.
    :ivar forgotten: how many rows went because the table was full, since the start.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.width = len(kind.fields)
        self.dirty: dict[bytes, Row] | None = None
        self.forgotten = 0
        self.nobody: tuple[float, ...] = (0.0,) * self.width
        self.others_octets = others_octets(self.width)
        self._lifetime = kind.lifetime
        self._shelves = (Shelf(kind.octets // 2), Shelf(kind.octets // 2)) if kind.families else (Shelf(kind.octets),)
        self._four, self._six = self._shelves[0], self._shelves[-1]
        self._merges = [field.merge for field in kind.fields]
        self._names = _NO_NAMES if kind.names else None
        self._names_octets = names_octets(kind.names)
        self._row_octets = row_octets(self.width, 0)
        self._rates = rates_of(kind)
        shortest = min((field.half_life for field in kind.fields if field.half_life), default=0.0)
        self._grain = min(1.0, shortest / _GRAINS)

    def __len__(self) -> int:
        return sum(map(len, self._shelves))

    def __iter__(self) -> Iterator[Row]:
        """Go through a copy of the rows, none of them touched, in the order in which they would be forgotten."""
        return iter(list(chain(*self._shelves)))

    @property
    def octets(self) -> int:
        """What all rows cost, never less than the truth; at most ``kind.octets``, or one row."""
        return sum(shelf.octets for shelf in self._shelves)

    def get(self, key: bytes, now: float) -> Row | None:
        """Give a row, decayed to now; ``None`` when nothing is known."""
        shelf = self._six if len(key) > _SIX else self._four
        row = shelf.rows.get(key) or shelf.dear.get(key)
        if row is not None and now - row.at > self._grain:
            return self._aged(row, now)
        return row

    def row(self, key: bytes, now: float) -> Row:
        """Give a row, decayed to now; a new one when nothing is known."""
        shelf = self._six if len(key) > _SIX else self._four
        row = shelf.rows.get(key) or shelf.dear.get(key)
        if row is not None and now - row.at > self._grain:
            row = self._aged(row, now)
        if row is not None:
            return row
        row = Row(key, self.width, now, self.nobody)
        row.names = self._names
        shelf.put(row, self._row_octets + len(key))
        self._expire(shelf, now, _EXPIRED_AT_ONCE)
        if shelf.octets > shelf.room:
            self._make_room(shelf)
        return row

    def find(self, key: bytes) -> Row | None:
        """Give a row as it is, neither touched nor decayed: for pictures and reports."""
        return (self._six if len(key) > _SIX else self._four).find(key)

    def total(self, row: Row, field: int) -> float:
        """Give the cluster's value of a field."""
        merge = self._merges[field]
        if merge is Merge.SUM:
            return row.own[field] + row.others[field]
        return merge(row.own[field], row.others[field])

    def totals(self, row: Row) -> list[float]:
        """Give the cluster's values of all fields."""
        if not isinstance(row.others, list):
            return list(row.own)
        return [merge(own, others) for merge, own, others in zip(self._merges, row.own, row.others, strict=True)]

    def add(self, row: Row, field: int, amount: float) -> None:
        """Add to our part of a SUM field; the row was touched at this very time."""
        row.own[field] += amount
        if not row.dirty:
            self.soil(row)

    def put(self, row: Row, field: int, value: float) -> None:
        """Set our part of a field."""
        row.own[field] = value
        if not row.dirty:
            self.soil(row)

    def cap(self, row: Row, field: int, most: float) -> None:
        """Bring a SUM field down to a total of at most ``most``, as far as our part allows."""
        if row.own[field] + row.others[field] > most:
            self.put(row, field, max(0.0, most - row.others[field]))

    def name(self, row: Row, hashed: int) -> bool:
        """Note a name; true when it is new to the row. A full set takes no more, and then every name is new."""
        names = row.names
        if names is None:
            raise TypeError(f"rows of {self.kind.name} have no names")
        if hashed in names:
            return False
        if len(names) < self.kind.names:
            self.unite(row, (hashed,))
            if not row.dirty:
                self.soil(row)
        return True

    def clear_names(self, row: Row) -> None:
        """Forget a row's names, here; what others know of them comes back with their next record of the row."""
        if row.names and row.shelf is not None:
            row.shelf.grow(row, -self._names_octets[len(row.names)])
        row.names = self._names

    def hold_dear(self, row: Row) -> None:
        """Make a row precious: forgotten last. Three quarters of the table may be; beyond that the oldest is not."""
        shelf = row.shelf
        if shelf is None or row.precious:
            return
        shelf.raise_up(row, self._cost(row))
        while (oldest := shelf.too_dear()) is not None:
            shelf.put_down(oldest, self._cost(oldest))

    def let_go(self, row: Row) -> None:
        """Make a row an ordinary one again."""
        if row.shelf is not None and row.precious:
            row.shelf.put_down(row, self._cost(row))

    def forget(self, key: bytes) -> None:
        """Drop a row, as if nothing had ever been known."""
        row = self.find(key)
        if row is not None:
            self._drop(row)

    def expire(self, now: float, most: int = 1000) -> int:
        """Forget rows whose lifetime is over, at most so many of each rank; gives how many."""
        return sum(self._expire(shelf, now, most) for shelf in self._shelves)

    def worst(self, count: int) -> list[Row]:
        """Give the most dangerous rows, worst first, none touched; in the order of their touch without a danger."""
        danger = self.kind.danger
        if danger is None:
            return list(islice(reversed(list(self)), count))
        return nlargest(count, chain(*self._shelves), key=lambda row: danger(self.totals(row)))

    def soil(self, row: Row) -> None:
        """Note that our part of a row is to be told."""
        row.dirty = True
        if self.dirty is not None and row.shelf is not None:
            self.dirty[row.key] = row

    def unite(self, row: Row, hashes: tuple[int, ...]) -> None:
        """Add names to a row as far as there is room for them. Nobody is told."""
        names = row.names
        if names is None:
            return
        if not isinstance(names, set):
            row.names = names = set()
        before = len(names)
        for hashed in hashes:
            if len(names) >= self.kind.names:
                break
            names.add(hashed)
        self.charge(row, self._names_octets[len(names)] - self._names_octets[before])

    def charge(self, row: Row, octets: int) -> None:
        """Count what a row costs more than before, and make room for it."""
        shelf = row.shelf
        if octets and shelf is not None:
            shelf.grow(row, octets)
            if shelf.octets > shelf.room:
                self._make_room(shelf)

    def _cost(self, row: Row) -> int:
        cost = self._row_octets + len(row.key)
        if isinstance(row.others, list):
            cost += self.others_octets
        return cost + self._names_octets[len(row.names)] if row.names else cost

    def _aged(self, row: Row, now: float) -> Row | None:
        """Decay a row from its last touch to now, and make it the last to be forgotten; ``None``: its life is over."""
        passed = now - row.at
        if passed > self._lifetime:
            self._drop(row)
            return None
        row.at = now
        shelf = row.shelf
        if shelf is not None:
            (shelf.dear if row.precious else shelf.rows).move_to_end(row.key)
        decay(row.own, self._rates, passed)
        if isinstance(row.others, list):
            decay(row.others, self._rates, passed)
        return row

    def _expire(self, shelf: Shelf, now: float, most: int) -> int:
        gone = 0
        for rows in (shelf.rows, shelf.dear):
            while gone < most and rows:
                row = next(iter(rows.values()))
                if now - row.at <= self._lifetime:
                    break
                self._drop(row)
                gone += 1
        return gone

    def _make_room(self, shelf: Shelf) -> None:
        while len(shelf) > 1 and (row := shelf.surplus()) is not None:
            self._drop(row)
            self.forgotten += 1

    def _drop(self, row: Row) -> None:
        shelf = row.shelf
        if shelf is None:
            return
        shelf.take(row, self._cost(row))
        if row.dirty and self.dirty is not None:
            self.dirty.pop(row.key, None)
