"""One part of the spool as the reactor's thread sees it: a protected domain's Maildir, or that of the notices.

Each method is one call in a thread, and, where a name must be durable, one round of the directory's group commit.
Called by `maildir.Spool`. Every Deferred fails with a `SpoolUnavailable` of `faults` (or MemoryError).
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, execute
from twisted.python.failure import Failure

from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Journal, ThreadRunner, WallClock
from shieldrelay.spool.deposit import deposit, due_of, withdraw
from shieldrelay.spool.entry import Entry, Record, Tally, Window
from shieldrelay.spool.faults import Damaged, Gone, SpoolTaken, SpoolUnavailable, unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.legacy import Batch
from shieldrelay.spool.listing import Listed, page
from shieldrelay.spool.progress import Progress
from shieldrelay.spool.recovery import Swept, sweep
from shieldrelay.spool.retrieval import retrieve
from shieldrelay.spool.rounds import CommitRounds
from shieldrelay.spool.sidecar import remove_sidecar, write_sidecar
from shieldrelay.spool.survey import Survey, held_entries, survey


class Part:
    """One Maildir.

    :param furthest_due_seconds: how far ahead of now an mtime is believed (R12).
    :ivar tally: what is on disk, as of the last look and counted on since.
    """

    def __init__(
        self,
        folder: Folder,
        threads: ThreadRunner,
        journal: Journal,
        wall_clock: WallClock,
        furthest_due_seconds: float,
    ) -> None:
        self.folder = folder
        self.tally = Tally()
        self._threads = threads
        self._journal = journal
        self._wall_clock = wall_clock
        self._furthest = furthest_due_seconds
        self._arrivals = CommitRounds(lambda: threads.run(_sync, folder, folder.new))
        self._states = CommitRounds(lambda: threads.run(_sync, folder, folder.state))

    def store(
        self, message: Message, blocks: Sequence[bytes], octets: int, due: float, progress: Progress | None
    ) -> Deferred[Entry]:
        """Write a message; durable when it fires."""
        written = self._threads.run(deposit, self.folder, message, blocks, octets, due, progress)
        return written.addCallback(self.commit)

    def commit(self, entry: Entry) -> Deferred[Entry]:
        """Make an entry's name durable; when that fails it is taken out again."""
        return self._arrivals.join().addCallbacks(self._arrived, self._withdrawn, (entry,), {}, (entry,))

    def window(self, limit: int) -> Deferred[Window]:
        """Look which entries are due first."""
        looked = self._threads.run(survey, self.folder, limit, self._wall_clock(), self._furthest)
        return looked.addCallback(self._surveyed)

    def held(self) -> Deferred[tuple[Entry, ...]]:
        """List what is on hold, oldest first."""
        return self._threads.run(held_entries, self.folder)

    def page(self, after: str, limit: int) -> Deferred[list[Listed]]:
        """Give messages by time of arrival, those on hold included."""
        return self._threads.run(page, self.folder, after, limit)

    def load(self, entry: Entry) -> Deferred[Record]:
        """Read an entry; Damaged when it is set aside, Gone when it is no longer there."""
        return self._threads.run(retrieve, self.folder, entry, self._threads).addErrback(self._unreadable, entry)

    def defer(self, entry: Entry, due: float, progress: Progress) -> Deferred[Entry]:
        """Replace the sidecar and set the mtime; what is settled is durable when it fires."""
        deferred = self._threads.run(_defer, self.folder, entry, due, progress)
        if progress.settled:
            deferred.addCallback(self._state_durable)
        return deferred

    def remove(self, entries: Sequence[Entry]) -> Deferred[None]:
        """Remove entries, on hold or not, with their sidecars; those that are gone already count as removed.

        At once, in the caller's thread: every moment between a next hop's 250 and the unlink is one in which a crash
        makes a duplicate, and a thread that must wait for a busy reactor takes tens of them (decision record 0012).
        """
        return execute(_remove, self.folder, entries).addCallback(self._counted_out)

    def hold(self, entry: Entry) -> Deferred[None]:
        """Move an entry from ``new/`` to ``held/``, if it is not there already."""
        moved = self._threads.run(_move, self.folder, entry, self.folder.new, self.folder.held)
        return moved.addCallback(self._moved, -1, -entry.size)

    def release(self, entry: Entry) -> Deferred[None]:
        """Move an entry from ``held/`` to ``new/``, if it is not there already."""
        moved = self._threads.run(_move, self.folder, entry, self.folder.held, self.folder.new)
        return moved.addCallback(self._moved, 1, entry.size)

    def inherited(self, batch: Batch) -> None:
        """Count what an adoption brought (`spool.adoption`)."""
        self._count(len(batch.entries), sum(entry.size for entry in batch.entries))
        for name in batch.damaged:
            self._tell_damaged(name, "it is no spool file")

    def is_there(self, entry: Entry) -> bool:
        """Whether the path of an entry leads to a file, on hold or not; looks at once, in the caller's thread."""
        try:
            self.folder.locate(entry.name)
        except OSError:
            return False  # gone, or not to be had now: in both cases nobody should act on it
        return True

    def sweep(self) -> Deferred[Swept]:
        """Remove what earlier runs left over."""
        return self._threads.run(sweep, self.folder)

    def _arrived(self, _result: None, entry: Entry) -> Entry:
        self._count(1, entry.size)
        return entry

    def _withdrawn(self, failure: Failure, entry: Entry) -> Deferred[Entry]:
        return self._threads.run(withdraw, self.folder, entry).addCallback(lambda _: failure)

    def _state_durable(self, entry: Entry) -> Deferred[Entry]:
        return self._states.join().addCallback(lambda _: entry)

    def _surveyed(self, survey: Survey) -> Window:
        self.tally = Tally(survey.window.total, survey.window.octets)
        for one in survey.damaged:
            self._tell_damaged(one.name, one.why)
        return survey.window

    def _unreadable(self, failure: Failure, entry: Entry) -> Failure:
        fault = failure.value
        if isinstance(fault, Damaged):
            self._count(-1, -entry.size)
            self._tell_damaged(entry.name, fault.why)
        return failure

    def _tell_damaged(self, name: str, why: str) -> None:
        self._journal.event("damaged", domain=self.folder.domain, file=name, reason=why)

    def _moved(self, moved: bool, entries: int, octets: int) -> None:
        if moved:
            self._count(entries, octets)

    def _counted_out(self, removed: tuple[int, int, list[str]]) -> None:
        self._count(-removed[0], -removed[1])
        for id in removed[2]:
            self._journal.event("already_gone", message=id, domain=self.folder.domain)

    def _count(self, entries: int, octets: int) -> None:
        tally = self.tally
        self.tally = Tally(max(0, tally.entries + entries), max(0, tally.octets + octets))


