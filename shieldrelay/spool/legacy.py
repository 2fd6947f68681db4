"""What a lost member left in one part, and how it comes into our own part (R12, R15).

A message moves with its sidecar: sidecars linked, messages linked, our directories synced, and only then the old names
taken away and their directory synced too. So a message is never in no place, whatever stops us at whatever step; while
it is in two, our queue does not see it (`Folder.arriving`), and `mend` ends that before the next run's queue begins.
Files keep their inode: their due time, and all that is in them. Blocks; called in threads, one batch at a time, in
memory bounded by a batch. What fails is an OSError, and the next try goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from attrs import frozen

from shieldrelay.spool.deposit import remove_quietly
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.ledger import Ledger
from shieldrelay.spool.ledger_file import LEDGER_NAME, LedgerFile
from shieldrelay.spool.name import parse_name
from shieldrelay.spool.sidecar import sidecar_path

BATCH = 500
"""Messages that are brought over between two syncs."""

_Found = tuple[str, int, float, bool]


@frozen
class Batch:
    """What one batch brought.

    :ivar entries: that wait for delivery now; nobody sees them before ``arriving`` is taken back.
    :ivar held: how many are on hold.
    :ivar damaged: names of files that are no messages, and lie in our ``damaged/`` now.
    :ivar stuck: names that stay where they are: another message has the same name here.
    """

    entries: tuple[Entry, ...] = ()
    held: int = 0
    damaged: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


class Legacy:
    """One part of a claimed directory on its way into ours.

    :param origin: the lost member's; ``goal`` ours, whose directories exist.
    :param batch: messages that are brought over between two syncs.
    """

    def __init__(self, origin: Folder, goal: Folder, batch: int = BATCH) -> None:
        self.origin = origin
        self._goal = goal
        self._operations = goal.operations
        self._batch = batch
        self._stuck: set[str] = set()

    def batches(self) -> Iterator[Callable[[], Batch]]:
        """Give calls that bring one batch each, those on hold first; no more when nothing is left to bring."""
        for directory, take in ((self.origin.held, self._take_held), (self.origin.new, self._take_new)):
            while not self.is_empty(directory):
                yield lambda directory=directory, take=take: take(self._found(directory))  # type: ignore[misc]

    def is_empty(self, directory: str) -> bool:
        """Whether a directory of the origin has nothing that can be brought."""
        return next(self._found(directory), None) is None

    def mend(self) -> None:
        """End what an earlier run left in two places: what is ours already leaves the origin."""
        for directory in (self.origin.held, self.origin.new):
            names = (name for name, *_ in self._scan(directory))
            while some := list(islice((name for name in names if self._is_ours(directory, name)), self._batch)):
                self._sync_goal()
                self._let_go(directory, some)

    def ledger(self) -> Ledger:
        """Read the down-times that it knew of. Raises SpoolUnavailable."""
        return LedgerFile(self.origin).load()

    def close(self) -> list[str]:
        """Remove what is left of the origin; give the names that stay because they are nobody's to remove.

        A message that was linked at the very last moment makes the removal of its directory fail: bring it over, and
        close again.
        """
        operations, origin = self._operations, self.origin
        if self._stuck:
            return sorted(self._stuck)
        self._remove_directory(origin.new)
        self._remove_directory(origin.held)
        damaged = self._names(origin.damaged)
        for name in damaged:
            self._goal.set_aside(f"{origin.damaged}/{name}", name)
        if damaged:
            operations.fsync_directory(self._goal.damaged)
        for directory in (origin.tmp, origin.state, origin.cur):
            for name in self._names(directory):
                operations.unlink(f"{directory}/{name}")
        self._forget(f"{origin.path}/{LEDGER_NAME}")
        for directory in (origin.tmp, origin.state, origin.cur, origin.damaged):
            self._remove_directory(directory)
        left = self._names(origin.path)
        if not left:
            self._remove_directory(origin.path)
        return left

    # one batch

    def _take_held(self, found: Iterator[_Found]) -> Batch:
        some = list(islice(found, self._batch))
        names = [name for name, *_ in some]
        self._goal.arriving = frozenset(names)
        self._bring_sidecars(names)
        origin, goal = self.origin.held, self._goal.held
        brought = [name for name in names if self._link(f"{origin}/{name}", f"{goal}/{name}", name)]
        self._sync_goal()
        self._let_go(self.origin.held, brought)
        return Batch((), len(brought), (), tuple(name for name in names if name in self._stuck))

    def _take_new(self, found: Iterator[_Found]) -> Batch:
        some = list(islice(found, self._batch))
        whole: list[_Found] = []
        damaged: list[_Found] = []
        for one in some:
            (damaged if parse_name(one[0]) is None or not one[3] else whole).append(one)
        for name, *_ in damaged:
            self._goal.set_aside(f"{self.origin.new}/{name}", name)
        if damaged:
            self._operations.fsync_directory(self._goal.damaged)
        names = [name for name, *_ in whole]
        self._goal.arriving = frozenset(names)
        self._bring_sidecars(names)
        entries = [entry for entry in map(self._arrive, whole) if entry is not None]
        self._sync_goal()
        self._let_go(self.origin.new, [name for name in names if name not in self._stuck])
        stuck = tuple(name for name in names if name in self._stuck)
        return Batch(tuple(entries), 0, tuple(name for name, *_ in damaged), stuck)

    def _arrive(self, found: _Found) -> Entry | None:
        """Link one message; ``None`` when it does not come to wait for delivery."""
        text, size, due, _regular = found
        if self._exists(f"{self._goal.held}/{text}"):
            return None  # the operator's hold was cut short: it is on hold
        if not self._link(f"{self.origin.new}/{text}", f"{self._goal.new}/{text}", text):
            return None
        name = parse_name(text)
        assert name is not None
        return Entry(self._goal.domain, text, name.id, size, name.arrived, due)

    def _link(self, path: str, goal: str, name: str) -> bool:
        """Give a file its name with us; false when it went away, or another file has that name."""
        operations = self._operations
        try:
            operations.link(path, goal)
        except FileNotFoundError:
            return False
        except FileExistsError:
            if operations.identity(path) != operations.identity(goal):
                self._stuck.add(name)
                return False
        return True

    def _bring_sidecars(self, names: Iterable[str]) -> None:
        """Link sidecars; one that we have already is the newer one."""
        linked = False
        for name in names:
            try:
                self._operations.link(sidecar_path(self.origin, name), sidecar_path(self._goal, name))
                linked = True
            except (FileNotFoundError, FileExistsError):
                continue
        if linked:
            self._operations.fsync_directory(self._goal.state)

    def _sync_goal(self) -> None:
        self._operations.fsync_directory(self._goal.new)
        self._operations.fsync_directory(self._goal.held)

    def _let_go(self, directory: str, names: Iterable[str]) -> None:
        """Take old names away, durably: what our queue removes afterwards must not come back by them."""
        gone = list(names)
        for name in gone:
            self._forget(f"{directory}/{name}")
        self._operations.fsync_directory(directory)
        for name in gone:
            remove_quietly(self.origin, sidecar_path(self.origin, name))

    def _forget(self, path: str) -> None:
        try:
            self._operations.unlink(path)
        except FileNotFoundError:
            return  # an interrupted run was as far already

    # looking

    def _is_ours(self, directory: str, name: str) -> bool:
        """Whether our part has the very file that the origin has under this name."""
        identity = self._operations.identity(f"{directory}/{name}")
        for ours in (f"{self._goal.new}/{name}", f"{self._goal.held}/{name}"):
            if self._exists(ours) and self._operations.identity(ours) == identity:
                return True
        return False

    def _found(self, directory: str) -> Iterator[_Found]:
        return (found for found in self._scan(directory) if found[0] not in self._stuck)

    def _scan(self, directory: str) -> Iterator[_Found]:
        try:
            yield from self._operations.scan(directory)
        except FileNotFoundError:
            return  # a former run removed it already

    def _names(self, directory: str) -> list[str]:
        try:
            return sorted(self._operations.names(directory))
        except FileNotFoundError:
            return []

    def _remove_directory(self, path: str) -> None:
        try:
            self._operations.remove_directory(path)
        except FileNotFoundError:
            return

    def _exists(self, path: str) -> bool:
        try:
            self._operations.status(path)
        except FileNotFoundError:
            return False
        return True
