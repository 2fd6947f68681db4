"""What the node shows of itself: the values behind the control API, and at the same time their JSON.

Frozen values only; the assembly fills them, ``admin.api`` turns them into JSON by their field names, so a field's name
is part of the API. All moments are wall-clock seconds since the epoch, all sizes octets, all durations seconds. Strings
that came from strangers are as received: whoever shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict, field, frozen


@frozen
class NextHopPicture:
    """One next hop.

    :ivar name: ``host:port`` as configured.
    :ivar state: ``up``, ``down`` or ``untried``.
    :ivar reason: why it is down.
    :ivar tls: protocol version of the last connection, or why there is none.
    """

    name: str
    state: str
    connections: int = 0
    reason: str = ""
    tls: str = ""


@frozen
class DomainPicture:
    """One protected domain.

    :ivar breaker: ``closed``, ``open``, ``probing`` or ``ramping``; ``since`` when.
    :ivar reason: why the breaker is not closed.
    :ivar drill_until: end of a drill, if there is one.
    :ivar queued: messages in the spool that wait or are tried; ``held`` those set aside by the operator.
    :ivar oldest: when the oldest queued one arrived.
    :ivar drain: seconds in which what is queued will be delivered, at the rate of the last minutes or, if that is less,
        the declared one; ``None`` while nothing has gone out, or nothing can. Only an estimate.
    :ivar ramp_limit: connections that may be open here now; ``pace_limit`` those that the domain's pace allows.
    :ivar suspicious_since: since when the bounce guard holds refusals back (R5).
    :ivar shield: how far the domain is shielded against harvesting: ``calm``, ``wary`` or ``shield``;
        ``shield_since`` when that began, ``shield_reason`` with its figures.
    :ivar recipients: how its list stands: ``enforced``, ``observed``, ``any`` or ``missing``; ``recipients_trouble``
        what somebody should look at.
    """

    domain: str
    breaker: str
    since: float
    reason: str = ""
    drill_until: float | None = None
    queued: int = 0
    held: int = 0
    octets: int = 0
    oldest: float | None = None
    drain: float | None = None
    in_flight: int = 0
    ramp_limit: int = 0
    pace_limit: int = 0
    suspicious_since: float | None = None
    shield: str = "calm"
    shield_since: float | None = None
    shield_reason: str = ""
    recipients: str = ""
    recipients_trouble: str = ""
    next_hops: tuple[NextHopPicture, ...] = ()


@frozen
class StressPicture:
    """Whether the node is under stress (D9), since when and why."""

    on: bool = False
    since: float | None = None
    reason: str = ""


@frozen
class HubPicture:
    """What the node shares with others (D4).

    :ivar hub: as configured, without a password.
    :ivar state: ``local``, ``degraded`` or ``shared``.
    :ivar members: live ones, this one among them.
    :ivar since: when that state began, seconds since the epoch; ``None`` for ``local``.
    :ivar reason: why nothing is shared now; empty when it is.
    :ivar tick: seconds between exchanges now; ``None`` when there is nobody to exchange with.
    """

    hub: str = "memory:"
    state: str = "local"
    members: int = 1
    since: float | None = None
    tick: float | None = None
    reason: str = ""


@frozen
class SpoolPicture:
    """The disk under the spool (R14); ``state`` is ``ok``, ``low`` or ``refusing``."""

    path: str
    state: str
    octets_free: int
    inodes_free: int
    reason: str = ""


@frozen
class NoticesPicture:
    """Notices (R8): waiting in the spool, and withheld since the start."""

    queued: int = 0
    withheld: int = 0
    over_budget: int = 0


@frozen
class CountsPicture:
    """What has happened since the start: numbers that only grow, of which rates are made.

    :ivar accepted: messages for which 250 was said; ``turned_down``: those that got another answer after their content,
        4xx or 5xx.
    :ivar refused: connections, commands and recipients that were refused, by defence.
    :ivar observed: those that would have been, if the defence did not only observe.
    :ivar delivered: attempts after which nobody waited for the message any more; ``deferred``: how often a message was
        spooled, or put off to its next attempt.
    """

    accepted: int = 0
    turned_down: int = 0
    delivered: int = 0
    deferred: int = 0
    expired: int = 0
    refused: Mapping[str, int] = field(factory=dict)
    observed: Mapping[str, int] = field(factory=dict)


@frozen
class WorkerPicture:
    """One of the processes of a node.

    :ivar state: ``up``, ``starting``, ``silent`` (it listens and does not answer) or ``down`` (it will be started).
    :ivar since: when it was started last; ``starts``: how often.
    :ivar leads: whether it is the one that fetches lists.
    :ivar sessions: open now; ``connections``: accepted since it was started.
    """

    number: int
    state: str
    pid: int | None
    since: float
    starts: int
    leads: bool = False
    sessions: int = 0
    connections: int = 0
    queued: int = 0


@frozen
class NodePicture:
    """The node.

    :ivar started: when.
    :ivar sessions: SMTP sessions open now, ``in_content`` of them receiving content.
    :ivar tls_expires: when the first of our certificates ends, ``None`` without any.
    :ivar alarms: what an operator should look at, a sentence each.
    :ivar connections: accepted since the start.
    :ivar workers: the processes of a node that has several.
    """

    node: str
    version: str
    now: float
    started: float
    sessions: int
    in_content: int
    spool: SpoolPicture
    notices: NoticesPicture
    domains: tuple[DomainPicture, ...]
    tls_expires: float | None = None
    tls_names: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    stress: StressPicture = StressPicture()
    hub: HubPicture = HubPicture()
    connections: int = 0
    workers: tuple[WorkerPicture, ...] = ()
    counts: CountsPicture = CountsPicture()


@frozen
class QueuedPicture:
    """One message in the queue.

    :ivar state: ``waiting``, ``in flight`` or ``held``.
    :ivar reason: why the last attempt did not settle it.
    :ivar name: of its file in the spool; names sort by the time of arrival.
    """

    id: str
    domain: str
    state: str
    arrived: float
    due: float
    size: int
    sender: str = ""
    recipients: tuple[str, ...] = ()
    attempts: int = 0
    reason: str = ""
    name: str = ""


@frozen
class QueuePage:
    """One page of the queue, by time of arrival.

    :ivar total: messages in all, as far as they are counted.
    :ivar after: what to ask the next page with, ``None`` on the last.
    """

    messages: tuple[QueuedPicture, ...]
    total: int
    after: str | None = None


@frozen
class RecipientPicture:
    """One recipient of a message; ``state`` is ``waiting``, ``taken`` or ``refused``."""

    address: str
    state: str


@frozen
class MessagePicture:
    """One message in full.

    :ivar expires: when it is given up.
    :ivar client: address and name of the client that brought it.
    :ivar header: its header block, at most 16 KiB, undecodable octets replaced.
    """

    id: str
    domain: str
    state: str
    arrived: float
    due: float
    size: int
    sender: str
    recipients: tuple[RecipientPicture, ...]
    expires: float | None = None
    attempts: int = 0
    last_attempt: float | None = None
    reason: str = ""
    client: str = ""
    header: str = ""


@frozen
class ReloadPicture:
    """What a reload came to: a sentence for each change; ``errors`` non-empty means that nothing changed."""

    changes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def as_json(picture: Any) -> Any:
    """Give the JSON value of a picture."""
    return asdict(picture)
