"""One row of history: how mail is noted in it, and whether it proves a good name (R19).

Works on rows of `history_kinds`, of a source, a network or a sender domain alike. Days are wall-clock days counted
from the epoch; a stored day that lies in the future was noted by a clock that has been set back since, and does not
count. Pure arithmetic; cannot fail. Used by `shield.history` alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.history_kinds import (
    ASKED,
    BEFORE,
    LAST,
    MESSAGES,
    SECOND,
    SPAN_DAYS,
    THIRD,
    UNKNOWN,
    VIOLATION,
)

GOOD_MESSAGES = 20
GOOD_DAYS = 3
WITHIN_DAYS = 60
SEEN_WITHIN_DAYS = 30
UNKNOWN_SHARE = 0.05
UNKNOWN_FORGIVEN = 1.5
"""Unknown recipients up to which a short history is not yet a bad one: one typo."""


def note_mail(table: Table, row: Row, messages: int, day: int) -> None:
    """Note messages that next hops took on a day."""
    own = row.own
    passed = day // SPAN_DAYS - int(own[LAST]) // SPAN_DAYS
    if passed > 0:
        table.put(row, BEFORE, own[MESSAGES] if passed == 1 else 0.0)
        table.put(row, MESSAGES, 0.0)
    table.add(row, MESSAGES, messages)
    if own[LAST] != day or row.others[LAST]:
        known = sorted({float(day), *_days(row, day)}, reverse=True)[:GOOD_DAYS]
        for field, newest in zip((LAST, SECOND, THIRD), known + [0.0] * GOOD_DAYS, strict=False):
            table.put(row, field, newest)


def messages_of(row: Row, day: int) -> float:
    """Give the messages of this span of 60 days and of the one before."""
    spans = day // SPAN_DAYS - int(row.own[LAST]) // SPAN_DAYS
    own = row.own[MESSAGES] + row.own[BEFORE] if spans <= 0 else row.own[MESSAGES] if spans == 1 else 0.0
    return own + row.others[MESSAGES] + row.others[BEFORE]


def recent_days(row: Row, day: int) -> tuple[float, ...]:
    """Give the newest days with mail within 60, newest first, three at most."""
    return tuple(sorted((each for each in _days(row, day) if each > day - WITHIN_DAYS), reverse=True)[:GOOD_DAYS])


def unknown_share(row: Row) -> float:
    """Give the share of unknown recipients in those that were asked for, 0 when none were."""
    asked = row.own[ASKED] + row.others[ASKED]
    return (row.own[UNKNOWN] + row.others[UNKNOWN]) / asked if asked else 0.0


def violated(row: Row, day: int) -> bool:
    """Whether there was a heavy violation within 60 days."""
    last = max(row.own[VIOLATION], row.others[VIOLATION])
    return bool(last) and day - WITHIN_DAYS < last


def proves_good(row: Row, day: int) -> bool:
    """Whether R19 holds."""
    own, others = row.own, row.others
    last = own[LAST] if own[LAST] > others[LAST] else others[LAST]
    third = own[THIRD] if own[THIRD] > others[THIRD] else others[THIRD]
    if last > day + 1:
        days = recent_days(row, day)
        last, third = (days[0], days[-1]) if len(days) == GOOD_DAYS else (0.0, 0.0)
    if third <= day - WITHIN_DAYS or last < day - SEEN_WITHIN_DAYS or messages_of(row, day) < GOOD_MESSAGES:
        return False
    return not violated(row, day) and unknown_share(row) < UNKNOWN_SHARE


def is_bad(row: Row, day: int) -> bool:
    """Whether its own past speaks against it, so that no good network helps."""
    unknown = row.own[UNKNOWN] + row.others[UNKNOWN]
    return violated(row, day) or (unknown > UNKNOWN_FORGIVEN and unknown_share(row) >= UNKNOWN_SHARE)


def missing(row: Row, day: int) -> Iterable[str]:
    """Say in clauses what is missing for a good name."""
    messages = messages_of(row, day)
    if messages < GOOD_MESSAGES:
        yield f"{messages:.0f} messages taken, {GOOD_MESSAGES} are wanted"
    days = recent_days(row, day)
    if len(days) < GOOD_DAYS:
        yield f"mail on {len(days)} days within {WITHIN_DAYS}, {GOOD_DAYS} are wanted"
    if not days or days[0] < day - SEEN_WITHIN_DAYS:
        yield f"no mail within {SEEN_WITHIN_DAYS} days"
    if unknown_share(row) >= UNKNOWN_SHARE:
        yield f"{unknown_share(row):.1%} of its recipients are unknown, under {UNKNOWN_SHARE:.0%} is wanted"
    if violated(row, day):
        yield f"a heavy violation {day - max(row.own[VIOLATION], row.others[VIOLATION]):.0f} days ago"


def _days(row: Row, day: int) -> set[float]:
    stored = {row.own[LAST], row.own[SECOND], row.own[THIRD], row.others[LAST], row.others[SECOND], row.others[THIRD]}
    return {each for each in stored if 0.0 < each <= day + 1}
