"""One process a member: the lock file ``<root>/<member>/_lock`` (R12).

Its name begins with an underscore, as no domain's does. The lock belongs to the open file, so that the kernel lets go
of it whatever becomes of the process; the process id in it is for the operator's eyes. The file goes where its
directory goes: when the path leads to another file, or to none, somebody took the directory over (R15).
"""

from __future__ import annotations

from shieldrelay.spool.faults import SpoolInUse
from shieldrelay.spool.operations import FileOperations

LOCK_NAME = "_lock"


class MemberLock:
    """The lock of one member's directory."""

    def __init__(self, member_path: str, operations: FileOperations) -> None:
        self._path = f"{member_path}/{LOCK_NAME}"
        self._member_path = member_path
        self._operations = operations
        self._file: int | None = None

    def take(self, process: int) -> None:
        """Take it for this process.

        :raises SpoolInUse: when another process has it, or takes the directory over at this moment.
        :raises OSError: when the file cannot be opened or written.
        """
        file = self._operations.open_for_appending(self._path)
        try:
            if not self._operations.lock(file) or not self._is_at_its_path(file):
                raise SpoolInUse(self._member_path, self._holder(file))
            self._operations.replace_content(file, b"%d\n" % process)
        except BaseException:
            self._operations.close(file)
            raise
        self._file = file

    def seize(self) -> None:
        """Take it to move the directory away, or to find out that nobody has it; `release` is owed.

        :raises SpoolInUse: when another process has it.
        :raises OSError: when there is none, or it cannot be asked.
        """
        self._operations.identity(self._path)  # what has no lock file is no member's, and gets none
        file = self._operations.open_for_appending(self._path)
        try:
            if not self._operations.lock(file):
                raise SpoolInUse(self._member_path, self._holder(file))
        except BaseException:
            self._operations.close(file)
            raise
        self._file = file

    def is_in_place(self) -> bool:
        """Whether the directory that it locks is still at its path; false when it was never taken.

        :raises OSError: when that cannot be told.
        """
        return self._file is not None and self._is_at_its_path(self._file)

    def release(self) -> None:
        """Let go of it; allowed more than once."""
        file, self._file = self._file, None
        if file is not None:
            self._operations.close(file)

    def _is_at_its_path(self, file: int) -> bool:
        try:
            return self._operations.identity(self._path) == self._operations.identity(file)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _holder(self, file: int) -> int | None:
        text = self._operations.read(file, 0, 20).strip()
        return int(text) if text.isdigit() else None
