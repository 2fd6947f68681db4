"""What of a table goes out and comes in: `Record`s, whose times are seconds since the epoch (R28, R29).

Own parts leave as absolute values, so that saying them twice does no harm; others' parts arrive merged. Here and only
here moments of the reactor's clock become times of the world and back: ``offset`` is what the world's clock shows more.
Pure; used by `cluster.exchange` and `cluster.snapshot`. What arrives may be nonsense: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from itertools import islice

from shieldrelay.cluster.decay import are_numbers, decay, rates_of
from shieldrelay.cluster.hub import KEY_OCTETS, Record
from shieldrelay.cluster.level import level_of
from shieldrelay.cluster.shelf import Row
from shieldrelay.cluster.table import Table

_LOOKED_AT = 4
"""Of the rows to be told, so many times the limit are compared; the others' turn comes with the next ticks."""
_HASHES = 1 << 64
_GREATEST = 1e15
"""No count and no time is greater."""


class Parts:
    """The parts of one table.

    :ivar nonsense: records that were left out because no row of this kind looks like that.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.nonsense = 0
        self._moments = tuple(index for index, field in enumerate(table.kind.fields) if field.moment)
        self._leases = tuple(index for index, field in enumerate(table.kind.fields) if field.lease)
        self._rates = rates_of(table.kind)
        self._level = level_of(table.kind)

    @property
    def waiting(self) -> int:
        """How many rows are to be told."""
        return len(self.table.dirty or ())

    def share(self) -> None:
        """From now on others are to be told of changes: gather what has changed so far."""
        if self.table.dirty is None:
            self.table.dirty = {row.key: row for row in self.table if row.dirty}

    def tell_all(self) -> None:
        """Say everything again, bit by bit: the hub has forgotten it."""
        for row in self.table:
            if any(row.own):
                self.table.soil(row)

    def take(self, most: int, offset: float) -> list[Record]:
        """Give what is to be told, the most dangerous first, and take it as told; at most so many records."""
        dirty = self.table.dirty
        if not dirty or most <= 0:
            return []
        rows = list(dirty.values()) if len(dirty) <= most else self._urgent(dirty, most)
        told = []
        for row in rows:
            del dirty[row.key]
            row.dirty = False
            if row.shelf is not None:
                level = None if self._level is None else self._level(self.table.totals(row), offset)
                told.append(self._record(row, row.own, offset, level))
        return told

    def again(self, records: Iterable[Record]) -> None:
        """Say these rows again: nobody may have heard."""
        for record in records:
            row = self.table.find(record.key)
            if row is not None:
                self.table.soil(row)

    def own(self, key: bytes, offset: float) -> Record | None:
        """Give our part of a row for a snapshot, without its leases; ``None`` when there is nothing to keep."""
        row = self.table.find(key)
        if row is None:
            return None
        values = row.own
        if self._leases:
            values = [0.0 if index in self._leases else value for index, value in enumerate(values)]
        record = self._record(row, values, offset)
        return record if (any(values) or row.names) and self._is_sound(record) else None

    def put(self, record: Record, now: float, offset: float) -> bool:
        """Put in what others have of a row, in place of what they had; false when it is nonsense."""
        if not self._is_sound(record):
            self.nonsense += 1
            return False
        if not any(record.values) and not record.names:
            self._put_nobody(record.key)
            return True
        row = self.table.row(record.key, now)
        values = self._values(record, now, offset)
        if self._level is not None and not any(row.own):
            self._hush(values)
        if not isinstance(row.others, list):
            row.others = values
            self.table.charge(row, self.table.others_octets)
        else:
            row.others = values
        if record.names:
            self.table.unite(row, tuple(record.names))
        return True

    def restore(self, record: Record, now: float, offset: float) -> bool:
        """Take back our own part of a row from before a restart; what was counted since stays."""
        age = now + offset - record.at
        if not self._is_sound(record) or age > self.table.kind.lifetime:
            return False
        row = self.table.row(record.key, now)
        kept = self._values(record, now, offset)
        for index, field in enumerate(self.table.kind.fields):
            if not field.lease:
                row.own[index] = field.merge(row.own[index], kept[index])
        if record.names:
            self.table.unite(row, tuple(record.names))
        self.table.soil(row)
        return True

    def drop_leases(self) -> None:
        """Forget what others were holding: nobody has heard of them for so long that they may be gone."""
        if not self._leases:
            return
        for row in self.table:
            if isinstance(row.others, list):
                for index in self._leases:
                    row.others[index] = 0.0

    def _urgent(self, dirty: dict[bytes, Row], most: int) -> list[Row]:
        """Choose among the rows that wait longest; the others of these go to the end, so that everyone is looked at."""
        danger = self.table.kind.danger
        if danger is None:
            return list(islice(dirty.values(), most))
        seen = list(islice(dirty.values(), most * _LOOKED_AT))
        chosen = nlargest(most, seen, key=lambda row: danger(self.table.totals(row)))
        for row in seen:
            del dirty[row.key]
            dirty[row.key] = row
        return chosen

    def _record(self, row: Row, values: list[float], offset: float, level: int | None = None) -> Record:
        if self._moments:
            values = values.copy()
            for index in self._moments:
                if values[index]:
                    values[index] += offset
        return Record(self.table.kind.name, row.key, row.at + offset, tuple(values), frozenset(row.names or ()), level)

    def _values(self, record: Record, now: float, offset: float) -> list[float]:
        """Give a record's values as they are now, on our clock."""
        values = list(record.values)
        decay(values, self._rates, now + offset - record.at)
        for index in self._moments:
            if values[index]:
                values[index] -= offset
        return values

    def _hush(self, values: list[float]) -> None:
        """Take sums for none that are too small for us to hear when they end: we have no part in the row."""
        for index, field in enumerate(self.table.kind.fields):
            if field.quiet is not None and values[index] < field.quiet:
                values[index] = 0.0

    def _put_nobody(self, key: bytes) -> None:
        row = self.table.find(key)
        if row is not None and isinstance(row.others, list):
            row.others = self.table.nobody
            self.table.charge(row, -self.table.others_octets)

    def _is_sound(self, record: Record) -> bool:
        return (
            len(record.values) == self.table.width
            and 0 < len(record.key) <= KEY_OCTETS
            and 0.0 <= record.at < _GREATEST
            and are_numbers(record.values, _GREATEST)
            and (not record.names or (min(record.names) >= 0 and max(record.names) < _HASHES))
        )
