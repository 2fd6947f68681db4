"""What is shown of the trace: lines of the journal that were found, a story, and how the index stands.

As ``admin.picture``: frozen, a field's name is part of the API. Strings that came from strangers are as the journal has
them, escaped and clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class TraceLinePicture:
    """One line of the journal, or several that were drawn together.

    :ivar place: where it stands in the index of its node; what ``newer`` takes.
    :ivar at: seconds since the epoch, by its node's clock.
    :ivar worker: which process of the node told it; 0: its only one, or the parent.
    :ivar event: as in the reference of the journal: ``session``, ``transaction``, ``attempt``, ``refused`` ...
    :ivar session: the id of the client's session, which is also the reference that a refusal names.
    :ivar message: the id of the message.
    :ivar source: the client's address.
    :ivar sender: the reverse-path; ``<>``: the null one; empty: the line has none.
    :ivar recipients: as far as the line names them. A ``~`` begins what stands for a local-part that is not kept.
    :ivar domain: the protected domain that it is about, as far as that is known.
    :ivar code: of the reply to the client.
    :ivar result: what came of it, in the line's own word.
    :ivar defence: who refused, and ``reason`` why.
    :ivar count: for how many lines this one stands: floods are drawn together.
    :ivar fields: everything else that the line says.
    """

    place: str
    at: float
    node: str
    event: str
    worker: int = 0
    level: str = "info"
    session: str = ""
    message: str = ""
    source: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    domain: str = ""
    code: int | None = None
    result: str = ""
    defence: str = ""
    reason: str = ""
    count: int = 1
    fields: Mapping[str, Any] = field(factory=dict)


@frozen
class TraceIndexPicture:
    """How a node's index stands.

    :ivar state: ``current``; ``behind``: it reads what is older than some seconds; ``shedding``: so far behind that it
        takes samples; ``stopped``: its process does not run; ``full``: its disk has no room; ``off``: there is none.
    :ivar behind_seconds: how old what it reads now is; ``behind_octets`` how much of the journal it has before it.
    :ivar oldest: when the oldest line that can be found was told; ``None``: there is none.
    :ivar lines: that it has; ``octets`` on disk.
    :ivar drawn_together: lines that were counted instead of kept, since it was started; ``shed`` those that were
        passed over while it was behind; ``unreadable`` what was no line of a journal.
    :ivar reason: what is wrong with it.
    """

    state: str = "off"
    behind_seconds: float = 0.0
    behind_octets: int = 0
    oldest: float | None = None
    lines: int = 0
    octets: int = 0
    drawn_together: int = 0
    shed: int = 0
    unreadable: int = 0
    reason: str = ""


@frozen
class TracePage:
    """What was found, the latest first; the other way round when ``newer`` was given.

    :ivar after: what to ask the next page with; ``None``: there is nothing more.
    :ivar newest: the place of the newest line, for ``newer``.
    :ivar searched_to: how far back the search came when its time was up before the page was full; ``None``: it was not.
    :ivar index: of the node that was asked.
    :ivar silent: of all nodes, those that did not answer, and why.
    """

    lines: tuple[TraceLinePicture, ...] = ()
    after: str | None = None
    newest: str = ""
    searched_to: float | None = None
    index: TraceIndexPicture = field(factory=TraceIndexPicture)
    silent: tuple[str, ...] = ()


@frozen
class StoryPicture:
    """All that is known of a session or a message, in the order of time.

    :ivar id: that was asked for.
    :ivar sessions: their ids, and those of all ``messages``, notices included.
    :ivar whole: whether there is no more than is shown.
    """

    id: str
    sessions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    lines: tuple[TraceLinePicture, ...] = ()
    whole: bool = True
    silent: tuple[str, ...] = ()
