"""The spool of one member: a Maildir for each protected domain, and one for the notices (D5, R12, R13).

``assembly`` builds one, calls `Spool.open` before anything is bound, `Spool.prepare` for each domain before it is
accepted, and `Spool.sweep` when it listens. Intake stores, the queue loads, defers and removes. Every method that
touches the disk returns a Deferred and works in threads; it fails with `SpoolUnavailable` (answered 451), `SpoolFull`
(452), or MemoryError, all of them with nothing partial in ``new/``. Knows nothing of SMTP nor of when to retry.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, DeferredLock, FirstError, gatherResults
from twisted.python.failure import Failure

from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Content, Journal, ThreadRunner, WallClock
from shieldrelay.spool.adoption import Adoption, mend_part
from shieldrelay.spool.draft import Draft, DraftFile
from shieldrelay.spool.entry import Entry, Record, Tally, Window
from shieldrelay.spool.faults import SpoolTaken, SpoolUnavailable, unavailable
from shieldrelay.spool.folder import Folder, make_directories
from shieldrelay.spool.ledger import Change, Ledger
from shieldrelay.spool.ledger_file import LedgerFile
from shieldrelay.spool.listing import Listed
from shieldrelay.spool.lock import MemberLock
from shieldrelay.spool.name import checked_id, is_part
from shieldrelay.spool.operations import FileOperations, Space
from shieldrelay.spool.part import Part
from shieldrelay.spool.premises import check_parents, check_private, check_usable
from shieldrelay.spool.progress import Progress
from shieldrelay.spool.recovery import Swept
from shieldrelay.spool.survey import find

FURTHEST_DUE_SECONDS = 3600.0
"""How far ahead of now an mtime is believed unless told otherwise: above the longest retry delay with its jitter."""


class Spool:
    """One member's spool.

    :param root: the spool's directory; symbolic links in it are followed once, here.
    :param member: this member's name in it: its own directory, with its own lock.
    :param threads: where the disk is waited for; as many threads as messages are to be synced at once.
    :param wall_clock: for due times, which are mtimes.
    :param furthest_due_seconds: an mtime further ahead than this means due now (R12).
    :ivar adoption: takes over what lost members left (R15).
    """

    def __init__(
        self,
        root: str,
        member: str,
        *,
        threads: ThreadRunner,
        journal: Journal,
        wall_clock: WallClock,
        operations: FileOperations | None = None,
        furthest_due_seconds: float = FURTHEST_DUE_SECONDS,
    ) -> None:
        if not member or "/" in member or member.startswith("."):
            raise ValueError(f"{member!r} cannot be a directory's name")
        self.root = os.path.realpath(root)
        self.path = f"{self.root}/{member}"
        self._threads = threads
        self._journal = journal
        self._wall_clock = wall_clock
        self._operations = operations or FileOperations()
        self._furthest = furthest_due_seconds
        self._marker = _new_marker()
        self._lock = MemberLock(self.path, self._operations)
        self._parts: dict[str, Part] = {}
        self._tidying = DeferredLock()
        self.adoption = Adoption(
            self.root,
            self.path,
            self._part,
            self._tidying,
            marker=_new_marker,
            operations=self._operations,
            threads=threads,
            journal=journal,
            wall_clock=wall_clock,
        )

    def open(self) -> None:
        """Take the member's directory, making it when it is missing. Blocks, for some milliseconds.

        :raises SpoolInUse: when another process has it.
        :raises SpoolUnavailable: when it cannot be written, is open to others, or has no hard links.
        """
        check_parents(self.path, self._operations)
        try:
            make_directories(self._operations, self.root, [self.path])
            check_private(self.path, self._operations)
            self._lock.take(os.getpid())
            check_usable(self.path, self._operations, self._marker)
        except OSError as error:
            self._lock.release()
            raise unavailable(error) from error

    def begin_anew(self) -> Deferred[None]:
        """Take an empty directory in the place of the one that another member took (R15).

        Everything that is under way with the old one fails, whatever it finds at its paths. `prepare` is due for every
        domain then; entries of before are gone. Fails like `open`.
        """
        for part in self._parts.values():
            part.folder.lost = True
        self._parts = {}
        self._marker = _new_marker()
        return self._threads.run(self._reopen)

    def close(self) -> None:
        """Let go of the member's directory; when no call is under way any more."""
        self._lock.release()

    def prepare(self, domain: str) -> Deferred[None]:
        """Make a domain's directories durable; it may be accepted when this fired.

        :raises ValueError: when the domain is not in its comparison form.
        """
        return self._threads.run(_translated, self._prepare, self._part(domain).folder)

    def store(
        self, message: Message, content: Content, *, due: float, progress: Progress | None = None
    ) -> Deferred[Entry]:
        """Write a message; it is durable, whole and named when this fires.

        :param message: ``message.domain`` says where it goes.
        :param due: when to try first, seconds since the epoch.
        :param progress: what an inline attempt came to already (R2); it is part of the same file.
        """
        blocks = content.blocks
        if blocks is None:
            return Deferred.fromCoroutine(self._copy(message, content, due, progress))
        return self._part(message.domain).store(message, blocks, content.size, due, progress)

    def draft(self, message: Message) -> Deferred[Draft]:
        """Begin a file in ``tmp/`` that already has its envelope block."""
        part = self._part(message.domain)

        def begun(file: DraftFile) -> Draft:
            return Draft(message, file, part.folder, part, self._threads)

        return self._threads.run(DraftFile, part.folder, message).addCallback(begun)

    def window(self, domain: str, limit: int) -> Deferred[Window]:
        """Give the entries that are due first; damaged files are set aside on the way."""
        return self._part(domain).window(limit)

    def load(self, entry: Entry) -> Deferred[Record]:
        """Read an entry.

        Fails with ``Damaged`` when it is no whole record: it was set aside and told to the journal; with ``Gone``
        when it was removed meanwhile.
        """
        return self._part(entry.domain).load(entry)

    def defer(self, entry: Entry, due: float, progress: Progress) -> Deferred[Entry]:
        """Note what an attempt came to and when to try next; gives the entry with its new due time."""
        return self._part(entry.domain).defer(entry, due, progress)

    def remove(self, entries: Iterable[Entry]) -> Deferred[None]:
        """Remove entries for good. After a power cut some may be back: duplicates."""
        by_domain: dict[str, list[Entry]] = {}
        for entry in entries:
            by_domain.setdefault(entry.domain, []).append(entry)
        removals = [self._part(domain).remove(some) for domain, some in by_domain.items()]
        if len(removals) == 1:
            return removals[0]
        return gatherResults(removals, consumeErrors=True).addCallbacks(lambda _: None, _first_failure)

    def is_there(self, entry: Entry) -> bool:
        """Whether an entry's file is still ours, by its path (R15); asks the disk at once, for some microseconds."""
        return self._part(entry.domain).is_there(entry)

    def hold(self, entry: Entry) -> Deferred[None]:
        """Keep an entry out of every window until it is released; moves its file to ``held/``."""
        return self._part(entry.domain).hold(entry)

    def release(self, entry: Entry) -> Deferred[None]:
        """End a hold."""
        return self._part(entry.domain).release(entry)

    def held(self, domain: str) -> Deferred[tuple[Entry, ...]]:
        """Give what is on hold, oldest first."""
        return self._part(domain).held()

    def page(self, domain: str, after: str, limit: int) -> Deferred[list[Listed]]:
        """Give messages by time of arrival, those on hold included; see `spool.listing.page`."""
        return self._part(domain).page(after, limit)

    def find(self, id: str) -> Deferred[Entry | None]:
        """Find a message by its id in all domains, on hold or not; opens no file.

        :raises ValueError: when it cannot be an id.
        """
        return self._threads.run(_translated, self._find, checked_id(id))

    def domains(self) -> Deferred[list[str]]:
        """Give the domains that have a directory, the notices' included, configured or not."""
        return self._threads.run(_translated, self._domains)

    def count(self, domain: str) -> Tally:
        """Give how much is waiting, as of the last look and counted on since; asks no disk."""
        return self._part(domain).tally

    def sweep(self, domain: str) -> Deferred[Swept]:
        """Remove what a crash may have left in a domain's directories; once after each start, in the background."""
        return self._tidying.run(self._part(domain).sweep).addCallback(self._tell_swept, domain)

    def space(self) -> Deferred[Space]:
        """Ask what the file system has left, for ``headroom.judge``.

        Fails with `SpoolTaken` when the member's directory is no longer ours: asked each second, it is how that is
        noticed.
        """
        return self._threads.run(_translated, self._space)

    def load_ledger(self, domain: str) -> Deferred[Ledger]:
        """Read a domain's ledger of down-times (R7)."""
        return self._threads.run(self._ledger_file(domain).load)

    def append_ledger(self, domain: str, change: Change, at: float) -> Deferred[None]:
        """Note durably that a domain's server went down or came back."""
        return self._threads.run(self._ledger_file(domain).append, change, at)

    def compact_ledger(self, domain: str, before: float) -> Deferred[Ledger]:
        """Forget down-times that ended before a time; gives what is left."""
        return self._threads.run(self._ledger_file(domain).compact, before)

    def merge_ledger(self, domain: str, other: Ledger) -> Deferred[Ledger]:
        """Add what another member knew of a domain's down-times; durable when it fires, with all that is known."""
        return self._threads.run(self._ledger_file(domain).merge, other)

    def _reopen(self) -> None:
        self._lock.release()
        self.open()

    def _prepare(self, folder: Folder) -> None:
        folder.make()
        mend_part(self.path, folder, self._operations, self._marker)

    def _space(self) -> Space:
        if not self._lock.is_in_place():
            raise SpoolTaken(self.path)
        return self._operations.space(self.path)

    def _part(self, domain: str) -> Part:
        part = self._parts.get(domain)
        if part is None:
            folder = Folder(self.path, domain, self._operations, self._marker)
            part = Part(folder, self._threads, self._journal, self._wall_clock, self._furthest)
            self._parts[domain] = part
        return part

    def _ledger_file(self, domain: str) -> LedgerFile:
        return LedgerFile(self._part(domain).folder)

    async def _copy(self, message: Message, content: Content, due: float, progress: Progress | None) -> Entry:
        """Store a content that is not in memory, block by block."""
        draft = await self.draft(message)
        reader = content.open()
        try:
            while True:
                read = reader.read()
                block = await read if isinstance(read, Deferred) else read
                if not block:
                    break
                await draft.append(block)
        except BaseException:
            await draft.discard()
            raise
        finally:
            reader.close()
        return await draft.commit(due=due, progress=progress)

    def _domains(self) -> list[str]:
        return sorted(name for name in self._operations.names(self.path) if is_part(name))

    def _find(self, id: str) -> Entry | None:
        for domain in self._domains():
            found = find(Folder(self.path, domain, self._operations, self._marker), id)
            if found is not None:
                return found
        return None

    def _tell_swept(self, swept: Swept, domain: str) -> Swept:
        if swept:
            self._journal.event(
                "swept", domain=domain, unfinished=swept.unfinished, doubled=swept.doubled, orphans=swept.orphans
            )
        return swept


def _new_marker() -> str:
    return os.urandom(6).hex()


def _first_failure(failure: Failure) -> Failure:
    """Give what went wrong first, as itself."""
    fault = failure.value
    return fault.subFailure if isinstance(fault, FirstError) else failure


def _translated(call: Callable[..., object], *args: object) -> object:
    """Call, with what the operating system reports in our words."""
    try:
        return call(*args)
    except SpoolUnavailable:
        raise
    except OSError as error:
        raise unavailable(error) from error
