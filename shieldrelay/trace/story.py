"""`story`: all that is known of a session or a message, in the order of time, from a few searches.

A message's story has its session, its attempts and its notices, but not the session's other messages; a session's has
all of its messages. Bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from shieldrelay.trace import words
from shieldrelay.trace.question import Question
from shieldrelay.trace.search import Found, Place, Search

LINES_MOST = 1000
MESSAGES_MOST = 50
SECONDS = 2.0


@define
class _Story:
    """What was gathered so far."""

    search: Search
    lines: dict[Place, Found] = field(factory=dict)
    asked: set[str] = field(factory=set)
    whole: bool = True

    def look(self, id: str) -> list[Found]:
        """Give the lines about an id; none when it was asked for already."""
        if id in self.asked or not id:
            return []
        self.asked.add(id)
        page = self.search.page(Question(id=id, limit=LINES_MOST), SECONDS)
        self.whole &= page.more is None
        return list(page.found)

    def add(self, found: Iterable[Found]) -> None:
        """Add lines, as far as there is room."""
        for one in found:
            if len(self.lines) >= LINES_MOST:
                self.whole = False
                return
            self.lines[one.place] = one

    def ids(self, *names: str) -> list[str]:
        """Give the ids that the lines have under these names, each once."""
        known = (words.text(one.fields, name) for one in self._sorted() for name in names)
        return list(dict.fromkeys(id for id in known if id))

    def _sorted(self) -> list[Found]:
        return sorted(self.lines.values(), key=lambda one: (one.at, one.place))

    def told(self, id: str) -> dict[str, Any]:
        """Give it as ``admin.picture_trace.StoryPicture`` has it."""
        return {
            "id": id,
            "sessions": self.ids("session", "reference"),
            "messages": self.ids("message", "notice"),
            "lines": [self.search.shown(one) for one in self._sorted()],
            "whole": self.whole,
        }


def story(search: Search, id: str) -> dict[str, Any]:
    """Tell the story of an id; of one that nobody knows there are no lines."""
    told = _Story(search)
    first = told.look(id)
    told.add(first)
    if any(id in (words.text(one.fields, "session"), words.text(one.fields, "reference")) for one in first):
        _add_messages(told)
        return told.told(id)
    _add_messages(told)
    own = set(told.ids("message", "notice"))
    for session in told.ids("session"):
        about = told.look(session)
        told.add(one for one in about if words.text(one.fields, "message") in (own | {""}))
    return told.told(id)


def _add_messages(told: _Story) -> None:
    """Add the lines of all messages, and of the notices about them."""
    for _ in range(2):
        known = told.ids("message", "notice")
        if len(known) > MESSAGES_MOST:
            told.whole = False
        for message in known[:MESSAGES_MOST]:
            told.add(told.look(message))
