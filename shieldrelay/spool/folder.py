"""The directories of one part of the spool: ``tmp new cur state held damaged`` (R12), and the names in them.

Knows paths and how directories are made; what is written into them is `deposit`'s, `sidecar`'s and `survey`'s.
Blocks; called in threads. A directory that cannot be made is an OSError, and the domain is then not accepted.
"""

from __future__ import annotations

from itertools import count

from shieldrelay.spool.name import checked_part
from shieldrelay.spool.operations import FileOperations

DIRECTORIES = ("tmp", "new", "cur", "state", "held", "damaged")
"""``new`` has what waits for delivery, ``tmp`` what is being written, ``state`` sidecars, ``held`` what an operator
holds, ``damaged`` what is no whole record; ``cur`` is there for mail readers and stays empty."""


class Folder:
    """One part of the spool.

    :ivar path: ``<root>/<member>/<domain>``.
    :ivar domain: a protected domain's comparison form, or ``_notices``.
    :param marker: what tells the temporary files of this run from those of earlier ones.
    :ivar lost: whether another member has taken the directories; what is at their paths now is not this folder.
    :ivar arriving: names in ``new/`` that are not ours alone yet; nobody is to see them.
    """

    __slots__ = (
        "_marker", "_numbers", "arriving", "cur", "damaged", "domain", "held", "lost", "new", "operations", "path",
        "state", "tmp",
    )  # fmt: skip

    def __init__(self, member_path: str, domain: str, operations: FileOperations, marker: str) -> None:
        self.domain = checked_part(domain)
        self.path = f"{member_path}/{domain}"
        self.operations = operations
        self.new = f"{self.path}/new"
        self.tmp = f"{self.path}/tmp"
        self.state = f"{self.path}/state"
        self.cur = f"{self.path}/cur"
        self.held = f"{self.path}/held"
        self.damaged = f"{self.path}/damaged"
        self.lost = False
        self.arriving: frozenset[str] = frozenset()
        self._marker = marker
        self._numbers = count()

    def make(self) -> None:
        """Make the directories and fsync their parents; quick when they are there."""
        make_directories(self.operations, self.path, [f"{self.path}/{name}" for name in DIRECTORIES])

    def temporary(self) -> str:
        """Give a new path in ``tmp/``."""
        return f"{self.tmp}/{self._marker}.{next(self._numbers)}"

    def is_of_this_run(self, name: str) -> bool:
        """Whether a name in ``tmp/`` was given by `temporary`."""
        return name.startswith(f"{self._marker}.")

    def locate(self, name: str) -> str:
        """Give the path of an entry's file: in ``new/``, else in ``held/``.

        :raises FileNotFoundError: when it is in neither.
        """
        path = f"{self.new}/{name}"
        try:
            self.operations.status(path)
        except FileNotFoundError:
            path = f"{self.held}/{name}"
            self.operations.status(path)
        return path

    def set_aside(self, path: str, name: str) -> str:
        """Move what is no whole record from a path into ``damaged/``, replacing nothing; gives its new path."""
        goal = f"{self.damaged}/{name}"
        for number in count(1):
            try:
                self.operations.status(goal)
            except FileNotFoundError:
                break
            goal = f"{self.damaged}/{name}.{number}"
        self.operations.rename(path, goal)
        return goal


def make_directories(operations: FileOperations, parent: str, children: list[str]) -> None:
    """Make a directory and directories in it, and make all their names durable.

    :raises NotADirectoryError: when one of the names is taken by something else.
    """
    for path in (parent, *children):
        try:
            operations.make_directory(path)
        except FileExistsError:
            pass
        operations.fsync_directory(path)
    operations.fsync_directory(parent)
    operations.fsync_directory(parent.rpartition("/")[0] or "/")
