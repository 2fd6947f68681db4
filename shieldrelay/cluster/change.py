"""What is decided for the whole cluster about a source or a network: an entry of the change log (R30).

Of two changes of one scope the later holds, wherever and whenever they are heard of. Pure values, lent to `shield`.
"""

from __future__ import annotations

import math
from enum import Enum

from attrs import frozen

TOMBSTONE_SECONDS = 7 * 86400.0
"""How long a log remembers that something was released or revoked: an older word of it is then not believed again."""


class ChangeKind(Enum):
    """What is decided for the whole cluster, by a defence or by an operator (R30)."""

    BAN = "ban"
    RELEASE = "release"
    ALLOW = "allow"
    DENY = "deny"
    REVOKE = "revoke"
    DOWN = "down"
    """A domain's next hops do not work: its breaker is open, everywhere."""
    UP = "up"
    """They answer again: everybody ramps."""
    CONTRADICTED = "contradicted"
    """They never stopped answering, for another member at least: the word before was only its own member's."""
    VERSION = "version"
    """A list of recipients has a new version, which the named member can hand out."""
    DOMAIN = "domain"
    """A protected domain was pushed, changed or withdrawn; the named member can hand its settings out."""
    STRESS = "stress"
    CALM = "calm"


class Realm(Enum):
    """What a change is about: of two with one realm and subject the later holds."""

    SOURCE = "source"
    NETWORK = "network"
    NEXT_HOP = "next_hop"
    LIST = "list"
    DOMAIN = "domain"
    MEMBER = "member"


REALMS = {
    ChangeKind.BAN: Realm.SOURCE,
    ChangeKind.RELEASE: Realm.SOURCE,
    ChangeKind.ALLOW: Realm.NETWORK,
    ChangeKind.DENY: Realm.NETWORK,
    ChangeKind.REVOKE: Realm.NETWORK,
    ChangeKind.DOWN: Realm.NEXT_HOP,
    ChangeKind.UP: Realm.NEXT_HOP,
    ChangeKind.CONTRADICTED: Realm.NEXT_HOP,
    ChangeKind.VERSION: Realm.LIST,
    ChangeKind.DOMAIN: Realm.DOMAIN,
    ChangeKind.STRESS: Realm.MEMBER,
    ChangeKind.CALM: Realm.MEMBER,
}


@frozen
class Change:
    """One entry of the change log.

    :ivar id: unique, from `mail.identity`; asking twice with one id changes once.
    :ivar subject: the source (octets) for BAN and RELEASE; a network in CIDR notation, ASCII, for ALLOW, DENY,
        REVOKE; a domain for DOWN, UP, VERSION, DOMAIN; a member's id for STRESS, CALM.
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
    def scope(self) -> tuple[Realm, bytes]:
        """What the change is about: of two with one scope the later holds. A source's bans, or a network's lists."""
        return REALMS[self.kind], self.subject

    @property
    def age(self) -> tuple[float, str]:
        """The order in which changes of one scope supersede each other, wherever and whenever they are heard of."""
        return self.at, self.id

    @property
    def over_at(self) -> float:
        """When it needs to be remembered no more, in seconds since the epoch; infinity: never."""
        if self.kind in _ENDINGS:
            return self.at + TOMBSTONE_SECONDS
        return math.inf if self.until is None else self.until

    def is_over(self, now_wall: float) -> bool:
        """Whether it needs to be remembered no more."""
        return self.over_at <= now_wall


_ENDINGS = (ChangeKind.RELEASE, ChangeKind.REVOKE, ChangeKind.UP, ChangeKind.CONTRADICTED, ChangeKind.CALM)
