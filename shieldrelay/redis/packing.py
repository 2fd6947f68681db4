"""Reports, news and cards as octets: what goes to the script and comes back, packed without names or spaces.

Pure. The layout is the script's (`shieldrelay/redis/*.lua`); both change together, with `script.PROTOCOL`. What no
record, change or claim can be is left out here and never reaches Redis. Times of records travel as ages, so that clocks
that differ do not matter to what has decayed. An answer that cannot be read raises `Unreadable`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from attrs import asdict

from shieldrelay.cluster.change_log import is_sound as is_sound_change
from shieldrelay.cluster.claims import is_sound as is_sound_claim
from shieldrelay.cluster.hub import Card, Change, ChangeKind, Claim, Grant, News, Record, Report
from shieldrelay.cluster.kinds import Kind
from shieldrelay.cluster.merging import is_sound as is_sound_record
from shieldrelay.redis.script import MARK_OCTETS, mark_of

T = TypeVar("T")

_COUNT = struct.Struct("<I")
_VERSION = struct.Struct("<d")
_PART = struct.Struct("<dBIH")
_TIMES = struct.Struct("<dd")
_LENGTH = struct.Struct("<H")
_REST = struct.Struct("<dBH")
_UNITS = struct.Struct("<III")
_GRANT = struct.Struct("<III")
_HEAD = struct.Struct("<dIBIII")
_NEVER = -1.0
"""Stands for a change without an end."""
_KINDS = {kind.value.encode("ascii"): kind for kind in ChangeKind}


class Unreadable(ValueError):
    """An answer that no script of ours gives."""


class Packing:
    """Reports and news of declared kinds."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {
            kind.name: (kind, mark_of(kind), struct.Struct(f"<{len(kind.fields)}d")) for kind in kinds
        }
        self._marks = {mark: (kind.name, values) for kind, mark, values in self._kinds.values()}

    def report(self, report: Report) -> bytes:
        """Pack a report, but for its member."""
        records = [each for each in (self._record(record, report.at) for record in report.records) if each]
        changes = [_change(change) for change in report.changes if is_sound_change(change)]
        claims = [_claim(claim) for claim in report.claims if is_sound_claim(claim)]
        return b"".join(
            (
                _VERSION.pack(report.version),
                *(_COUNT.pack(len(records)), *records),
                *(_COUNT.pack(len(changes)), *changes),
                *(_COUNT.pack(len(claims)), *claims),
            )
        )

    def news(self, octets: bytes, report: Report) -> News:
        """Read what came for a report.

        :raises Unreadable: it is none.
        """
        return _read(lambda: self._news(octets, report))

    def _record(self, record: Record, at: float) -> bytes:
        """Pack a record; empty when it is nonsense."""
        known = self._kinds.get(record.kind)
        if known is None or not is_sound_record(known[0], record):
            return b""
        names = record.names
        return b"".join(
            (
                bytes((MARK_OCTETS + len(record.key),)),
                known[1],
                record.key,
                _PART.pack(max(0.0, at - record.at), record.level is None, record.level or 0, len(names)),
                struct.pack(f"<{len(names)}Q", *names) if names else b"",
                known[2].pack(*record.values),
            )
        )

    def _news(self, octets: bytes, report: Report) -> News:
        version, members, whole, records, changes, grants = _HEAD.unpack_from(octets)
        told: list[Record] = []
        at = _HEAD.size
        for _ in range(records):
            record, at = self._heard(octets, at, report.at)
            told.append(record)
        heard: list[Change] = []
        for _ in range(changes):
            (length,) = _COUNT.unpack_from(octets, at)
            change = _changed(octets[at + 4 : at + 4 + length])
            heard += [] if change is None else [change]
            at += 4 + length
        granted = [_GRANT.unpack_from(octets, at + _GRANT.size * place) for place in range(grants)]
        if whole:
            heard.sort(key=lambda change: change.age)
        return News(
            int(version), members, tuple(told), tuple(heard), bool(whole), _answers(report.claims, granted)
        )

    def _heard(self, octets: bytes, at: int, now: float) -> tuple[Record, int]:
        """Read a record; gives also where the next begins. Its values are decayed to the moment of the report."""
        start = at + 1
        end = start + octets[start - 1]
        kind, values = self._marks[octets[start : start + MARK_OCTETS]]
        (count,) = _LENGTH.unpack_from(octets, end)
        numbers = end + 2 + 8 * count
        names = frozenset(struct.unpack_from(f"<{count}Q", octets, end + 2)) if count else _NO_NAMES
        record = Record(kind, octets[start + MARK_OCTETS : end], now, values.unpack_from(octets, numbers), names)
        return record, numbers + values.size


