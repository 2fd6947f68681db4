"""How a spooled message is read: its file's envelope block, its content, and the sidecar's progress.

A small message comes into memory with the same read; of a large one only the beginning is read, and its content stays
a `FileContent`. Whatever is no whole record is set aside in ``damaged/`` and reported as `Damaged`. Blocks; called in
threads.
"""

from __future__ import annotations

from shieldrelay.ports import BLOCK_OCTETS, ThreadRunner
from shieldrelay.spool.content import FileContent, MemoryContent, has_ascii_header
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.envelope_block import BlockFault, EnvelopeBlock, block_octets, decode_block
from shieldrelay.spool.faults import Damaged, Gone, is_our_trouble, unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.progress import NO_PROGRESS
from shieldrelay.spool.sidecar import read_sidecar
from shieldrelay.spool.survey import SetAside, set_aside

_FIRST_READ = BLOCK_OCTETS
_EMPTY_LINE = b"\r\n\r\n"
_HEADER_OCTETS = 1 << 20
"""How far a header block is looked for: four times what R25 lets in."""


def retrieve(folder: Folder, entry: Entry, threads: ThreadRunner) -> Record:
    """Read an entry.

    :param threads: what reads a large content later.
    :raises Gone: when the file is no longer there.
    :raises Damaged: when it is no whole record; it was set aside.
    :raises SpoolUnavailable: when this process cannot read at all now; the file is untouched.
    """
    path = _located(folder, entry)
    try:
        block, content = _read(folder, path, entry, threads)
    except FileNotFoundError:
        raise Gone(entry.name) from None
    except BlockFault as fault:
        raise _damaged(folder, path, entry, str(fault)) from None
    except OSError as error:
        if is_our_trouble(error):
            raise unavailable(error) from error
        raise _damaged(folder, path, entry, str(unavailable(error))) from error
    progress = read_sidecar(folder, entry.name)
    return Record(block.message, content, progress or block.progress or NO_PROGRESS)


def _located(folder: Folder, entry: Entry) -> str:
    try:
        return folder.locate(entry.name)
    except FileNotFoundError:
        raise Gone(entry.name) from None
    except OSError as error:
        raise unavailable(error) from error


def _read(
    folder: Folder, path: str, entry: Entry, threads: ThreadRunner
) -> tuple[EnvelopeBlock, MemoryContent | FileContent]:
    operations = folder.operations
    file = operations.open(path)
    try:
        status = operations.status(file)
        if not status.regular or status.size != entry.size:
            raise BlockFault(f"it has {status.size} octets instead of {entry.size}")
        beginning = operations.read(file, 0, _FIRST_READ)
        octets = block_octets(beginning)
        if len(beginning) < entry.size and beginning.find(_EMPTY_LINE, octets - 2) < 0:
            beginning = operations.read(file, 0, octets + _HEADER_OCTETS)
    finally:
        operations.close(file)
    block = decode_block(beginning[:octets])
    if block.message.id != entry.id:
        raise BlockFault("its envelope is that of another message")
    rest = beginning[octets:]
    if len(beginning) == entry.size:
        return block, MemoryContent((rest,))
    ascii_header = has_ascii_header((rest,))
    return block, FileContent(
        path, octets, entry.size - octets, ascii_header=ascii_header, threads=threads, operations=operations
    )


def _damaged(folder: Folder, path: str, entry: Entry, why: str) -> Damaged:
    """Set the file aside and give what to raise."""
    directory = path.rpartition("/")[0]
    return Damaged(entry.name, set_aside(folder, directory, SetAside(entry.name, why)).why)
