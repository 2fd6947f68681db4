"""Every alarm, declared by name. `docs/alarms.md` is rendered from this table.

To add one, add a row here and say in `alarms.rules` which events open and end it.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Level(Enum):
    """How much an alarm matters."""

    WARN = "warn"
    """Look at it today."""
    ERROR = "error"
    """Look at it now."""

    def covers(self, other: Level) -> bool:
        """Whether who wants this level and worse wants the other too."""
        return self is Level.WARN or other is Level.ERROR


@frozen
class AlarmKind:
    """One kind of alarm.

    :ivar about: what it names: ``domain``, ``node``, or what else it may be open for more than once.
    :ivar words: what it means, in a sentence.
    :ivar todo: what to do, in a sentence.
    :ivar lasts: seconds after which it ends by itself, for what nothing says the end of; ``None``: an event ends it.
    """

    level: Level
    about: str
    words: str
    todo: str
    lasts: float | None = None


_HOUR = 3600.0


def _error(about: str, words: str, todo: str, lasts: float | None = None) -> AlarmKind:
    return AlarmKind(Level.ERROR, about, words, todo, lasts)


def _warn(about: str, words: str, todo: str, lasts: float | None = None) -> AlarmKind:
    return AlarmKind(Level.WARN, about, words, todo, lasts)


KINDS: dict[str, AlarmKind] = {
    # the protected domains
    "attack": _warn(
        "domain",
        "Somebody tries out which addresses a domain has; strangers hear nothing for certain until it is over.",
        "Nothing has to be done; `shieldrelayctl sources` shows who it is.",
    ),
    "next_hop_down": _error(
        "domain",
        "The domain's servers do not take mail; what comes for it is kept in the spool.",
        "See to the server behind this node. Mail goes out by itself once it answers.",
    ),
    "bounce_guard": _error(
        "domain",
        "The domain's server refuses recipients as it never did; the refusals are held back (R5).",
        "Ask whether the refusals are meant; if they are, `shieldrelayctl believe DOMAIN`.",
    ),
    "list_stale": _warn(
        "domain",
        "The list of recipients has not been confirmed by its source for long; it stays in force.",
        "See why its source cannot be read: `shieldrelayctl recipients show DOMAIN`.",
    ),
    "list_refused": _error(
        "domain",
        "A new list of recipients was not taken, since a guard objects; what is in force stays.",
        "Look at the list's source; if it is right, `shieldrelayctl recipients accept DOMAIN`.",
    ),
    "list_unreadable": _warn(
        "domain",
        "The source of a list of recipients could not be read; what is in force stays, and it is tried again.",
        "See to the source: the journal's `list_import_failed` says what failed.",
    ),
    "list_damaged": _error(
        "domain",
        "A version of a list of recipients cannot be read from the disk; another one is used.",
        "See to the disk, then import the list again.",
        _HOUR,
    ),
    "domain_share": _error(
        "domain",
        "The domain's mail has used up its share of the spool; further mail for it is asked to come later.",
        "See to the domain's server, or give the spool more room.",
    ),
    "orphaned_mail": _error(
        "domain",
        "Mail is in the spool for a domain that is not configured; nobody delivers it.",
        "Configure the domain again, or delete the mail.",
        24 * _HOUR,
    ),
    # this node
    "disk": _error(
        "node",
        "The spool's disk is short of space or files, or hangs; below the reserve mail is asked to come later.",
        "Make room, or see to the disk.",
    ),
    "certificate": _warn(
        "node",
        "A certificate of the node ends soon.",
        "Renew the file that the configuration names, and reload.",
    ),
    "stress": _warn(
        "node",
        "More comes in than the node can serve well; it serves the known before the unknown.",
        "`shieldrelayctl status` says of what there is too much.",
    ),
    "worker": _error(
        "worker",
        "One of the node's processes ends again and again, or hung.",
        "The journal's `worker_ended`, `log` and `bug` say why.",
    ),
    "reload_refused": _warn(
        "node",
        "A new configuration is faulty; the old one stays in force.",
        "Mend what the journal's `reload_refused` names, and reload.",
    ),
    "bug": _error(
        "where",
        "Something went wrong that must not; mail that was under way then was asked to come later.",
        "Report the journal's line with its traceback.",
        _HOUR,
    ),
    "journal_lost": _error(
        "node",
        "The journal could not be written for a while, and lines are lost.",
        "See to the journal's disk, or to who reads its pipe.",
        _HOUR,
    ),
    "feed": _warn(
        "feed",
        "A feed of active spammers cannot be read; the last good one stays.",
        "See to the feed's source.",
    ),
    "dns": _warn(
        "node",
        "The name servers do not answer; what depends on names says nothing.",
        "See to the name servers of `[resolver]`.",
    ),
    "dns_list": _warn(
        "list",
        "A DNS list answers its test points wrongly and is not used.",
        "Ask who runs the list; take it out if it is gone.",
    ),
    "zone": _warn(
        "node",
        "The zone of our worst sources cannot be answered.",
        "The words say why.",
        _HOUR,
    ),
    "admin_certificate": _warn(
        "node",
        "The administration's renewed certificate cannot be used; the old one stays.",
        "Look at the files of `[admin]`, and reload.",
        24 * _HOUR,
    ),
    # the cluster
    "hub": _warn(
        "node",
        "The node cannot reach the others' hub; it goes on with what it knows.",
        "See to the Redis server, or to the way there.",
    ),
    "member_lost": _error(
        "member",
        "Another node of the cluster is gone without having said so.",
        "See whether it runs and reaches the hub. Its mail is taken over where the spool is shared.",
    ),
    "member_unnamed": _warn(
        "member",
        "A node has joined from an address that the customers' firewalls are not known to let in.",
        "Have customers let it in, then add it to `[alarms] nodes`.",
    ),
    "takeover": _warn(
        "member",
        "A lost node's part of the spool has been taken over.",
        "See why that node was lost.",
        24 * _HOUR,
    ),
    "taken_from_here": _error(
        "node",
        "Another node took this one for lost and has its mail; this one began anew.",
        "See docs/operations.md, a lost node comes back.",
        24 * _HOUR,
    ),
    "spool_failed": _error(
        "node",
        "The disk failed a write of the spool; senders were asked to come later.",
        "Look at the kernel's log, at rights and quotas.",
        _HOUR,
    ),
    "lost_part": _warn(
        "node",
        "A lost node's part of the spool is there and cannot be taken over.",
        "The words say why; `shieldrelayctl parts` shows it.",
        24 * _HOUR,
    ),
    "clock": _warn("node", "The node's clock is not that of the others.", "Have the clock set by NTP."),
    "drift": _warn(
        "node",
        "The nodes' configurations differ.",
        "`shieldrelayctl members` says in what; make them alike, and reload.",
    ),
    # all else
    "other": _warn("alarm", "An alarm that has no kind of its own yet.", "The words say what it is.", 24 * _HOUR),
    "test": _warn("node", "Somebody tries out whether alarms arrive.", "Nothing.", 1.0),
}
"""Name to declaration."""
