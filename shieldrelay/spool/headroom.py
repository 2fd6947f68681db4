"""Whether there is room for more mail: arithmetic over what the file system has left (R14).

Pure: the owner asks ``Spool.space`` each second and calls `judge`; intake answers 452 while it says REFUSE, and for a
domain that `share_is_used_up`. A file system that counts no inodes (0 in all) is judged by octets alone.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.spool.entry import Tally
from shieldrelay.spool.operations import Space


class Level(Enum):
    """How much room there is."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@frozen
class Reserve:
    """What is kept free.

    :ivar octets: never less than this is free when a message is accepted.
    :ivar largest_message: octets; three times it for each session in DATA is kept free too.
    :ivar inode_share: of all inodes, kept free.
    :ivar warn_share: of all octets or inodes; less free than this is a warning.
    :ivar domain_share: of what is free and spooled together, the most that one domain may have.
    """

    octets: int = 2 << 30
    largest_message: int = 50 << 20
    inode_share: float = 0.02
    warn_share: float = 0.10
    domain_share: float = 0.60


@frozen
class Headroom:
    """A judgement with its reason.

    :ivar reason: one clause in our words; empty when all is well.
    """

    level: Level
    reason: str = ""


PLENTY = Headroom(Level.OK)


def judge(space: Space, reserve: Reserve, sessions_in_data: int) -> Headroom:
    """Judge what is left.

    :param sessions_in_data: how many sessions are sending content now.
    """
    needed = max(reserve.octets, 3 * reserve.largest_message * sessions_in_data)
    if space.octets_free < needed:
        return Headroom(Level.REFUSE, f"{space.octets_free} octets are free, and {needed} are kept in reserve")
    if space.inodes_free < reserve.inode_share * space.inodes_all:
        return Headroom(Level.REFUSE, f"{space.inodes_free} of {space.inodes_all} inodes are free")
    if space.octets_free < reserve.warn_share * space.octets_all:
        return Headroom(Level.WARN, f"{space.octets_free} of {space.octets_all} octets are free")
    if space.inodes_free < reserve.warn_share * space.inodes_all:
        return Headroom(Level.WARN, f"{space.inodes_free} of {space.inodes_all} inodes are free")
    return PLENTY


def share_is_used_up(domain: Tally, all_domains: Tally, space: Space, reserve: Reserve) -> bool:
    """Whether one domain's backlog has its share of the disk, so that it must not take the others'.

    :param domain: what the domain has spooled, ``all_domains`` what all have together.
    """
    octets = space.octets_free + all_domains.octets
    if domain.octets > reserve.domain_share * octets:
        return True
    inodes = space.inodes_free + all_domains.entries
    return space.inodes_all > 0 and domain.entries > reserve.domain_share * inodes
