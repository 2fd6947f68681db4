"""A disk in memory that forgets what was not synced, dies at its n-th step, or fails there.

It has the methods of ``spool.operations.FileOperations`` and passes the same contract as the real disk
(``tests/spool/test_disk_contract.py``). Its memory is the worst that POSIX allows: a file's content and mtime are
durable when the *file* was synced, a name when its *directory* was synced, each on its own; a failed fsync makes the
file's unsynced content forgettable for good, however often fsync is called again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence

from attrs import define, field

from shieldrelay.spool.operations import Access, FileOperations, Space, Status


class PowerCut(BaseException):
    """The machine stopped: no step after this one does anything. No ``Exception``, since no code may survive it."""


@define(eq=False)
class _File:
    content: bytes = b""
    due: float = 0.0
    durable_content: bytes = b""
    durable_due: float = 0.0
    betrayed: bool = False


@define(eq=False)
class _Directory:
    names: dict[str, _File | _Directory] = field(factory=dict)
    durable_names: dict[str, _File | _Directory] = field(factory=dict)


_Node = _File | _Directory


@define(eq=False)
class _Move:
    """A directory that was moved, before either of its parents was synced: both names change, or none does."""

    origin: _Directory
    old: str
    goal: _Directory
    new: str
    moved: _Directory

    def is_settled_by(self, synced: _Directory) -> bool:
        """Take the sync of a parent for both, as every journal does; say whether it was one."""
        if synced is not self.origin and synced is not self.goal:
            return False
        self._make_durable(moved=True)
        return True

    def decide(self, *, remembered: bool) -> None:
        """Let a crash find it in its new place, or in its old one."""
        for directory, name in ((self.origin, self.old), (self.goal, self.new)):
            if directory.names.get(name) is self.moved:
                del directory.names[name]
        self._make_durable(moved=remembered)
        directory, name = (self.goal, self.new) if remembered else (self.origin, self.old)
        directory.names[name] = self.moved

    def _make_durable(self, *, moved: bool) -> None:
        for directory, name, is_there in ((self.origin, self.old, not moved), (self.goal, self.new, moved)):
            if is_there:
                directory.durable_names[name] = self.moved
            elif directory.durable_names.get(name) is self.moved:
                del directory.durable_names[name]


@define(eq=False)
class _Handle:
    file: _File
    writable: bool


def _always() -> bool:
    return True


def _never() -> bool:
    return False


class ForgetfulDisk(FileOperations):
    """One disk, with ``/`` on it.

    :param die_at: the number of the step, counted from 1, at which the power is cut; 0 for never. A write that dies
        has written its first half.
    :param fail_at: the number of the step that fails, with the error ``failure`` (an ``errno``), and only that one.
    :ivar steps: how many steps there were. Steps are what changes the disk, and opening files.
    """

    def __init__(self, *, die_at: int = 0, fail_at: int = 0, failure: int = errno.EIO) -> None:
        self.steps = 0
        self.die_at = die_at
        self.fail_at = fail_at
        self.failure = failure
        self.dead = False
        self.space_left = Space(1 << 40, 1 << 41, 1 << 20, 1 << 21)
        self._root = _Directory()
        self._handles: dict[int, _Handle] = {}
        self._locks: dict[int, _File] = {}
        self._next = 3
        self._moves: list[_Move] = []

    def after_crash(
        self, remembers_name: Callable[[], bool] = _never, remembers_content: Callable[[], bool] = _never
    ) -> ForgetfulDisk:
        """Give the disk as it is found after a power cut.

        :param remembers_name: asked for each name that was made or taken away but not synced.
        :param remembers_content: asked for each file whose content or mtime was not synced.
        """
        disk = ForgetfulDisk()
        disk.space_left = self.space_left
        for move in self._moves:
            move.decide(remembered=remembers_name())
        self._moves.clear()
        known: dict[int, _Node] = {}
        disk._root = _remembered_directory(self._root, remembers_name, remembers_content, known)
        return disk

    def after_kill(self) -> ForgetfulDisk:
        """Give the disk as another process finds it when this one was killed: nothing is forgotten."""
        return self.after_crash(_always, _always)

    def create(self, path: str) -> int:
        """Make a file."""
        self._step(path)
        directory, name = self._parent(path)
        if name in directory.names:
            raise _error(errno.EEXIST, path)
        directory.names[name] = made = _File()
        return self._handle(made, writable=True)

    def open(self, path: str) -> int:
        """Open a file."""
        self._step(path)
        return self._handle(self._file(path), writable=False)

    def open_for_appending(self, path: str) -> int:
        """Open a file, or make it."""
        self._step(path)
        directory, name = self._parent(path)
        if name not in directory.names:
            directory.names[name] = _File()
        return self._handle(self._file(path), writable=True)

    def write(self, file: int, blocks: Sequence[bytes]) -> None:
        """Write at the end: all of it, or the first half when this step dies or fails."""
        handle = self._open_handle(file)
        if not handle.writable:
            raise _error(errno.EBADF)
        octets = b"".join(blocks)
        try:
            self._step()
        except (OSError, PowerCut):
            handle.file.content += octets[: len(octets) // 2]
            raise
        handle.file.content += octets

    def read(self, file: int, offset: int, octets: int) -> bytes:
        """Read."""
        return self._open_handle(file).file.content[offset : offset + octets]

    def fsync(self, file: int) -> None:
        """Make content and mtime durable, unless an earlier fsync of this file failed."""
        node = self._open_handle(file).file
        try:
            self._step()
        except OSError:
            node.betrayed = True
            raise
        if not node.betrayed:
            node.durable_content, node.durable_due = node.content, node.due

    def close(self, file: int) -> None:
        """Close."""
        self._open_handle(file)
        del self._handles[file]
        self._locks.pop(file, None)
        self._step()

    def set_due(self, file: int | str, due: float) -> None:
        """Set an mtime."""
        node = self._open_handle(file).file if isinstance(file, int) else self._file(file)
        self._step()
        node.due = round(due * 1000) / 1e3

    def status(self, file: int | str) -> Status:
        """Look at a file."""
        self._alive()
        node = self._open_handle(file).file if isinstance(file, int) else self._node(file)
        return _status(node)

    def access(self, path: str) -> Access:
        """Everything is private to us here."""
        self._alive()
        kind = stat.S_IFDIR if isinstance(self._node(path), _Directory) else stat.S_IFREG
        return Access(kind | 0o700, os.geteuid())

    def identity(self, file: int | str) -> tuple[int, int]:
        """Say which file it is."""
        self._alive()
        return 1, id(self._open_handle(file).file if isinstance(file, int) else self._node(file))

    def link(self, path: str, other: str) -> None:
        """Give a second name."""
        self._step(path)
        node = self._file(path)
        directory, name = self._parent(other)
        if name in directory.names:
            raise _error(errno.EEXIST, other)
        directory.names[name] = node

    def unlink(self, path: str) -> None:
        """Take a name away."""
        self._step(path)
        self._file(path)
        directory, name = self._parent(path)
        del directory.names[name]

    def rename(self, path: str, other: str) -> None:
        """Rename, replacing a file; a directory moves as a whole, and replaces nothing."""
        self._step(path)
        node = self._node(path)
        directory, name = self._parent(other)
        origin, old = self._parent(path)
        if isinstance(node, _Directory):
            if name in directory.names:
                raise _error(errno.ENOTEMPTY, other)
            self._moves.append(_Move(origin, old, directory, name, node))
        directory.names[name] = node
        del origin.names[old]

    def make_directory(self, path: str) -> None:
        """Make a directory."""
        self._step(path)
        directory, name = self._parent(path)
        if name in directory.names:
            raise _error(errno.EEXIST, path)
        directory.names[name] = _Directory()

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        self._step(path)
        node = self._node(path)
        if not isinstance(node, _Directory):
            raise _error(errno.ENOTDIR, path)
        if node.names:
            raise _error(errno.ENOTEMPTY, path)
        directory, name = self._parent(path)
        del directory.names[name]

    def fsync_directory(self, path: str) -> None:
        """Make names durable; a directory that was moved here or away is where it is now, and nowhere else."""
        node = self._node(path)
        if not isinstance(node, _Directory):
            raise _error(errno.ENOTDIR, path)
        self._step(path)
        node.durable_names = dict(node.names)
        self._moves = [move for move in self._moves if not move.is_settled_by(node)]

    def names(self, path: str) -> Iterator[str]:
        """List names."""
        yield from self._listing(path)

    def scan(self, path: str) -> Iterator[tuple[str, int, float, bool]]:
        """List names with what they stand for."""
        for name, node in self._listing(path).items():
            status = _status(node)
            yield name, status.size, status.due, status.regular

    def space(self, path: str) -> Space:
        """Give ``space_left``."""
        self._alive()
        return self.space_left

    def lock(self, file: int) -> bool:
        """Lock."""
        self._step()
        node = self._open_handle(file).file
        if any(locked is node for locked in self._locks.values()):
            return False
        self._locks[file] = node
        return True

    def replace_content(self, file: int, octets: bytes) -> None:
        """Replace what a file holds."""
        self._step()
        self._open_handle(file).file.content = octets

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut

    def _step(self, path: str | None = None) -> None:
        self._alive()
        self.steps += 1
        if self.steps == self.die_at:
            self.dead = True
            raise PowerCut
        if self.steps == self.fail_at:
            raise _error(self.failure, path)

    def _handle(self, node: _File, *, writable: bool) -> int:
        number, self._next = self._next, self._next + 1
        self._handles[number] = _Handle(node, writable)
        return number

    def _open_handle(self, number: int) -> _Handle:
        self._alive()
        if number not in self._handles:
            raise _error(errno.EBADF)
        return self._handles[number]

    def _node(self, path: str) -> _Node:
        node: _Node = self._root
        for name in path.strip("/").split("/") if path != "/" else ():
            if not isinstance(node, _Directory):
                raise _error(errno.ENOTDIR, path)
            if name not in node.names:
                raise _error(errno.ENOENT, path)
            node = node.names[name]
        return node

    def _file(self, path: str) -> _File:
        node = self._node(path)
        if isinstance(node, _Directory):
            raise _error(errno.EISDIR, path)
        return node

    def _parent(self, path: str) -> tuple[_Directory, str]:
        above, _, name = path.rpartition("/")
        directory = self._node(above or "/")
        if not isinstance(directory, _Directory):
            raise _error(errno.ENOTDIR, path)
        return directory, name

    def _listing(self, path: str) -> dict[str, _Node]:
        self._alive()
        node = self._node(path)
        if not isinstance(node, _Directory):
            raise _error(errno.ENOTDIR, path)
        return dict(node.names)


def _error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


def _status(node: _Node) -> Status:
    if isinstance(node, _Directory):
        return Status(4096, 0.0, regular=False)
    return Status(len(node.content), node.due, regular=True)


def _remembered_directory(
    directory: _Directory,
    remembers_name: Callable[[], bool],
    remembers_content: Callable[[], bool],
    known: dict[int, _Node],
) -> _Directory:
    found = _Directory()
    for name in sorted(directory.names.keys() | directory.durable_names.keys()):
        now, durable = directory.names.get(name), directory.durable_names.get(name)
        node = now if now is durable or remembers_name() else durable
        if isinstance(node, _Directory):
            found.names[name] = _remembered_directory(node, remembers_name, remembers_content, known)
        elif node is not None:
            if id(node) not in known:
                known[id(node)] = _remembered_file(node, remembers_content)
            found.names[name] = known[id(node)]
    found.durable_names = dict(found.names)
    return found


def _remembered_file(node: _File, remembers_content: Callable[[], bool]) -> _File:
    is_durable = node.content == node.durable_content and node.due == node.durable_due
    if is_durable or remembers_content():
        return _File(node.content, node.due, node.content, node.due)
    return _File(node.durable_content, node.durable_due, node.durable_content, node.durable_due)
