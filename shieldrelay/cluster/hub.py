"""The port between a member and the view that all members share (D3, D4, R28 to R30), and what goes through it.

One exchange each tick, batched both ways. Satisfied by `cluster.memory_hub`, and by whatever passes the suite in
``shieldrelay.testing.hub_contract``.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred


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


@frozen
class Report:
    """What a member tells in one exchange.

    :ivar member: its id of this life; a restarted member has a new one (R28).
    :ivar version: of the change log as far as the member has it; 0 at first.
    """

    member: str
    at: float
    version: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()


@frozen
class News:
    """What an exchange brings back.

    :ivar version: of the change log with ``changes``.
    :ivar changes: since the reported version, oldest first; those of the member itself among them.
    :ivar records: of every row that was reported, and of every row that another member changed since this member's last
        exchange: the *others'* parts, merged.
    :ivar members: live ones, this one among them.
    """

    version: int
    members: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()


class Hub(Protocol):
    """Where members meet."""

    @property
    def alone(self) -> bool:
        """Whether this hub can have no other member: then nobody needs to wait for an exchange."""

    def exchange(self, report: Report) -> Deferred[News]:
        """Tell and be told; one at a time. Fails when the hub cannot be reached; the next report says it all again."""

    def leave(self, member: str) -> Deferred[None]:
        """Take back a member's parts at once, as its expiry would."""