def _sync(folder: Folder, path: str) -> None:
    """Make the names in a directory durable.

    The directory is opened by its path after the names were made: that it is there proves that they were made before
    anybody took it over, who then has them (R15). Unless it is a new one, which is made after ``lost`` was set.
    """
    try:
        folder.operations.fsync_directory(path)
    except OSError as error:
        raise unavailable(error) from error
    if folder.lost:
        raise SpoolTaken(folder.path)


def _defer(folder: Folder, entry: Entry, due: float, progress: Progress) -> Entry:
    write_sidecar(folder, entry.name, progress)
    try:
        folder.operations.set_due(folder.locate(entry.name), due)
    except FileNotFoundError:
        remove_sidecar(folder, entry.name)
        raise Gone(entry.name) from None
    except OSError as error:
        raise unavailable(error) from error
    return entry.due_at(due_of(due))


def _remove(folder: Folder, entries: Sequence[Entry]) -> tuple[int, int, list[str]]:
    """Remove and give how many were waiting in ``new/``, their octets, and the ids of those that had gone already.

    The message goes before its sidecar: the other way round a crash would forget who has it already.
    """
    removed, octets = 0, 0
    gone: list[str] = []
    trouble: SpoolUnavailable | None = None
    for entry in entries:
        try:
            if _unlinked(folder, f"{folder.new}/{entry.name}"):
                removed, octets = removed + 1, octets + entry.size
            elif not _unlinked(folder, f"{folder.held}/{entry.name}"):
                gone.append(entry.id)
            remove_sidecar(folder, entry.name)
        except OSError as error:
            trouble = unavailable(error)
    if trouble is not None:
        raise trouble
    return removed, octets, gone


def _unlinked(folder: Folder, path: str) -> bool:
    try:
        folder.operations.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _move(folder: Folder, entry: Entry, origin: str, goal: str) -> bool:
    """Move by link and unlink, each durable before the next step; false when it is there already."""
    operations = folder.operations
    try:
        if not _linked(folder, f"{origin}/{entry.name}", f"{goal}/{entry.name}"):
            return False
        operations.fsync_directory(goal)
        operations.unlink(f"{origin}/{entry.name}")
        operations.fsync_directory(origin)
    except FileNotFoundError:
        raise Gone(entry.name) from None
    except OSError as error:
        raise unavailable(error) from error
    return True


def _linked(folder: Folder, origin: str, goal: str) -> bool:
    """Give a file its second name; false when it has the second only, FileNotFoundError when it has neither."""
    try:
        folder.operations.link(origin, goal)
    except FileExistsError:
        return True
    except FileNotFoundError:
        folder.operations.status(goal)
        return False
    return True
