"""What happened lately, of the kinds that operators look back at: the last some of each, in memory.

A flood of one kind does not push out another. Kept as the journal encoded it, which is safe and clipped, and parsed
when somebody asks. Filled by `Journal.event`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from attrs import frozen

EACH_MOST = 400
"""How many of a kind are kept."""

KEPT = frozenset(
    (
        "harvest_shield", "harvest_box", "exploit", "sentence", "stress", "ban", "released_source", "list_changed",
        "hub_state", "member_joined", "member_left", "clock_skew", "configuration_drift", "would_refuse",
        "connection_refused", "breaker", "bounce_guard", "drill", "next_hop_fault", "alarm", "alarm_over", "headroom",
        "list_adopted", "list_refused", "list_stale", "list_fresh", "list_enforced", "list_import_failed",
        "list_contradicted", "worker_up", "worker_ended", "reload", "reload_refused", "drain", "adopted",
        "adoption_begun", "domain_pushed", "learned", "feed_failed", "flushed", "expired", "content_refused", "bounced",
    )
)  # fmt: skip
"""The kinds."""


@frozen
class Happening:
    """One event.

    :ivar at: seconds since the epoch.
    :ivar fields: as in the journal.
    """

    at: float
    event: str
    fields: dict[str, Any]


class Recent:
    """Keeps them."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[float, str]]] = {}

    def add(self, name: str, at: float, said: str) -> None:
        """Keep one.

        :param said: its fields, as `encoding.encode_fields` gives them.
        """
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = deque(maxlen=EACH_MOST)
        kept.append((at, said))

    def newest(self, names: Collection[str], since: float) -> Iterator[Happening]:
        """Give what happened after a moment, newest first.

        :param names: of these kinds; of none: of all.
        """
        found = [
            (at, name, said)
            for name, kept in self._kept.items()
            if not names or name in names
            for at, said in kept
            if at > since
        ]
        found.sort(key=lambda each: each[0], reverse=True)
        for at, name, said in found:
            yield Happening(at, name, json.loads(f"{{{said[1:]}}}"))
