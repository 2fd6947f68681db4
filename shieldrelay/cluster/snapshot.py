"""`Snapshots`: our own part of the view, and what is decided, kept over restarts (R31).

Each minute and at the stop what is declared as kept is written to one file of the state directory; at the start it is
read back. Lines are made a few hundred at a time, so that no turn of the reactor is long, and written in a thread.
Times in the file are the world's. A file that cannot be read is set aside and told; nothing here is ever fatal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from zlib import crc32

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.cluster import snapshot_file
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.hub import Change, ChangeKind
from shieldrelay.cluster.parts import Parts
from shieldrelay.cluster.table import Table
from shieldrelay.ports import Clock, Journal, ThreadRunner, WallClock

EVERY_SECONDS = 60.0
LONGEST_DOWN_SECONDS = 7 * 86400.0
"""A stop counts as no longer than this: a clock that was set far ahead does not make everything expire."""
_LINES_AT_ONCE = 200
_PAUSE_SECONDS = 0.01


@frozen
class Restored:
    """What a start found.

    :ivar member: the id of the life before this one; ``None`` when nothing was found.
    :ivar members: how many members it knew.
    """

    rows: int = 0
    changes: int = 0
    member: str | None = None
    members: int = 1


class Snapshots:
    """The snapshots of one member.

    :param directory: the state directory's part for this, there already, ours alone.
    :param wall: seconds since the epoch; a `Timepiece`.
    :param member: the id of this life.
    :param members: says how many members there are, as far as is known.
    """

    def __init__(
        self,
        directory: str,
        clock: Clock,
        wall: WallClock,
        threads: ThreadRunner,
        journal: Journal,
        decisions: Decisions,
        tables: Iterable[Table],
        member: str,
        members: Callable[[], int] = lambda: 1,
    ) -> None:
        self._directory = directory
        self._file = f"{directory}/{snapshot_file.FILE_NAME}"
        self._clock = clock
        self._wall = wall
        self._threads = threads
        self._journal = journal
        self._decisions = decisions
        self._parts = {table.kind.name: Parts(table) for table in tables if table.kind.kept}
        self._member = member
        self._members = members
        self._timer: IDelayedCall | None = None
        self._running = False
        self._failed = False
        self._writing: Deferred[None] | None = None

    def restore(self) -> Restored:
        """Read the last snapshot back. Blocks: for the start, before anybody connects. Never raises."""
        began = self._clock.seconds()
        try:
            octets = snapshot_file.read(self._directory)
            if octets is None:
                return Restored()
            pages = snapshot_file.decode(octets, [parts.table.kind for parts in self._parts.values()])
        except snapshot_file.Unreadable as error:
            self._set_aside(str(error))
            return Restored()
        except OSError as error:
            self._tell_unreadable(f"{type(error).__name__}: {error}")
            return Restored()
        return self._put_back(pages, len(octets), began)

    def start(self) -> None:
        """Write one each minute from now on."""
        self._running = True
        self._timer = self._clock.callLater(EVERY_SECONDS, self._turn)

    def stop(self) -> Deferred[None]:
        """Write the last one; fires when it is on the disk, or cannot be. Never fails."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None:
            return self._write_all()
        done: Deferred[None] = Deferred()
        self._writing.addCallback(lambda _: self._write_all().chainDeferred(done))
        return done

    def _turn(self) -> None:
        self._timer = None
        self._decisions.sweep()
        self._gather([], self._lines())

    def _gather(self, chunks: list[bytes], lines: Iterator[bytes]) -> None:
        """Make some lines, and go on a little later."""
        self._timer = None
        chunk = b"".join(islice(lines, _LINES_AT_ONCE))
        if chunk:
            chunks.append(chunk)
            self._timer = self._clock.callLater(_PAUSE_SECONDS, self._gather, chunks, lines)
            return
        writing = self._writing = self._write(chunks)
        writing.addCallback(self._written_in_turn)

    def _written_in_turn(self, _: None) -> None:
        self._writing = None
        if self._running:
            self._timer = self._clock.callLater(EVERY_SECONDS, self._turn)

    def _write_all(self) -> Deferred[None]:
        self._decisions.sweep()
        return self._write([b"".join(self._lines())])

    def _write(self, chunks: list[bytes]) -> Deferred[None]:
        """Have chunks written, and tell how it went when it is the last time or went otherwise than before.

        Never fails.
        """
        rows = sum(chunk.count(b"\n") for chunk in chunks) - 2
        began = self._clock.seconds()
        written = self._threads.run(snapshot_file.write, self._directory, chunks)
        written.addCallbacks(lambda octets: self._succeeded(rows, octets, began), self._went_wrong)
        return written

    def _succeeded(self, rows: int, octets: int, began: float) -> None:
        if self._failed or not self._running:
            self._tell("written", rows, octets, began)
        self._failed = False

    def _went_wrong(self, failure: Failure) -> None:
        if not self._failed:
            reason = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
            self._journal.event("snapshot_failed", file=self._file, reason=reason)
        self._failed = True

    def _lines(self) -> Iterator[bytes]:
        """Make the file's lines; rows may come and go between two."""
        offset = self._wall() - self._clock.seconds()
        kinds = [parts.table.kind for parts in self._parts.values()]
        head = (snapshot_file.encode_head(kinds, self._member, self._members(), self._wall()),)
        lines, checksum = 0, 0
        for line in chain(head, self._changes(), self._rows(offset)):
            lines, checksum = lines + 1, crc32(line, checksum)
            yield line
        yield snapshot_file.encode_foot(lines, checksum)

    def _changes(self) -> Iterator[bytes]:
        return map(snapshot_file.encode_change, self._decisions.kept())

    def _rows(self, offset: float) -> Iterator[bytes]:
        for parts in self._parts.values():
            for key in [row.key for row in parts.table]:
                record = parts.own(key, offset)
                if record is not None:
                    yield snapshot_file.encode_record(record)

    def _put_back(self, pages: snapshot_file.Pages, octets: int, began: float) -> Restored:
        """Put rows and changes in place, as if the clock had gone steadily and the stop been no longer than a week."""
        now, now_wall = self._clock.seconds(), self._wall()
        shift = now_wall - pages.written - min(max(0.0, now_wall - pages.written), LONGEST_DOWN_SECONDS)
        offset = now_wall - now - shift
        # Changes first: a release has rows forgotten.
        changes = self._decisions.apply(_shifted(change, shift) for change in pages.changes)
        rows = sum(self._parts[record.kind].restore(record, now, offset) for record in pages.records)
        self._tell("restored", rows + changes, octets, began)
        return Restored(rows, changes, pages.member, pages.members)

    def _set_aside(self, reason: str) -> None:
        self._tell_unreadable(reason)
        try:
            snapshot_file.set_aside(self._directory)
        except OSError as error:
            self._tell_unreadable(f"it cannot be set aside either: {error}")

    def _tell_unreadable(self, reason: str) -> None:
        self._journal.event("snapshot_unreadable", file=self._file, aside=snapshot_file.UNREADABLE_NAME, reason=reason)

    def _tell(self, action: str, rows: int, octets: int, began: float) -> None:
        seconds = round(self._clock.seconds() - began, 3)
        self._journal.event("snapshot", file=self._file, action=action, rows=rows, octets=octets, seconds=seconds)


def _shifted(change: Change, shift: float) -> Change:
    """Move a change with a clock that was set; the end of what an operator listed is a date, and stays."""
    if not shift:
        return change
    until = change.until
    if until is not None and change.kind is ChangeKind.BAN:
        until += shift
    return evolve(change, at=change.at + shift, until=until)


