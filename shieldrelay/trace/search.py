"""`Search`: answers questions from the index's files, the latest line first, in bounded time. Blocking.

Keys lead to blocks, whose lines are looked through. A search whose time is up gives what it has found, and how far back
it came; with ``after`` it goes on. What cannot be read is passed over: the one who writes sees to it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen

from shieldrelay.trace import words
from shieldrelay.trace.question import Matcher, Question
from shieldrelay.trace.reading import Reader, Unreadable, protected_domain
from shieldrelay.trace.segment import RUN_BLOCKS, SegmentView
from shieldrelay.trace.settings import TraceSettings
from shieldrelay.trace.shelf import number_of, paths
from shieldrelay.trace.veil import Veil

SECONDS = 0.8
"""What a search may take."""

Place = tuple[int, int, int]
"""The number of a file, of a block, of a line."""
NOWHERE: Place = (1 << 40, 1 << 40, 1 << 40)
_SHOWN_APART = frozenset(
    {"ts", "level", "event", "node", "worker", "session", "message", "reference", "peer", "reverse_path", "recipients",
     "recipient", "to", "domain", "code", "defence", "reason", "count", "result"}
)  # fmt: skip


def place_of(written: str) -> Place:
    """Read a place.

    :raises ValueError: it is none.
    """
    file, block, line = (int(each) for each in written.split("."))
    return file, block, line


def written(place: Place) -> str:
    """Write a place."""
    return ".".join(map(str, place))


@frozen
class Found:
    """A line that was found."""

    place: Place
    at: float
    fields: Mapping[str, Any] = field(repr=False)


@frozen
class Page:
    """What a search gives: see ``admin.picture_trace.TracePage``."""

    found: tuple[Found, ...]
    more: Place | None
    searched_to: float | None = None


class Search:
    """Searches one node's index.

    :param seconds: a clock that does not jump; ``wall``: seconds since the epoch.
    """

    def __init__(
        self, settings: TraceSettings, veil: Veil, *, seconds: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._veil = veil
        self._reader = Reader(settings, veil)
        self._directory = Path(settings.directory)
        self._seconds, self._wall = seconds, wall
        shorter = [each.keep for each in settings.domains.values() if each.keep is not None]
        self._shortest = min([settings.keep, *shorter])

    def newest(self) -> str:
        """Give the place of the newest line; ``""``: there is none."""
        for path in reversed(paths(self._directory)):
            with suppress(sqlite3.Error), closing(SegmentView(path)) as view:  # what cannot be read is not there
                extent = view.extent()
                if extent is not None:
                    block = extent.blocks - 1
                    return written((number_of(path), block, len(view.lines(block)) - 1))
        return ""

    def page(self, asked: Question, seconds: float = SECONDS) -> Page:
        """Search.

        :raises ValueError: the question names a place that is none.
        """
        matcher = Matcher(asked, self._settings, self._veil)
        deadline = self._seconds() + seconds
        found: list[Found] = []
        onwards = bool(asked.newer)
        begin = place_of(asked.newer) if onwards else place_of(asked.after) if asked.after else NOWHERE
        for file, block, lines in self._blocks(matcher, begin, onwards=onwards):
            if self._seconds() > deadline:
                return Page(tuple(found), (file, block + 1, 0), self._began(lines))
            for one in self._matching(matcher, file, block, lines, onwards=onwards):
                if one.place > begin if onwards else one.place < begin:
                    found.append(one)
                    if len(found) == asked.limit:
                        return Page(tuple(found), one.place)
        return Page(tuple(found), None)

    def _began(self, lines: Sequence[bytes]) -> float | None:
        for line in lines:
            try:
                return self._reader.at(json.loads(line)) if line else None
            except (ValueError, KeyError):
                continue
        return None

    def _blocks(
        self, matcher: Matcher, begin: Place, *, onwards: bool
    ) -> Iterator[tuple[int, int, list[bytes]]]:
        """Give the blocks that may have such lines, from a place on."""
        files = paths(self._directory) if onwards else reversed(paths(self._directory))
        for path in files:
            file = number_of(path)
            if file < begin[0] if onwards else file > begin[0]:
                continue
            with suppress(sqlite3.Error), closing(SegmentView(path)) as view:  # what cannot be read is not there
                for number in self._numbers(view, matcher, onwards=onwards):
                    inside = (file, number) >= begin[:2] if onwards else (file, number) <= begin[:2]
                    if inside:
                        yield file, number, view.lines(number)

    def _numbers(self, view: SegmentView, matcher: Matcher, *, onwards: bool) -> Iterator[int]:
        """Give the numbers of a file's blocks that may have such lines."""
        since, until = matcher.span
        extent = view.extent()
        if extent is None or extent.last < since or extent.first > until:
            return
        runs = range((extent.blocks - 1) // RUN_BLOCKS + 1)
        for run in runs if onwards else reversed(runs):
            yield from sorted(self._candidates(view, run, matcher), reverse=not onwards)

    def _candidates(self, view: SegmentView, run: int, matcher: Matcher) -> set[int]:
        since, until = matcher.span
        found: set[int] | None = None
        for key in matcher.keys:
            having = view.having(run, key)
            found = having if found is None else found & having
            if not found:
                return set()
        if found is None or since > 0 or until < float("inf"):
            within = view.within(run, since, until)
            found = within if found is None else found & within
        return found

    def _matching(
        self, matcher: Matcher, file: int, block: int, lines: list[bytes], *, onwards: bool
    ) -> Iterator[Found]:
        places = matcher.candidates(lines)
        for place in places if onwards else reversed(places):
            try:
                fields = json.loads(lines[place])
                at = self._reader.at(fields)
            except (Unreadable, ValueError, KeyError):
                continue
            if matcher.fits(fields, at) and not self._is_over(fields, at):
                yield Found((file, block, place), at, fields)

    def _is_over(self, fields: Mapping[str, Any], at: float) -> bool:
        """Whether a line's domain does not want it found any more."""
        age = self._wall() - at
        if age <= self._shortest:
            return False
        terms = self._settings.terms_of(protected_domain(self._settings, fields))
        return age > (self._settings.keep if terms is None or terms.keep is None else terms.keep)

    def shown(self, one: Found) -> dict[str, Any]:
        """Give a line as ``admin.picture_trace.TraceLinePicture`` has it."""
        line = one.fields
        return {
            "place": written(one.place),
            "at": one.at,
            "node": words.text(line, "node"),
            "event": words.text(line, "event"),
            "worker": _count(line.get("worker"), 0),
            "level": words.text(line, "level"),
            "session": words.text(line, "session") or words.text(line, "reference"),
            "message": words.text(line, "message"),
            "source": words.source(line),
            "sender": words.sender(line),
            "recipients": words.recipients(line),
            "domain": protected_domain(self._settings, line),
            "code": _code(line.get("code")),
            "result": words.result(line),
            "defence": words.text(line, "defence") or words.text(line, "check"),
            "reason": words.text(line, "reason"),
            "count": _count(line.get("count"), 1),
            "fields": {name: value for name, value in line.items() if name not in _SHOWN_APART},
        }


def _count(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _code(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
