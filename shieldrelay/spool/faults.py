"""What can go wrong with the spool, in our words.

Everything the operating system reports is translated here, once, so that callers decide by type: a `SpoolFull` is
answered 452, any other `SpoolUnavailable` 451, never 5yz. All are OSErrors, so that a caller may treat them as one.
"""

from __future__ import annotations

import errno
import os

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.ENOTCONN})
_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an input/output error",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.ENOENT: "a directory or file is missing",
    errno.EMFILE: "this process has too many open files",
    errno.ENFILE: "the system has too many open files",
}


class SpoolUnavailable(OSError):
    """The spool cannot do this now; nothing was acknowledged and nothing partial is in ``new/``.

    :ivar reason: why, one clause in our words, with the path.
    """

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class SpoolFull(SpoolUnavailable):
    """No space, no inode or no quota is left."""


class SpoolInUse(SpoolUnavailable):
    """Another process has this member's spool.

    :ivar process: its process id, ``None`` when it cannot be told.
    """

    def __init__(self, path: str, process: int | None) -> None:
        holder = "another process" if process is None else f"process {process}"
        super().__init__(errno.EBUSY, f"the spool {path} is in use by {holder}")
        self.process = process


class SpoolTaken(SpoolUnavailable):
    """Another member has taken this member's directory over (R15); what was in it is the other's."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ESTALE, f"the spool {path} was taken over by another node")


class NotAdoptable(SpoolUnavailable):
    """A part of the spool that this node cannot take over; nothing was changed."""

    def __init__(self, member: str, why: str) -> None:
        super().__init__(errno.ENOENT, f"{member} cannot be adopted: {why}")


class Gone(SpoolUnavailable):
    """The entry is no longer in the spool: it was delivered or deleted meanwhile."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.ENOENT, f"{name} is no longer in the spool")


class Damaged(SpoolUnavailable):
    """A file that is no whole record. It lies in ``damaged/`` now, unless the reason says that this failed too."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(errno.EILSEQ, f"{name} is damaged: {why}")
        self.name = name
        self.why = why


def unavailable(error: OSError) -> SpoolUnavailable:
    """Translate what the operating system reported; what is ours already stays as it is."""
    if isinstance(error, SpoolUnavailable):
        return error
    number = error.errno or errno.EIO
    words = _WORDS.get(number) or os.strerror(number).lower()
    reason = f"{words} ({error.filename})" if error.filename else words
    return (SpoolFull if number in _FULL else SpoolUnavailable)(number, reason)


def is_our_trouble(error: OSError) -> bool:
    """Whether a failure to read says nothing about the file, only about this process at this moment."""
    return error.errno in _OURS
