"""The two kinds of content of a message: octets in memory, and a stretch of a file.

Both satisfy ``ports.Content``. `MemoryContent` is on the hot path; a `FileContent` is read in threads, block by
block, and a file that turns out shorter than it was is an OSError, never a shorter message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twisted.internet.defer import Deferred

from shieldrelay.ports import BLOCK_OCTETS, ThreadRunner
from shieldrelay.spool.operations import FileOperations

_HEADER_END = b"\r\n\r\n"


def has_ascii_header(blocks: Sequence[bytes]) -> bool:
    """Whether no octet above 127 stands before the first empty line.

    :param blocks: the beginning of a content, as far as its header block goes at least.
    """
    for index, block in enumerate(blocks):
        if not block.isascii():
            return _header(b"".join(blocks[: index + 1])).isascii()
    return True


def _header(beginning: bytes) -> bytes:
    """The octets up to the first empty line; all of them when there is none."""
    if beginning[:2] == b"\r\n":
        return b""
    end = beginning.find(_HEADER_END)
    return beginning if end < 0 else beginning[:end]


class MemoryContent:
    """Octets in memory.

    :param blocks: all of it, in order; the longest may be longer than `BLOCK_OCTETS`.
    :param ascii_header: whether its header block has no octet above 127, when that is known already.
    """

    __slots__ = ("_ascii_header", "blocks", "size")

    def __init__(self, blocks: tuple[bytes, ...], *, ascii_header: bool | None = None) -> None:
        self.blocks: tuple[bytes, ...] = blocks
        self.size: int = len(blocks[0]) if len(blocks) == 1 else sum(map(len, blocks))
        self._ascii_header = ascii_header

    @property
    def ascii_header(self) -> bool:
        """Whether the header block has no octet above 127; found out when first asked for."""
        if self._ascii_header is None:
            self._ascii_header = has_ascii_header(self.blocks)
        return self._ascii_header

    def open(self) -> MemoryReader:
        """Begin a pass."""
        return MemoryReader(self.blocks)


class MemoryReader:
    """One pass over blocks in memory; answers at once."""

    __slots__ = ("_pieces",)

    def __init__(self, blocks: tuple[bytes, ...]) -> None:
        self._pieces = _pieces(blocks)

    def read(self) -> bytes:
        """Give the next block, ``b""`` at the end."""
        return next(self._pieces, b"")

    def close(self) -> None:
        """Let go of the blocks."""
        self._pieces = iter(())


def _pieces(blocks: tuple[bytes, ...]) -> Iterator[bytes]:
    for block in blocks:
        if len(block) <= BLOCK_OCTETS:
            if block:
                yield block
        else:
            for at in range(0, len(block), BLOCK_OCTETS):
                yield block[at : at + BLOCK_OCTETS]


class FileContent:
    """A stretch of a file.

    Every pass opens the file for itself, by path (R15), when its first block is read.

    :ivar path: where the file is; its owner changes it when the file gets another name.
    :param offset: where the stretch begins, octets from the beginning of the file.
    :param size: how long it is, octets.
    """

    __slots__ = ("_offset", "_operations", "_threads", "ascii_header", "path", "size")

    blocks = None

    def __init__(
        self,
        path: str,
        offset: int,
        size: int,
        *,
        ascii_header: bool,
        threads: ThreadRunner,
        operations: FileOperations,
    ) -> None:
        self.path = path
        self.size: int = size
        self.ascii_header: bool = ascii_header
        self._offset = offset
        self._threads = threads
        self._operations = operations

    def open(self) -> FileReader:
        """Begin a pass; that the file cannot be opened shows at the first read."""
        return FileReader(self, self._offset, self._threads, self._operations)


class FileReader:
    """One pass over a `FileContent`."""

    __slots__ = ("_at", "_busy", "_closed", "_content", "_end", "_file", "_operations", "_threads")

    def __init__(self, content: FileContent, offset: int, threads: ThreadRunner, operations: FileOperations) -> None:
        self._content = content
        self._at = offset
        self._end = offset + content.size
        self._threads = threads
        self._operations = operations
        self._file: int | None = None
        self._busy = False
        self._closed = False

    def read(self) -> Deferred[bytes] | bytes:
        """Give the next block, ``b""`` at the end; the Deferred fails with OSError when it cannot be had."""
        if self._at >= self._end or self._closed:
            return b""
        self._busy = True
        return self._threads.run(self._read).addBoth(self._finished)

    def close(self) -> None:
        """Close the file, after the read under way if there is one."""
        self._closed = True
        file = self._file
        if not self._busy and file is not None:
            self._file = None
            self._operations.close(file)

    def _read(self) -> bytes:
        """Read one block, in a thread."""
        if self._file is None:
            self._file = self._operations.open(self._content.path)
        block = self._operations.read(self._file, self._at, min(BLOCK_OCTETS, self._end - self._at))
        if not block:
            raise OSError(f"{self._content.path} is shorter than it was")
        self._at += len(block)
        return block

    def _finished(self, result: bytes) -> bytes:
        self._busy = False
        if self._closed:
            self.close()
        return result
