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
    "CARDS_MOST",
    "CHANGES_AT_ONCE",
    "CLAIMS_AT_ONCE",
    "CLAIMS_MOST",
    "KEY_OCTETS",
    "LATELY_SECONDS",
    "MEMBER_SECONDS",
    "RECORDS_AT_ONCE",
    "STATE_MOST",
    "TEXT_OCTETS",
    "TOMBSTONE_SECONDS",
    "UNITS_MOST",
    "Card",
    "Change",
    "ChangeKind",
    "Claim",
    "Grant",
    "Hub",
    "HubAway",
    "HubRefused",
    "News",
    "Record",
    "Report",
    "ReportRefused",
]

RECORDS_AT_ONCE = 1000
"""The most that a report, and the news of others' rows, carries (R29); what does not fit waits."""
CHANGES_AT_ONCE = 1000
"""Likewise of changes; the whole state of a log is told at once."""
CLAIMS_AT_ONCE = 1000
"""Likewise of claims."""
CLAIMS_MOST = 5000
"""So many claims a member has at most; it tells them in several exchanges."""
CARDS_MOST = 1000
"""No cluster has more members."""
STATE_MOST = 50_000
"""Subjects of which a log knows the last change; of more, bans that end soonest are forgotten."""
KEY_OCTETS = 255
"""The longest key of a row, and the longest subject of a change."""
TEXT_OCTETS = 1024
"""The longest reason, name or id, in characters."""
UNITS_MOST = 1_000_000_000
"""The most units that a claim speaks of."""
LATELY_SECONDS = 60.0
"""Who told of a row so lately hears of its changes, whatever their level, unless they are a crowd."""
MEMBER_SECONDS = 30.0
"""A member that has told nothing for so long is gone, and its parts with it."""


class ReportRefused(ValueError):
    """A report is larger than a report may be; nothing of it counts."""


class HubAway(Exception):
    """The hub cannot be asked now: ``args[0]`` says why, in words for an operator."""


class HubRefused(Exception):
    """This member may not meet the others: ``args[0]`` says why and what to do. It goes on alone, and asks again."""


@frozen
class Record:
    """One member's own part of one row, absolute: the last one told stands (R28).

    :ivar kind: `Kind.name`.
    :ivar at: seconds since the epoch to which the values are decayed.
    :ivar values: by field.
    :ivar names: all hashes of the row that the member knows.
    :ivar level: 32 bits: the row is news to members that did not tell of it lately only when this changed
        (`cluster.level`), and 0 is what it begins with; ``None``: it is always news to all.
    """

    kind: str
    key: bytes
    at: float
    values: tuple[float, ...]
    names: frozenset[int] = frozenset()
    level: int | None = None


@frozen
class Claim:
    """A member's wish for a part of what all members together may hold only so much of: a lease of units.

    Absolute, like a record: the last one told stands, until the member is gone. ``wanted`` and ``held`` of 0 end it.

    :ivar name: of what is shared out: ``b"hop:example.com"`` connections to a next hop, ``b"probe:example.com"`` the
        right to probe it. At most `KEY_OCTETS`.
    :ivar wanted: units that the member could use now, those among them that it uses.
    :ivar most: units that all may hold together, as this member knows it (a declared limit, a ramp). The least that any
        claimant with a wish says counts.
    :ivar held: units that the member may be using: the greater of what it uses and of the grant that it goes by. What a
        member says here is taken for true; until it says less, nobody else gets it.
    """

    name: bytes
    wanted: int
    most: int
    held: int


@frozen
class Grant:
    """What a member may hold, in answer to its claim.

    However claims come, what members were granted and what they said they hold is together never more than ``most``,
    unless ``most`` itself became less. Where more is wanted than there is, it is divided evenly between those who want
    (nobody gets more than it wants; what one leaves is the others'); who holds a unit keeps it before who holds none.

    :ivar claimants: members that want some, this one among them if it does.
    :ivar most: units that all may hold together, by the least that any of them says; 0 when nobody wants any.
    """

    name: bytes
    units: int
    claimants: int
    most: int


