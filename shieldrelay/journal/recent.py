"""What happened lately, of the kinds that operators look back at: the last some of each, in memory.

A flood of one kind does not push out another. Kept as the journal encoded it, which is safe and clipped, and parsed
when somebody asks. Filled by `Journal.event`.
"""

from __future__ import annotations

import heapq
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


ABOUT = ("domain", "peer", "source", "network")
"""Fields that say what an event is about."""


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

    def newest(self, names: Collection[str], since: float, about: str = "") -> Iterator[Happening]:
        """Give what happened after a moment, newest first; what is not asked for is not parsed.

        :param names: of these kinds; of none: of all.
        :param about: of this protected domain, or this source or network; empty: of all.
        """
        wanted = [_backwards(name, kept, since) for name, kept in self._kept.items() if not names or name in names]
        word = json.dumps(about)
        for at, name, said in heapq.merge(*wanted, key=lambda each: -each[0]):
            if about and word not in said:
                continue
            fields = json.loads(f"{{{said[1:]}}}")
            if not about or any(fields.get(each) == about for each in ABOUT):
                yield Happening(at, name, fields)


def _backwards(name: str, kept: deque[tuple[float, str]], since: float) -> Iterator[tuple[float, str, str]]:
    """Give those of one kind after a moment, newest first."""
    return ((at, name, said) for at, said in reversed(kept) if at > since)
