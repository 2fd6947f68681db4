"""Who of a node's workers is asked for each route, and what is made of what they say: one row a route.

`ROWS` is the table, with a row for every route of ``admin.api``. Values only; ``workers.router`` does what they say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any
from urllib.parse import parse_qs

from attrs import field, frozen

from shieldrelay.workers import sums
from shieldrelay.workers.sums import Said

_PAGE, _WORST, _LATELY = 100, 20, 200
"""How many each of these routes gives where nobody says a number."""


class Whom(Enum):
    """Who is asked."""

    LEADER = "leader"
    """The one that fetches lists: what it knows, the others know, or look up where it wrote it."""
    ALL = "all"
    """All, and their answers are merged."""
    HOLDER = "holder"
    """All, and the answer is of the one that has what is asked for."""
    STATUS = "status"
    """All, and each is shown."""
    METRICS = "metrics"
    """All, and what each measured stands beside the others'."""
    IN_TURN = "in turn"
    """The leader; when it has done it, the others: what it refuses, nobody does."""


@frozen
class Row:
    """How a route is answered.

    :ivar merge: for `Whom.ALL`: of what was said and how many the request wants.
    :ivar limit: how many it wants when it does not say.
    :ivar configures: what it did is part of the configuration, which the parent reads again.
    :ivar told: for a body that names this field, the holder is asked instead.
    """

    whom: Whom
    merge: Callable[[Said, int], Any] | None = None
    limit: int = field(default=0, kw_only=True)
    configures: bool = field(default=False, kw_only=True)
    told: str = field(default="", kw_only=True)

    def merged(self, said: Said, query: bytes) -> Any:
        """Give one answer of several."""
        assert self.merge is not None
        return self.merge(said, _limit(query, self.limit))

    def holder_asked(self, body: bytes) -> bool:
        """Whether the holder of something is asked."""
        if self.whom is Whom.HOLDER or not self.told:
            return self.whom is Whom.HOLDER
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return isinstance(given, dict) and given.get(self.told) is not None


def _limit(query: bytes, default: int) -> int:
    """Read the limit that the workers will check."""
    written = parse_qs(query.decode("latin-1")).get("limit", [""])[-1]
    return int(written) if written.isascii() and written.isdigit() and len(written) < 6 else default


def _all(merge: Callable[[Said], Any]) -> Row:
    return Row(Whom.ALL, lambda said, _limit: merge(said))


ALARMS = _all(sums.alarms)
"""To what the workers say the parent adds its own."""
_LEADER, _HOLDER = Row(Whom.LEADER), Row(Whom.HOLDER)

ROWS: dict[tuple[str, str], Row] = {
    ("GET", "status"): Row(Whom.STATUS),
    ("GET", "queue"): Row(Whom.ALL, sums.queue, limit=_PAGE),
    ("GET", "messages/{id}"): _HOLDER,
    ("DELETE", "messages/{id}"): _HOLDER,
    ("GET", "messages/{id}/eml"): _HOLDER,
    ("POST", "messages/{id}/bounce"): _HOLDER,
    ("POST", "messages/{id}/hold"): _HOLDER,
    ("POST", "messages/{id}/release"): _HOLDER,
    ("POST", "domains/{domain}/flush"): _all(sums.flushed),
    ("POST", "domains/{domain}/drill"): _all(sums.drilled),
    ("POST", "domains/{domain}/believe"): _all(sums.believed),
    # who took the message remembers it; of a client the leader tells the others
    ("POST", "domains/{domain}/reports"): Row(Whom.LEADER, told="message"),
    ("POST", "reload"): Row(Whom.IN_TURN, configures=True),
    ("GET", "alarms"): ALARMS,
    # whoever leads tells who wants to know
    ("POST", "alarms/test"): _LEADER,
    ("GET", "domains/{domain}/report"): _all(sums.week),
    ("GET", "metrics"): Row(Whom.METRICS),
    ("GET", "sources"): Row(Whom.ALL, sums.worst_sources, limit=_WORST),
    ("GET", "sources/{address}"): _all(sums.source),
    ("POST", "sources/{network}/release"): _all(sums.released),
    ("GET", "entries"): _LEADER,
    ("POST", "entries"): _all(sums.first),
    ("DELETE", "entries/{network}"): _all(sums.revoked),
    ("GET", "defences"): _all(sums.stances),
    ("POST", "defences/{defence}"): Row(Whom.IN_TURN, configures=True),
    ("GET", "counted"): _all(sums.counted),
    ("GET", "happenings"): Row(Whom.ALL, sums.happenings, limit=_LATELY),
    # lists are files that the leader writes and all read
    ("GET", "recipients/{domain}"): _LEADER,
    ("GET", "recipients/{domain}/import"): _LEADER,
    ("POST", "recipients/{domain}/import"): _LEADER,
    ("POST", "recipients/{domain}/push"): _LEADER,
    ("POST", "recipients/{domain}/rollback"): _LEADER,
    ("POST", "recipients/{domain}/accept"): _LEADER,
    ("POST", "recipients/{domain}/enforce"): _LEADER,
    ("POST", "recipients/{domain}/observe"): _LEADER,
    ("GET", "addresses/{address}"): _LEADER,
    # any of them may take a part over, and asks the others about members by itself
    ("GET", "parts"): _LEADER,
    ("POST", "parts/{part}/adopt"): _LEADER,
    ("GET", "members"): _LEADER,
    ("GET", "member"): _LEADER,
    ("GET", "drain"): _all(sums.drained),
    ("POST", "drain"): _all(sums.drained),
    ("POST", "resume"): _all(sums.drained),
    # a node has one index of all its workers' journals
    ("GET", "trace"): _LEADER,
    ("GET", "trace/{id}"): _LEADER,
    ("GET", "trace-index"): _LEADER,
    # the leader writes pushed domains, and the others read the configuration again when it has
    ("GET", "pushed"): _LEADER,
    ("POST", "pushed"): Row(Whom.LEADER, configures=True),
    ("DELETE", "pushed/{name}"): Row(Whom.LEADER, configures=True),
}
"""By method, and pattern below ``/api/v1/``."""
