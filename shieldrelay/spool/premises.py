"""Whether a directory is fit to hold the spool: private, writable, and with hard links.

Asked once, at start, before anything is bound; blocks. What is unfit is a `SpoolUnavailable` that names the path and
what to change. Nobody but our own user may be able to replace a directory above our files: a world-writable parent is
refused unless it has the sticky bit.
"""

from __future__ import annotations

import errno
import os
import stat

from shieldrelay.spool.faults import SpoolUnavailable, unavailable
from shieldrelay.spool.operations import FileOperations

_PROBE = "_probe"
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def check_parents(path: str, operations: FileOperations) -> None:
    """Refuse a path under a directory that strangers may rewrite.

    :param path: absolute, without symbolic links; every existing directory above it is looked at.
    """
    above = path.rpartition("/")[0]
    while above:
        try:
            mode = operations.access(above).mode
        except FileNotFoundError:
            mode = 0
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise SpoolUnavailable(
                errno.EPERM, f"{above} is writable by everyone, so {path} cannot be trusted with mail"
            )
        above = above.rpartition("/")[0]


def check_private(path: str, operations: FileOperations) -> None:
    """Refuse a directory that is another user's or open to others.

    :param path: of a directory that exists.
    """
    found = operations.access(path)
    if not stat.S_ISDIR(found.mode):
        raise SpoolUnavailable(errno.ENOTDIR, f"{path} is not a directory")
    if found.owner != os.geteuid():
        raise SpoolUnavailable(errno.EPERM, f"{path} belongs to user {found.owner}, not to us (user {os.geteuid()})")
    if found.mode & 0o077:
        raise SpoolUnavailable(errno.EPERM, f"{path} is open to other users: its mode must be 0700")


def check_usable(path: str, operations: FileOperations, marker: str) -> None:
    """Make a file in a directory, sync it, and give it a second name, as every message will be.

    :param marker: makes the probe's names our own.
    """
    _forget_probes(path, operations)
    first, second = f"{path}/{_PROBE}.{marker}", f"{path}/{_PROBE}.{marker}.link"
    try:
        file = operations.create(first)
        try:
            operations.fsync(file)
        finally:
            operations.close(file)
        _check_link(path, first, second, operations)
        operations.unlink(first)
    except OSError as error:
        known = unavailable(error)
        raise type(known)(known.errno or 0, f"the spool cannot be written: {known}") from error


def _forget_probes(path: str, operations: FileOperations) -> None:
    """Remove what a start left that died in `check_usable`."""
    try:
        for name in [name for name in operations.names(path) if name.startswith(_PROBE)]:
            operations.unlink(f"{path}/{name}")
    except OSError as error:
        raise unavailable(error) from error


def _check_link(path: str, first: str, second: str, operations: FileOperations) -> None:
    try:
        operations.link(first, second)
    except OSError as error:
        operations.unlink(first)
        if error.errno not in _NO_LINKS:
            raise
        reason = f"the file system of {path} has no hard links, which the spool needs"
        raise SpoolUnavailable(errno.EOPNOTSUPP, reason) from error
    operations.unlink(second)
