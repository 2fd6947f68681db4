"""The port between a member and the view that all members share (D3, D4, R28 to R30), and what goes through it.

One exchange each tick, batched both ways. Satisfied by `cluster.memory_hub`, and by whatever passes the suite in
``shieldrelay.testing.hub_contract``.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from shieldrelay.cluster.change import TOMBSTONE_SECONDS, Change, ChangeKind

__all__ = [
    "CHANGES_AT_ONCE",
    "KEY_OCTETS",
    "MEMBER_SECONDS",
    "RECORDS_AT_ONCE",
    "STATE_MOST",
    "TEXT_OCTETS",
    "TOMBSTONE_SECONDS",
    "Change",
    "ChangeKind",
    "Hub",
    "News",
    "Record",
    "Report",
    "ReportRefused",
]

RECORDS_AT_ONCE = 1000
"""The most that a report, and the news of others' rows, carries (R29); what does not fit waits."""
CHANGES_AT_ONCE = 1000
"""Likewise of changes; the whole state of a log is told at once."""
STATE_MOST = 50_000
"""Subjects of which a log knows the last change; of more, bans that end soonest are forgotten."""
KEY_OCTETS = 255
"""The longest key of a row, and the longest subject of a change."""
TEXT_OCTETS = 1024
"""The longest reason, name or id, in characters."""
MEMBER_SECONDS = 30.0
"""A member that has told nothing for so long is gone, and its parts with it."""


class ReportRefused(ValueError):
    """A report is larger than a report may be; nothing of it counts."""


@frozen
class Record:
    """One member's own part of one row, absolute: the last one told stands (R28).

    :ivar kind: `Kind.name`.
    :ivar at: seconds since the epoch to which the values are decayed.
    :ivar values: by field.
    :ivar names: all hashes of the row that the member knows.
    """

    kind: str
    key: bytes
    at: float
    values: tuple[float, ...]
    names: frozenset[int] = frozenset()


@frozen
class Report:
    """What a member tells in one exchange.

    :ivar member: its id of this life; a restarted member has a new one (R28).
    :ivar version: of the change log as far as the member has it; 0 at first.
    :ivar records: at most `RECORDS_AT_ONCE`.
    :ivar changes: at most `CHANGES_AT_ONCE`.
    """

    member: str
    at: float
    version: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()


@frozen
class News:
    """What an exchange brings back.

    :ivar version: of the change log with ``changes``; never used again, not even by a hub that forgot everything.
    :ivar changes: since the reported version, oldest first; those of the member itself among them. Of one scope the
        later holds (`Change.age`), in whatever order they come.
    :ivar records: of every row that was reported and that others have too, and of every row that another member changed
        since this member's last exchange: the *others'* parts, merged; zeros when nobody has one any more. At most
        `RECORDS_AT_ONCE` besides those reported; what does not fit comes next time.
    :ivar members: live ones, this one among them.
    :ivar whole: the hub does not know the reported version (new member, too old, or the hub has forgotten): ``changes``
        is all it knows. What the member knows beyond that, it tells again.
    """

    version: int
    members: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()
    whole: bool = False


class Hub(Protocol):
    """Where members meet."""

    @property
    def alone(self) -> bool:
        """Whether this hub can have no other member: then nobody needs to wait for an exchange."""

    def exchange(self, report: Report) -> Deferred[News]:
        """Tell and be told; one at a time.

        Fails when the hub cannot be reached; the next report says it all again. Fails with `ReportRefused` when the
        report is too large. Records and changes that are nonsense (an unknown kind, another number of values, no
        finite number) count for nothing, and the rest counts. May be cancelled.
        """

    def leave(self, member: str) -> Deferred[None]:
        """Take back a member's parts at once, as its expiry would; nothing happens when it is not there."""