_NO_NAMES: frozenset[int] = frozenset()
_EMPTY: dict[str, Any] = asdict(Card("", "", 0, "", "", "", "", False, "", "", 0.0))
_TYPES: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), bool: (bool,), float: (int, float)}


def pack_card(card: Card) -> bytes:
    """Pack a card; when it was heard is the hub's to say."""
    return json.dumps({**asdict(card), "heard": 0.0}, separators=(",", ":")).encode("ascii")


def unpack_cards(octets: bytes) -> tuple[Card, ...]:
    """Read all cards, by member. Another version's is read as far as we know its words; what is no card is left out.

    :raises Unreadable: these are no cards.
    """
    return _read(lambda: _cards(octets))


def _cards(octets: bytes) -> tuple[Card, ...]:
    (count,) = _COUNT.unpack_from(octets)
    cards, at = [], 4
    for _ in range(count):
        (length,) = _COUNT.unpack_from(octets, at)
        (heard,) = _VERSION.unpack_from(octets, at + 4)
        card = _card(octets[at + 12 : at + 4 + length], heard)
        cards += [] if card is None else [card]
        at += 4 + length
    return tuple(sorted(cards, key=lambda card: card.member))


def _card(octets: bytes, heard: float) -> Card | None:
    """Read one; what a version does not say is as empty as its type can be. ``None``: somebody else wrote it."""
    try:
        said = json.loads(octets)
        known = {name: said.get(name, empty) for name, empty in _EMPTY.items()}
    except (ValueError, AttributeError, RecursionError):
        return None
    if any(not isinstance(value, _TYPES[type(_EMPTY[name])]) for name, value in known.items()):
        return None
    return Card(**{**known, "heard": heard})


def _text(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _change(change: Change) -> bytes:
    realm, subject = change.scope
    name, scope = _text(change.id), realm.value.encode("ascii") + b":" + subject
    kind, by = change.kind.value.encode("ascii"), _text(change.by)
    rest = _REST.pack(_NEVER if change.until is None else change.until, len(kind), len(by))
    packed = b"".join(
        (
            _TIMES.pack(change.over_at, change.at),
            *(_LENGTH.pack(len(name)), name),
            *(_LENGTH.pack(len(scope)), scope),
            *(rest, kind, by, _text(change.reason)),
        )
    )
    return _COUNT.pack(len(packed)) + packed


def _changed(octets: bytes) -> Change | None:
    """Read a change; ``None``: of a kind that only a later version knows."""
    _, made = _TIMES.unpack_from(octets)
    (length,) = _LENGTH.unpack_from(octets, 16)
    name, at = octets[18 : 18 + length].decode("utf-8"), 18 + length
    (length,) = _LENGTH.unpack_from(octets, at)
    subject, at = octets[at + 2 : at + 2 + length].partition(b":")[2], at + 2 + length
    until, kind_length, by_length = _REST.unpack_from(octets, at)
    at += _REST.size
    kind = _KINDS.get(octets[at : at + kind_length])
    if kind is None:
        return None
    by = octets[at + kind_length : at + kind_length + by_length].decode("utf-8")
    reason = octets[at + kind_length + by_length :].decode("utf-8")
    return Change(name, kind, subject, made, None if until == _NEVER else until, reason, by)


def _claim(claim: Claim) -> bytes:
    return bytes((len(claim.name),)) + claim.name + _UNITS.pack(claim.wanted, claim.most, claim.held)


def _answers(claims: tuple[Claim, ...], granted: list[tuple[int, int, int]]) -> tuple[Grant, ...]:
    """Give a grant for each claim; those that were nonsense were not told."""
    answers = iter(granted)
    try:
        return tuple(
            [Grant(claim.name, *(next(answers) if is_sound_claim(claim) else (0, 0, 0))) for claim in claims]
        )
    except (StopIteration, RuntimeError):
        raise Unreadable("there are fewer grants than claims") from None


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except (struct.error, KeyError, IndexError, TypeError, ValueError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None
