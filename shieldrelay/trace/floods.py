"""`Floods`: what comes in masses is counted and told in one line, so that it pushes nothing else out of the index.

Of what a source is refused, and of sessions that bring nothing, so many a minute are kept whole; the rest of the minute
is one line with a count. So too of what many sources together are refused. What was accepted is never drawn together.
Bounded; the time is the lines' own.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from shieldrelay.trace import words
from shieldrelay.trace.words import Fields

MINUTE = 60.0
OF_SOURCE = 60
"""Lines of a source, an event and a reason that are kept whole in a minute."""
OF_ALL = 1200
"""Lines of an event and a reason, from all sources."""
KEYS_MOST = 20_000
NAMED_MOST = 32
"""So many sessions and recipients are named in the line that stands for many."""

_ALWAYS = frozenset(
    {"refused", "connection_refused", "violation", "would_refuse", "early_talk", "tls_failed", "exploit",
     "proxy_refused", "content_refused", "sentence"}
)  # fmt: skip

Key = tuple[str, ...]


@define
class Flood:
    """What is drawn together."""

    sample: dict[str, Any]
    began: str
    until: str = ""
    count: int = 0
    sources: set[str] = field(factory=set)
    sessions: list[str] = field(factory=list)
    recipients: list[str] = field(factory=list)

    def add(self, fields: Fields) -> None:
        """Count one more."""
        self.count += 1
        self.until = fields["ts"]
        if len(self.sources) < 10_000:
            self.sources.add(words.source(fields))
        _name(self.sessions, words.text(fields, "session"))
        for each in words.recipients(fields):
            _name(self.recipients, each)

    def line(self) -> dict[str, Any]:
        """Give the line that stands for all."""
        line = {name: value for name, value in self.sample.items() if name not in ("session", "recipient", "port")}
        if len(self.sources) > 1:
            line.pop("peer", None)
        return {
            **line,
            "ts": self.until,
            "count": self.count,
            "began": self.began,
            "sources": len(self.sources),
            "sessions": self.sessions,
            "recipients": self.recipients,
        }


class Floods:
    """Counts.

    :ivar drawn_together: lines that were counted instead of kept.
    """

    def __init__(self) -> None:
        self.drawn_together = 0
        self._counts: dict[Key, int] = {}
        self._floods: dict[Key, Flood] = {}
        self._began = 0.0

    def whole(self, fields: Fields, at: float) -> bool:
        """Say whether a line is to be kept whole; if not, it is counted here."""
        if not _is_cheap(fields):
            return True
        kind = (fields["event"], words.text(fields, "defence") or words.result(fields))
        around = words.network(words.source(fields)) or words.source(fields)
        for key, most in (((*kind, around), OF_SOURCE), (kind, OF_ALL)):
            if not self._has_room(key, most):
                self._add(key, fields)
                return False
        return True

    def over(self, at: float) -> list[dict[str, Any]]:
        """Give the lines of a minute that is over; none while it lasts. A clock that steps back ends it too."""
        if 0 <= at - self._began < MINUTE:
            return []
        self._began = at
        return self.ended()

    def ended(self) -> list[dict[str, Any]]:
        """Give all lines now, and begin anew."""
        lines = [flood.line() for flood in self._floods.values()]
        self._counts.clear()
        self._floods.clear()
        return lines

    def _has_room(self, key: Key, most: int) -> bool:
        count = self._counts.get(key, 0)
        if count == 0 and len(self._counts) >= KEYS_MOST:
            return True
        self._counts[key] = count + 1
        return count < most

    def _add(self, key: Key, fields: Fields) -> None:
        self.drawn_together += 1
        flood = self._floods.get(key)
        if flood is None:
            flood = self._floods[key] = Flood(dict(fields), fields["ts"])
        flood.add(fields)


def _is_cheap(fields: Fields) -> bool:
    """Whether a line costs who causes it nothing."""
    event = fields["event"]
    if event in _ALWAYS:
        return True
    if event == "session":
        return not fields.get("messages")
    return event == "transaction" and fields.get("result") != "accepted"


def _name(named: list[str], one: str) -> None:
    if one and len(named) < NAMED_MOST and one not in named:
        named.append(one)
