"""What the node shows of sources and of who is let in: values, and at the same time their JSON.

As in ``admin.picture``: moments are wall-clock seconds since the epoch, durations seconds, and strings that came from
strangers are as received.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class EntryPicture:
    """What an operator, the configuration or a defence has decided about a network or a source.

    :ivar network: in CIDR notation, or an address.
    :ivar kind: ``allow``, ``deny`` or ``ban``.
    :ivar since: ``None`` for what the configuration says.
    :ivar until: ``None``: until it is revoked, or the configuration changes.
    :ivar by: an operator's name, a defence's, or ``configuration``.
    :ivar configured: it stands in the configuration and is changed there only.
    :ivar overruled: of a denial just made, what lets the network in all the same.
    """

    network: str
    kind: str
    since: float | None
    until: float | None
    reason: str = ""
    by: str = ""
    configured: bool = False
    overruled: str = ""


@frozen
class EntryPage:
    """One page of what is in force.

    :ivar total: entries in all, of the kind asked for.
    :ivar after: what to ask the next page with, ``None`` on the last.
    """

    entries: tuple[EntryPicture, ...]
    total: int
    after: str | None = None


@frozen
class DefencePicture:
    """What one defence knows of a source.

    :ivar name: as in the configuration: ``connections``, ``harvest``, ``greeting``, ``history``.
    :ivar mode: ``enforce``, ``observe`` or ``off``; ``""`` for what refuses nobody.
    :ivar refuses: why it would refuse this source now, in a clause; ``""``: it would not.
    :ivar until: when that ends by itself, if it does.
    :ivar told: counters with their limits, a clause each: ``3.0 of 30 connections in a minute``.
    """

    name: str
    mode: str = ""
    refuses: str = ""
    until: float | None = None
    told: tuple[str, ...] = ()


@frozen
class JudgementPicture:
    """What one judgement would do with a connection now.

    :ivar stage: ``connect``, ``greeting``, ``STARTTLS``, ``MAIL``, ``RCPT`` or ``content``.
    :ivar defence: as in the configuration, or ``lists``, ``capacity``, ``network``, ``recipients``, ``relay``,
        ``plugins``.
    :ivar does: ``passes``, ``refuses``, ``would refuse``, ``slows``, ``asks`` (what only the mail itself can tell),
        ``not asked`` or ``off``.
    :ivar mode: that holds now: ``enforce``, ``observe`` or ``off``; ``""`` for what has none.
    :ivar why: in a clause with figures.
    :ivar until: when that ends by itself, if it does.
    """

    stage: str
    defence: str
    does: str
    mode: str = ""
    why: str = ""
    until: float | None = None


@frozen
class RefusalPicture:
    """Refusals of a source that the journal has a line for.

    :ivar reference: what the client was told, and what the journal's line has.
    :ivar count: how many refusals that line stands for so far.
    """

    reference: str
    defence: str
    at: float
    count: int = 1


@frozen
class SourcePicture:
    """Why an address is treated as it is.

    :ivar address: the one asked for; ``source`` and ``network`` what it counts for (R16).
    :ivar acquaintance: ``known good``, ``neighbour`` or ``stranger`` (R19).
    :ivar entry: what is in force for it, the one that decides; ``None``: nothing.
    :ivar now: what a connection meets now: ``served``, ``slowed``, ``answered alike``, ``refused`` or
        ``refused for good``.
    :ivar why: in a clause with figures.
    :ivar until: when that ends by itself, if it does.
    :ivar greeting_delay: seconds.
    :ivar sessions: open from this source on this node.
    :ivar refusals: the latest, newest first.
    :ivar steps: every judgement in the order in which a connection meets them.
    """

    address: str
    source: str
    network: str
    acquaintance: str
    now: str
    why: str = ""
    until: float | None = None
    entry: EntryPicture | None = None
    greeting_delay: float = 0.0
    sessions: int = 0
    stressed: bool = False
    defences: tuple[DefencePicture, ...] = ()
    refusals: tuple[RefusalPicture, ...] = ()
    steps: tuple[JudgementPicture, ...] = ()


@frozen
class WorstPicture:
    """One of the sources that weigh most now.

    :ivar state: as `SourcePicture.now`.
    :ivar sessions: open on this node.
    :ivar connections: in the last minute, about.
    """

    source: str
    state: str
    why: str = ""
    until: float | None = None
    sessions: int = 0
    connections: float = 0.0
