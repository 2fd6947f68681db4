"""What is shown of alarms and of a domain's week: values and their JSON.

As ``admin.picture``: frozen, filled by the assembly, a field's name is part of the API.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class AlarmPicture:
    """One alarm, open or ended within a day.

    :ivar id: its kind and what it is about; the same on every node.
    :ivar level: ``error``: look now; ``warn``: look today.
    :ivar domain: the protected domain that it is about; ``None``: it is about none.
    :ivar about: what it is about; ``""``: the node.
    :ivar since: when it was opened; ``last`` when it was raised last, ``times`` how often.
    :ivar words: why, with figures; ``meaning`` what that means, ``todo`` what to do.
    :ivar ended: when it was over, ``None`` while it is open; ``end`` says how.
    """

    id: str
    kind: str
    level: str
    domain: str | None
    about: str
    node: str
    since: float
    last: float
    times: int
    words: str
    meaning: str
    todo: str
    ended: float | None = None
    end: str = ""


@frozen
class TestDone:
    """A test alarm was put on its way: to which webhooks and addresses."""

    webhooks: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@frozen
class SourceCountPicture:
    """One of the sources of whom most was refused."""

    source: str
    refused: int


@frozen
class ReportPicture:
    """What became of a domain's mail since a moment, at this node.

    :ivar since: seconds since the epoch; ``until`` now.
    :ivar accepted: messages taken from clients, ``refused`` recipients and messages refused, ``by`` reason.
    :ivar attacks: how often its shield went up; ``attack_seconds`` for how long in all.
    :ivar spooled: messages that had to be kept; ``delivered`` those of them that went out, ``expired`` that did not.
    :ivar outages: how often its servers were down; ``outage_seconds`` for how long in all.
    :ivar queued: messages in the spool now, ``held`` those set aside.
    :ivar recipients: entries of its list, ``None``: there is none; ``confirmed`` when its source confirmed it last.
    :ivar sources: of whom most was refused, the worst first.
    :ivar words: the report as plain text.
    """

    domain: str
    node: str
    since: float
    until: float
    accepted: int
    refused: int
    by: dict[str, int]
    attacks: int
    attack_seconds: float
    spooled: int
    delivered: int
    expired: int
    outages: int
    outage_seconds: float
    queued: int
    held: int
    recipients: int | None
    confirmed: float | None
    sources: tuple[SourceCountPicture, ...]
    words: str
