"""How a message becomes a file in ``new/`` (R12, R13): create, write, mtime, fsync, close, link, unlink.

Only the directory's fsync is left then, which is `rounds`' affair. Blocks; called in threads by `part` and `draft`.
Whatever fails comes out as `SpoolUnavailable` (or MemoryError), with nothing left in ``new/`` and, when the disk still
obeys, nothing in ``tmp/``. A descriptor whose fsync failed is closed and never asked again.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.mail.envelope import Message
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.envelope_block import encode_block
from shieldrelay.spool.faults import unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.name import Name
from shieldrelay.spool.progress import Progress


def due_of(seconds: float) -> float:
    """Give a due time as a file keeps it: in whole milliseconds."""
    return round(seconds * 1000) / 1e3


def entry_of(domain: str, message: Message, size: int, due: float) -> Entry:
    """Give the entry that a message of this size will be."""
    name = Name(int(message.arrived), message.id, size, message.precedence)
    return Entry(domain, str(name), message.id, size, name.arrived, due_of(due))


def deposit(
    folder: Folder, message: Message, blocks: Sequence[bytes], octets: int, due: float, progress: Progress | None
) -> Entry:
    """Write a whole message and link it into ``new/``.

    :param octets: of the blocks together.
    :param progress: what an inline attempt came to; goes into the envelope block.
    """
    block = encode_block(message, progress)
    entry = entry_of(folder.domain, message, len(block) + octets, due)
    temporary = folder.temporary()
    try:
        file = folder.operations.create(temporary)
    except OSError as error:
        raise unavailable(error) from error
    try:
        folder.operations.write(file, (block, *blocks))
    except (OSError, MemoryError) as error:
        close_quietly(folder, file)
        raise _given_up(folder, temporary, error) from error
    publish(folder, temporary, file, entry)
    return entry


def publish(folder: Folder, temporary: str, file: int, entry: Entry) -> None:
    """Make a written file durable and link it into ``new/``; closes the file whatever happens.

    :param temporary: the file's path in ``tmp/``, which is gone afterwards.
    """
    operations = folder.operations
    try:
        try:
            operations.set_due(file, entry.due)
            operations.fsync(file)
        finally:
            operations.close(file)
        operations.link(temporary, f"{folder.new}/{entry.name}")
    except OSError as error:
        raise _given_up(folder, temporary, error) from error
    try:
        operations.unlink(temporary)
    except OSError as error:
        withdraw(folder, entry)
        raise unavailable(error) from error


def withdraw(folder: Folder, entry: Entry) -> None:
    """Take an entry out of ``new/`` that will not be acknowledged.

    On a disk that refuses even this a complete message stays: a possible duplicate, which R13 allows.
    """
    remove_quietly(folder, f"{folder.new}/{entry.name}")


def remove_quietly(folder: Folder, path: str) -> None:
    """Remove a file that nobody needs; what cannot be removed is left for the sweep of the next start."""
    try:
        folder.operations.unlink(path)
    except OSError:
        # The failure that brought us here is the one to report; this one changes nothing for anybody.
        return


def close_quietly(folder: Folder, file: int) -> None:
    """Close a file that will be removed."""
    try:
        folder.operations.close(file)
    except OSError:
        # The descriptor is released all the same, and nobody needs what was not written.
        return


def _given_up(folder: Folder, temporary: str, error: OSError | MemoryError) -> OSError | MemoryError:
    """Clean up after a failed step and give what to raise."""
    remove_quietly(folder, temporary)
    return unavailable(error) if isinstance(error, OSError) else error
