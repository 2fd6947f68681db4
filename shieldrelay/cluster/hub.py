"""The port between a member and the view that all members share (D3, D4, R28 to R30), and what goes through it.

One exchange each tick, batched both ways. Satisfied by `cluster.memory_hub`, and by whatever passes the suite in
``shieldrelay.testing.hub_contract``.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

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
TOMBSTONE_SECONDS = 7 * 86400.0
"""How long a log remembers that something was released or revoked: an older word of it is then not believed again."""


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


class ChangeKind(Enum):
    """What is decided for the whole cluster, by a defence or by an operator (R30)."""

    BAN = "ban"
    RELEASE = "release"
    ALLOW = "allow"
    DENY = "deny"
    REVOKE = "revoke"


@frozen
class Change:
    """One entry of the change log.

    :ivar id: unique, from `mail.identity`; asking twice with one id changes once.
    :ivar subject: the source (octets) for BAN and RELEASE; a network in CIDR notation, ASCII, for ALLOW, DENY, REVOKE.
    :ivar at: seconds since the epoch.
    :ivar until: likewise; ``None``: until revoked.
    :ivar reason: for the operator and the journal.
    :ivar by: the defence, or the operator.
    """

    id: str
    kind: ChangeKind
    subject: bytes
    at: float
    until: float | None
    reason: str
    by: str

    @property
    def scope(self) -> tuple[bool, bytes]:
        """What the change is about: of two with one scope the later holds. A source's bans, or a network's lists."""
        return self.kind in _OF_SOURCES, self.subject

    @property
    def age(self) -> tuple[float, str]:
        """The order in which changes of one scope supersede each other, wherever and whenever they are heard of."""
        return self.at, self.id

    def is_over(self, now_wall: float) -> bool:
        """Whether it needs to be remembered no more."""
        if self.kind in _ENDINGS:
            return self.at + TOMBSTONE_SECONDS <= now_wall
        return self.until is not None and self.until <= now_wall


_OF_SOURCES = (ChangeKind.BAN, ChangeKind.RELEASE)
_ENDINGS = (ChangeKind.RELEASE, ChangeKind.REVOKE)


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
