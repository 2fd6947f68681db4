"""The sidecars: small files in ``state/`` that hold a message's `Progress`, each replaced as a whole (R12).

A sidecar is named after its message's file, so that one without a message is recognised by its name alone. What
cannot be read counts as absent: a duplicate delivery at worst, never a lost message. Blocks; called in threads.
"""

from __future__ import annotations

from shieldrelay.spool.deposit import remove_quietly
from shieldrelay.spool.faults import is_our_trouble, unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.progress import Progress, decode_progress, encode_progress

LONGEST_OCTETS = 1 << 20
_SUFFIX = ".json"


def sidecar_path(folder: Folder, name: str) -> str:
    """Give where the sidecar of an entry of this name is."""
    return f"{folder.state}/{name}{_SUFFIX}"


def owner_of(sidecar: str) -> str | None:
    """Give the entry's name that a file name in ``state/`` belongs to, ``None`` when it is no sidecar's."""
    return sidecar.removesuffix(_SUFFIX) if sidecar.endswith(_SUFFIX) else None


def write_sidecar(folder: Folder, name: str, progress: Progress) -> None:
    """Replace an entry's sidecar.

    The file is synced when somebody's fate is settled: what is forgotten about them would be a duplicate. (The
    directory's fsync is the caller's.) Counts of attempts may be lost.

    :raises SpoolUnavailable: when it failed; the former sidecar is then untouched.
    """
    operations = folder.operations
    temporary = folder.temporary()
    try:
        file = operations.create(temporary)
        try:
            operations.write(file, (encode_progress(progress),))
            if progress.settled:
                operations.fsync(file)
        finally:
            operations.close(file)
        operations.rename(temporary, sidecar_path(folder, name))
    except OSError as error:
        remove_quietly(folder, temporary)
        raise unavailable(error) from error


def read_sidecar(folder: Folder, name: str) -> Progress | None:
    """Give an entry's progress, ``None`` when there is none that can be read.

    :raises SpoolUnavailable: when this process cannot read at all now (too many open files, no memory).
    """
    operations = folder.operations
    try:
        file = operations.open(sidecar_path(folder, name))
        try:
            return decode_progress(operations.read(file, 0, LONGEST_OCTETS))
        finally:
            operations.close(file)
    except OSError as error:
        if is_our_trouble(error):
            raise unavailable(error) from error
        return None


def remove_sidecar(folder: Folder, name: str) -> None:
    """Remove an entry's sidecar, after its message; one that stays is swept at the next start."""
    remove_quietly(folder, sidecar_path(folder, name))
