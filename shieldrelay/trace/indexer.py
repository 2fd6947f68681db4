"""`Indexer`: reads the journal and keeps the index; the work of a process of its own, blocking.

What fails is told in the state that it reports each second; then it goes on where it was: a disk without room is
waited for, a file that cannot be read is set aside. Never stops but when it is told to.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from time import gmtime, strftime
from typing import Any, Protocol

from shieldrelay.trace import veil
from shieldrelay.trace.feed import Feed
from shieldrelay.trace.floods import Floods
from shieldrelay.trace.reading import Reader, Unreadable, protected_domain
from shieldrelay.trace.segment import Segment
from shieldrelay.trace.settings import DomainTerms, TraceSettings
from shieldrelay.trace.shedding import Shedding
from shieldrelay.trace.shelf import POSITION, Shelf
from shieldrelay.trace.tail import Tail, position_of
from shieldrelay.trace.veil import Veil

READ_OCTETS = 256 << 10
IDLE_SECONDS = 0.25
COMMIT_SECONDS = 1.0
TEND_SECONDS = 5.0
EXPIRE_SECONDS = 3600.0
AGAIN_SECONDS = 10.0
"""After something failed."""
FIRST_OCTETS = 1 << 30
"""So much of a journal is read when there is no index yet."""
BEHIND_SECONDS = 10.0
OCTETS_A_LINE = 400

Tell = Callable[[Mapping[str, Any]], object]


class Source(Protocol):
    """Where the lines come from: `Tail` or `Feed`."""

    broken: int

    def position(self) -> str:
        """Give how far it was read."""

    def read(self, octets: int, now: float) -> list[bytes]:
        """Give lines."""

    def behind(self) -> int:
        """Give how much there is still."""

    def skip(self, octets: int) -> None:
        """Pass over some."""

    def close(self) -> None:
        """Let go."""


class Indexer:
    """The work.

    :param tell: given the state, and what happened.
    :param wait: waits for so many seconds at most; false: it is time to stop.
    :param seconds: a clock that does not jump; ``wall``: seconds since the epoch.
    """

    def __init__(
        self,
        settings: TraceSettings,
        tell: Tell,
        wait: Callable[[float], bool],
        *,
        seconds: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._tell, self._wait, self._seconds, self._wall = tell, wait, seconds, wall
        self._directory = Path(settings.directory)
        self._floods = Floods()
        self._shedding = Shedding(settings.shed)
        self._unreadable = 0
        self._read_at = 0.0
        self._behind = 0
        self._reason = ""
        self._full = False
        self._shelf: Shelf | None = None

    def run(self) -> None:
        """Work until it is told to stop.

        :raises ShelfInUse: another process does this work.
        """
        on = True
        while on:
            try:
                on = self._session()
            except (sqlite3.Error, OSError) as error:
                on = self._failed(error)

    def _failed(self, error: Exception) -> bool:
        """Say what failed; set a broken file aside; wait."""
        code = getattr(error, "sqlite_errorname", "")
        self._reason = str(error)
        self._full = code == "SQLITE_FULL" or getattr(error, "errno", 0) == 28
        shelf, self._shelf = self._shelf, None
        if shelf is not None:
            try:
                if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                    shelf.set_aside(self._reason)
            except (sqlite3.Error, OSError) as worse:
                self._reason = f"{self._reason}; {worse}"
            finally:
                shelf.close()
        self._report()
        return self._wait(AGAIN_SECONDS)

    def _session(self) -> bool:
        """Open everything and work; give whether to go on after a failure."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        reader = Reader(self._settings, Veil(veil.secret_of(self._directory)))
        shelf = self._shelf = Shelf(self._directory, self._settings.octets, self._set_aside)
        source: Source
        if self._settings.journal:
            source = Tail(self._settings.journal, position_of(shelf.position()), FIRST_OCTETS)
        else:
            source = Feed(self._directory)
        work = _Work(self, shelf, source, reader)
        try:
            self._reason = ""
            while work.turn():
                pass
            work.finish()
        except (sqlite3.Error, OSError):
            raise  # the files are looked at, and closed, by who tells of it
        except BaseException:
            shelf.close()
            raise
        finally:
            source.close()
        shelf.close()
        return False

    def _set_aside(self, file: str, why: str) -> None:
        self._tell({"damaged": file, "reason": why})

    def _report(self) -> None:
        shelf = self._shelf
        late = self._wall() - self._read_at if self._behind > READ_OCTETS and self._read_at else 0.0
        state = "current" if late < BEHIND_SECONDS else "behind"
        state = "shedding" if self._shedding.one_in > 1 else state
        state = "full" if self._full else "stopped" if self._reason else state
        self._tell({
            "state": state,
            "behind_seconds": round(max(0.0, late), 1),
            "behind_octets": self._behind,
            "oldest": None if shelf is None else shelf.oldest,
            "lines": 0 if shelf is None else shelf.lines,
            "octets": 0 if shelf is None else shelf.octets,
            "drawn_together": self._floods.drawn_together,
            "shed": self._shedding.shed,
            "unreadable": self._unreadable,
            "reason": self._reason,
        })  # fmt: skip


