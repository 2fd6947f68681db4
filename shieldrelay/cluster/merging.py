"""The rows of one kind in a hub's memory: every member's part, and what the others' parts are together (R28).

Pure: times are arguments, ``now`` of the hub's own clock for expiry, ``now_wall`` for decay. Used by
`cluster.memory_hub`. Rows that nobody touched for their lifetime go, and beyond a cap those touched least lately.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from shieldrelay.cluster.decay import are_numbers, decay, rates_of
from shieldrelay.cluster.hub import KEY_OCTETS, Record
from shieldrelay.cluster.kinds import Kind
from shieldrelay.cluster.shelf import names_octets, others_octets, row_octets

_HASHES = 1 << 64
_LEVELS = 1 << 32
_SHARE = 4
"""A hub has room for so many full tables of a kind."""
_PART = 200
"""A part without its values: its place in the dict, and the pair."""


class MergedRow:
    """One key's parts.

    :ivar parts: by member: the time to which the values are decayed, and the values.
    :ivar level: the last one told.
    :ivar is_loud: whether the last change was news to all.
    :ivar was_loud: whether any was.
    """

    __slots__ = ("is_loud", "level", "names", "parts", "touched", "was_loud")

    def __init__(self, touched: float) -> None:
        self.touched = touched
        self.parts: dict[str, tuple[float, tuple[float, ...]]] = {}
        self.names: set[int] = set()
        self.level = 0
        self.is_loud = self.was_loud = False


class Merging:
    """All rows of a kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._rows: OrderedDict[bytes, MergedRow] = OrderedDict()
        self._octets = 0
        self._room = kind.octets * _SHARE
        self._names_octets = names_octets(kind.names)
        self._rates = rates_of(kind)
        self._merges = [field.merge for field in kind.fields]
        self._nobody = (0.0,) * len(kind.fields)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, member: str, record: Record, now: float, now_wall: float) -> bool:
        """Put a member's part in the place of its former one; false when it is nonsense or out of date."""
        at = min(record.at, now_wall)
        if not is_sound(self.kind, record) or now_wall - at > self.kind.lifetime:
            return False
        row = self._rows.get(record.key)
        if row is None:
            row = self._rows[record.key] = MergedRow(now)
        else:
            self._octets -= self._cost(record.key, row)
            self._rows.move_to_end(record.key)
        row.touched = now
        row.is_loud = record.level is None or record.level != row.level
        row.was_loud = row.was_loud or row.is_loud
        row.level = record.level or 0
        row.parts[member] = (at, record.values)
        for hashed in record.names:
            if len(row.names) >= self.kind.names:
                break
            row.names.add(hashed)
        self._octets += self._cost(record.key, row)
        self._make_room()
        return True

    def concerned(self, key: bytes, since: float) -> Iterable[str] | None:
        """Give the members to whom the last change of a row is news: who told of it since then; ``None``: to all."""
        row = self._rows.get(key)
        if row is None or row.is_loud:
            return None
        return [member for member, (at, _) in row.parts.items() if at >= since]

    def others(self, member: str, key: bytes, now_wall: float) -> Record | None:
        """Give what all but one member have of a row; ``None`` when they have nothing."""
        row = self._rows.get(key)
        if row is None or not any(other != member for other in row.parts):
            return None
        values = list(self._nobody)
        for other, (at, told) in row.parts.items():
            if other != member:
                part = list(told)
                decay(part, self._rates, now_wall - at)
                values = [merge(one, two) for merge, one, two in zip(self._merges, values, part, strict=True)]
        return Record(self.kind.name, key, now_wall, tuple(values), frozenset(row.names))

    def nobody(self, key: bytes, now_wall: float) -> Record:
        """Say that nobody else has anything of a row."""
        return Record(self.kind.name, key, now_wall, self._nobody)

    def leave(self, member: str) -> Iterator[bytes]:
        """Take a member's parts back; gives the keys where it had any, each news to all to whom the row ever was."""
        for key, row in list(self._rows.items()):
            if member in row.parts:
                self._octets -= self._cost(key, row)
                del row.parts[member]
                row.is_loud = row.was_loud
                if row.parts:
                    self._octets += self._cost(key, row)
                else:
                    del self._rows[key]
                yield key

    def expire(self, now: float) -> None:
        """Forget rows whose lifetime is over."""
        while self._rows:
            key, row = next(iter(self._rows.items()))
            if now - row.touched <= self.kind.lifetime:
                return
            self._drop(key, row)

    def _make_room(self) -> None:
        while self._octets > self._room and len(self._rows) > 1:
            self._drop(*next(iter(self._rows.items())))

    def _drop(self, key: bytes, row: MergedRow) -> None:
        self._octets -= self._cost(key, row)
        del self._rows[key]

    def _cost(self, key: bytes, row: MergedRow) -> int:
        part = _PART + others_octets(len(self.kind.fields))
        return row_octets(0, len(key)) + len(row.parts) * part + self._names_octets[len(row.names)]


def is_sound(kind: Kind, record: Record) -> bool:
    """Whether a record can be one of a row of this kind: its width, key and names, and what can be packed."""
    return (
        len(record.values) == len(kind.fields)
        and 0 < len(record.key) <= KEY_OCTETS
        and math.isfinite(record.at)
        and are_numbers(record.values, math.inf)
        and len(record.names) <= kind.names
        and (record.level is None or 0 <= record.level < _LEVELS)
        and (not record.names or (min(record.names) >= 0 and max(record.names) < _HASHES))
    )
