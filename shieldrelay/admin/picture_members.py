"""What is shown of the cluster's members, of a drain, and of domains that were pushed: values and their JSON.

As ``admin.picture``: frozen, filled by the assembly, a field's name is part of the API.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class MemberPicture:
    """One process of the cluster.

    :ivar member: its id of this life; ``part`` its directory in the spool.
    :ivar state: ``up``, ``draining``, ``leaving``; ``lost``: it told nothing any more; ``left``: it went in good order.
    :ivar hub: how it stands with the hub, by its own word: ``shared``, ``degraded``, ``local``; empty when it was not
        asked or did not answer.
    :ivar skew: by how many seconds its clock is ahead of the hub's, as far as can be told; negative: behind.
    :ivar differs: parts of its configuration that are not as this node's.
    :ivar heard: when it was heard of last.
    :ivar sessions: SMTP sessions open now, and ``queued`` messages in its spool; ``None`` when it did not answer.
    :ivar drain: how far a drain is (`DrainPicture.phase`).
    :ivar trouble: why it did not answer, or what it says is wrong with it; empty: nothing.
    :ivar ours: whether it is of the node that was asked.
    """

    member: str
    node: str
    worker: int
    version: str
    address: str
    state: str
    part: str
    heard: float
    skew: float = 0.0
    differs: tuple[str, ...] = ()
    stressed: bool = False
    hub: str = ""
    sessions: int | None = None
    queued: int | None = None
    drain: str = ""
    trouble: str = ""
    ours: bool = False


@frozen
class DrainPicture:
    """How far the drain of a process is.

    :ivar phase: empty: none; ``ending`` sessions; ``delivering`` what is due; ``handing over``; ``drained``: nothing
        is left; ``waiting``: mail is left, which nobody takes or which is not to be handed over.
    :ivar since: when it was asked for.
    :ivar hand_over: whether mail is given to other nodes.
    :ivar sessions: open still; ``left`` messages in the spool, those on hold too.
    :ivar handed_over: messages that other nodes have taken.
    :ivar trouble: why mail is left.
    """

    phase: str = ""
    since: float | None = None
    hand_over: bool = True
    sessions: int = 0
    left: int = 0
    handed_over: int = 0
    trouble: str = ""


@frozen
class PushedPicture:
    """A domain that was given at run time.

    :ivar at: when, and ``by`` whom.
    :ivar state: ``in force``; or ``hidden``: a file of this node's configuration has one of its names.
    :ivar text: its settings, TOML.
    """

    domain: str
    at: float
    by: str
    state: str
    text: str