class _Work:
    """One stretch of work between two failures."""

    def __init__(self, owner: Indexer, shelf: Shelf, source: Source, reader: Reader) -> None:
        self._owner, self._shelf, self._source, self._reader = owner, shelf, source, reader
        self._veil_key = reader.key
        now = owner._seconds()
        self._committed = now
        self._tended = self._expired = -EXPIRE_SECONDS
        self._moved = False

    def turn(self) -> bool:
        """Read some, keep it, look after the files; false: it is time to stop."""
        owner, now = self._owner, self._owner._seconds()
        if now - self._tended >= TEND_SECONDS:
            self._tended = now
            self._tend(now)
        lines = [] if owner._full else self._source.read(READ_OCTETS, now)
        for line in lines:
            self._take(line)
        if not lines:
            self._draw_together(owner._wall())
        if now - self._committed >= COMMIT_SECONDS:
            self._commit(now)
        return owner._wait(0.0 if lines else IDLE_SECONDS)

    def finish(self) -> None:
        """Keep what was read."""
        for fields in self._owner._floods.ended():
            self._keep(fields)
        self._commit(self._owner._seconds())

    def _take(self, line: bytes) -> None:
        owner = self._owner
        self._moved = True
        if not line or not owner._shedding.keeps(line):
            return
        try:
            fields = self._reader.parsed(line)
            if fields is None:
                return
            if "lost" in fields:
                owner._shedding.shed += int(fields["lost"])
                return
            at = self._reader.at(fields)
        except Unreadable:
            owner._unreadable += 1
            return
        owner._read_at = at
        self._draw_together(at)
        if owner._floods.whole(fields, at):
            kept = self._reader.kept(line, fields, at)
            self._shelf.current.add(at, kept.octets, kept.keys)

    def _draw_together(self, at: float) -> None:
        for fields in self._owner._floods.over(at):
            self._keep(fields)

    def _keep(self, fields: Mapping[str, Any]) -> None:
        at = self._reader.at(fields)
        kept = self._reader.kept(json.dumps(fields, separators=(",", ":")).encode("ascii"), fields, at)
        self._shelf.current.add(at, kept.octets, kept.keys)

    def _commit(self, now: float) -> None:
        owner, current = self._owner, self._shelf.current
        position = self._source.position()
        if self._moved and position:
            current.note(POSITION, position)
        current.commit()
        self._moved = False
        self._committed = now
        owner._behind = self._source.behind()
        skipped = owner._shedding.look(owner._behind)
        if skipped:
            self._source.skip(skipped)
            owner._shedding.shed += skipped // OCTETS_A_LINE
        owner._report()

    # the files

    def _tend(self, now: float) -> None:
        """Look for room, and for what is too old."""
        owner, settings = self._owner, self._owner._settings
        if self._moved:
            self._commit(now)
        self._shelf.turn(_day(owner._wall()))
        self._shelf.shrink(settings.octets)
        disk = os.statvfs(settings.directory)
        short = settings.free - disk.f_bavail * disk.f_frsize
        if short > 0 and self._shelf.closed():
            self._shelf.shrink(max(0, self._shelf.octets - short))
        elif (short > 0) is not owner._full:
            owner._full = short > 0
            owner._reason = f"less than {settings.free} octets are free on its disk" if short > 0 else ""
        if now - self._expired >= EXPIRE_SECONDS:
            self._expired = now
            self._shelf.expire(settings.keep, owner._wall())
            for terms in _shorter(settings):
                self._thin(terms, owner._wall())

    def _thin(self, terms: DomainTerms, now: float) -> None:
        """Remove a domain's lines from the files whose lines are all older than it wants."""
        assert terms.keep is not None
        noted = f"thinned {terms.domain}"
        settings = self._owner._settings

        def expired(line: bytes) -> bool:
            return protected_domain(settings, json.loads(line)) == terms.domain

        for path in self._shelf.older(now - terms.keep):
            segment = Segment(path)
            try:
                if not segment.noted(noted):
                    segment.thin(self._veil_key("d" + terms.domain), expired)
                    segment.note(noted, "1")
            finally:
                segment.close()


def _day(at: float) -> str:
    return strftime("%Y-%m-%d", gmtime(at))


def _shorter(settings: TraceSettings) -> list[DomainTerms]:
    """Give the domains whose lines are kept for less time than all."""
    known = {terms.domain: terms for terms in settings.domains.values()}
    return [terms for terms in known.values() if terms.keep is not None and terms.keep < settings.keep]
