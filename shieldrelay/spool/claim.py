"""The fence of a takeover: another member's directory becomes ours by one rename (R15).

``<root>/<lost>`` goes to ``<root>/<ours>/_adopted/<lost>~<marker>``. Its owner reaches its files by path only, so from
that moment it reaches none; two who claim at once cannot both have it. What lies in ``_adopted`` is nobody's mail to
deliver yet: `spool.legacy` brings it over. A member that lives holds its lock, where locks reach us; that none is held
proves nothing on storage whose locks do not, so whoever calls here must know by other means that the member is gone.
Blocks; called in threads. Each step may be the last before a crash: the directory is here or there, and whole.
"""

from __future__ import annotations

import errno

from shieldrelay.spool.faults import NotAdoptable, SpoolInUse, SpoolUnavailable, unavailable
from shieldrelay.spool.folder import make_directories
from shieldrelay.spool.lock import LOCK_NAME, MemberLock
from shieldrelay.spool.name import is_part
from shieldrelay.spool.operations import FileOperations
from shieldrelay.spool.premises import check_private

ADOPTED = "_adopted"
"""The directory, in a member's own, of what it took over and has not brought over yet."""
_BETWEEN = "~"


def is_member(name: str) -> bool:
    """Whether a name can be that of a member's directory."""
    return bool(name) and "/" not in name and not name.startswith((".", "_")) and _BETWEEN not in name


def former_owner(place: str) -> str:
    """Give the member whose directory a place in ``_adopted`` was."""
    return place.rpartition("/")[2].partition(_BETWEEN)[0]


def members_in(root: str, operations: FileOperations) -> list[str]:
    """Give the names in the spool's root that have a member's lock file. Raises SpoolUnavailable."""
    try:
        names = sorted(name for name in operations.names(root) if is_member(name))
        return [name for name in names if _is_there(f"{root}/{name}/{LOCK_NAME}", operations)]
    except OSError as error:
        raise unavailable(error) from error


def is_locked(root: str, member: str, operations: FileOperations) -> bool:
    """Whether a process holds a member's directory, as far as locks reach; nothing is changed by asking.

    :raises SpoolUnavailable: when it cannot be told.
    """
    lock = MemberLock(f"{root}/{member}", operations)
    try:
        lock.seize()
        lock.release()
    except SpoolInUse:
        return True
    except OSError as error:
        raise unavailable(error) from error
    return False


def claim(root: str, lost: str, own: str, marker: str, operations: FileOperations) -> str:
    """Take a lost member's directory; durable when this returns its new path.

    :param own: our own member's directory, ``<root>/<ours>``.
    :param marker: makes the new name unlike every other.
    :raises SpoolInUse: when a process holds it.
    :raises NotAdoptable: when there is no such directory any more, or it cannot be moved.
    :raises SpoolUnavailable: when the disk does not obey; it was not taken, or `places` has it.
    """
    origin, place = f"{root}/{lost}", f"{own}/{ADOPTED}/{lost}{_BETWEEN}{marker}"
    if not is_member(lost) or origin == own:
        raise NotAdoptable(lost, "that is no other node's part of the spool")
    try:
        check_private(origin, operations)
        _move(origin, place, operations)
    except FileNotFoundError as error:
        raise NotAdoptable(lost, "there is no such part of the spool") from error
    except OSError as error:
        raise _refused(lost, error) from error
    return place


def _move(origin: str, place: str, operations: FileOperations) -> None:
    """Rename a member's directory while nobody can start on it."""
    goal = place.rpartition("/")[0]
    lock = MemberLock(origin, operations)
    lock.seize()
    try:
        make_directories(operations, goal, [])
        operations.rename(origin, place)
        operations.fsync_directory(goal)
        operations.fsync_directory(origin.rpartition("/")[0])
    finally:
        lock.release()


def places(own: str, operations: FileOperations) -> list[str]:
    """Give the paths of what was claimed and not brought over whole. Raises OSError."""
    try:
        return [f"{own}/{ADOPTED}/{name}" for name in sorted(operations.names(f"{own}/{ADOPTED}"))]
    except FileNotFoundError:
        return []


def parts_of(place: str, operations: FileOperations) -> list[str]:
    """Give the domains (and the notices' part) that a claimed directory has. Raises OSError."""
    return sorted(name for name in operations.names(place) if is_part(name))


def _refused(lost: str, error: OSError) -> SpoolUnavailable:
    if isinstance(error, SpoolUnavailable):
        return error
    if error.errno in (errno.EXDEV, errno.EBUSY):
        return NotAdoptable(lost, "it is a file system of its own: let the spool's root be one, or start a node on it")
    return unavailable(error)


def _is_there(path: str, operations: FileOperations) -> bool:
    try:
        operations.identity(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