@frozen
class Card:
    """What a member shows of itself to the others, and the hub of it.

    :ivar node: the node's name; its workers have the same.
    :ivar worker: 0 for a node of one process, else from 1.
    :ivar version: of the program.
    :ivar address: where its peers reach it (``host:port``); empty when they cannot.
    :ivar fingerprint: of the configuration that all members should share; unlike ones are a drift.
    :ivar state: ``up``, ``draining`` or ``leaving``.
    :ivar stressed: whether it is under stress.
    :ivar part: its directory in the spool.
    :ivar storage: names the file system that the spool lies on, as far as it can be told from others; empty: unknown.
    :ivar at: when it was written, by the member's clock.
    :ivar heard: when the hub was shown it, by the hub's clock; set by the hub. Their difference is skew.
    """

    member: str
    node: str
    worker: int
    version: str
    address: str
    fingerprint: str
    state: str
    stressed: bool
    part: str
    storage: str
    at: float
    heard: float = 0.0


@frozen
class Report:
    """What a member tells in one exchange.

    :ivar member: its id of this life; a restarted member has a new one (R28).
    :ivar version: of the change log as far as the member has it; 0 at first.
    :ivar records: at most `RECORDS_AT_ONCE`.
    :ivar changes: at most `CHANGES_AT_ONCE`.
    :ivar claims: at most `CLAIMS_AT_ONCE`; those that changed, and those that are to be granted anew.
    """

    member: str
    at: float
    version: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()
    claims: tuple[Claim, ...] = ()


@frozen
class News:
    """What an exchange brings back.

    :ivar version: of the change log with ``changes``; never used again, not even by a hub that forgot everything.
    :ivar changes: since the reported version, oldest first; those of the member itself among them. Of one scope the
        later holds (`Change.age`), in whatever order they come.
    :ivar records: of every row that was reported and that others have too, and of every row that another member changed
        since this member's last exchange, if the row's level changed or it has none, or if this member told of the row
        within `LATELY_SECONDS` (of what very many do it may not be told then): the *others'* parts, merged; zeros when
        nobody has one any more. At most `RECORDS_AT_ONCE` besides those reported; what does not fit comes next time.
    :ivar members: live ones, this one among them.
    :ivar whole: the hub does not know the member (a new one, one that was gone for `MEMBER_SECONDS`, or the hub has
        forgotten) or the reported version (too old, or another hub's): ``changes`` is all it knows. What the member
        knows beyond that, it tells again, its rows and claims too.
    :ivar grants: one for each claim of the report, in order; a claim that is nonsense is granted nothing.
    """

    version: int
    members: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()
    whole: bool = False
    grants: tuple[Grant, ...] = ()


class Hub(Protocol):
    """Where members meet."""

    @property
    def alone(self) -> bool:
        """Whether this hub can have no other member: then nobody needs to wait for an exchange."""

    def exchange(self, report: Report) -> Deferred[News]:
        """Tell and be told; one at a time.

        Fails (`HubAway`) when the hub cannot be reached; the next report says it all again. Fails with `ReportRefused`
        when the report is too large. Records and changes that are nonsense (an unknown kind, another number of values,
        no finite number) count for nothing, and the rest counts. May be cancelled.
        """

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        """Show one's card and get those of all members that live, each with its ``heard``; every few seconds.

        A card lives as long as its member: `MEMBER_SECONDS` after its last exchange or meeting, or until it leaves.
        Fails with `HubRefused` when this member may not join (it speaks another version, these are the members of
        another cluster of that name, there are `CARDS_MOST` already), or when no member can look like its card.
        """

    def leave(self, member: str) -> Deferred[None]:
        """Take back a member's parts at once, as its expiry would; nothing happens when it is not there."""
