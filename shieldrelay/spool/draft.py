"""A message that is written while it comes in: a file in ``tmp/``, not synced until it is committed (R14).

The file has its envelope block from the beginning, so that `commit` is as cheap as a store. An inline attempt may
read the content while the draft grows no more, and goes on reading when the draft is committed or discarded: a pass
that is under way keeps its file. When the disk fails, the append or the commit fails with `SpoolUnavailable`; the
draft is then only good for `discard`. Its owner must commit or discard it; what a crash leaves is swept.
"""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred, DeferredLock

from shieldrelay.mail.envelope import Message
from shieldrelay.ports import ThreadRunner
from shieldrelay.spool.content import FileContent
from shieldrelay.spool.deposit import close_quietly, entry_of, publish, remove_quietly
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.envelope_block import encode_block
from shieldrelay.spool.faults import SpoolUnavailable, unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.part import Part
from shieldrelay.spool.progress import Progress
from shieldrelay.spool.sidecar import write_sidecar


class DraftFile:
    """The file of a draft. Blocks; one call at a time.

    :ivar path: where it is, in ``tmp/``.
    :ivar size: octets written, the envelope block included.
    """

    __slots__ = ("_file", "_folder", "block_octets", "path", "size")

    def __init__(self, folder: Folder, message: Message) -> None:
        block = encode_block(message)
        self._folder = folder
        self.path = folder.temporary()
        self.block_octets = len(block)
        self.size = 0
        self._file: int | None = self._create()
        self.append(block)

    def append(self, block: bytes) -> None:
        """Write a block at the end."""
        if self._file is None:
            raise SpoolUnavailable(errno.EBADF, "the draft is closed")
        try:
            self._folder.operations.write(self._file, (block,))
        except OSError as error:
            self.discard()
            raise unavailable(error) from error
        self.size += len(block)

    def publish(self, entry: Entry, progress: Progress | None) -> None:
        """Make it durable and link it into ``new/``, its sidecar first."""
        file, self._file = self._file, None
        if file is None:
            raise SpoolUnavailable(errno.EBADF, "the draft is closed")
        try:
            if progress is not None:
                write_sidecar(self._folder, entry.name, progress)
                self._folder.operations.fsync_directory(self._folder.state)
        except OSError as error:
            close_quietly(self._folder, file)
            remove_quietly(self._folder, self.path)
            raise unavailable(error) from error
        publish(self._folder, self.path, file, entry)

    def discard(self) -> None:
        """Close and remove it; allowed more than once."""
        file, self._file = self._file, None
        if file is not None:
            close_quietly(self._folder, file)
            remove_quietly(self._folder, self.path)

    def _create(self) -> int:
        try:
            return self._folder.operations.create(self.path)
        except OSError as error:
            raise unavailable(error) from error


class Draft:
    """A draft as the reactor's thread sees it.

    Calls take their turns, whenever they come: a session that ends while a block is being written may discard at
    once, and the descriptor is closed after the write, never under it.
    """

    __slots__ = ("_content", "_file", "_folder", "_part", "_threads", "_turns", "message")

    def __init__(self, message: Message, file: DraftFile, folder: Folder, part: Part, threads: ThreadRunner) -> None:
        self.message = message
        self._file = file
        self._folder = folder
        self._part = part
        self._threads = threads
        self._turns = DeferredLock()
        self._content: FileContent | None = None

    @property
    def size(self) -> int:
        """Octets of content so far."""
        return self._file.size - self._file.block_octets

    def append(self, block: bytes) -> Deferred[None]:
        """Write a block; fails with SpoolUnavailable, and the draft is then discarded already."""
        return self._turns.run(self._threads.run, self._file.append, block)

    def content(self, *, ascii_header: bool) -> FileContent:
        """Give what was appended, for reading; after the last append.

        :param ascii_header: whether its header block has no octet above 127.
        """
        if self._content is None:
            self._content = FileContent(
                self._file.path,
                self._file.block_octets,
                self.size,
                ascii_header=ascii_header,
                threads=self._threads,
                operations=self._folder.operations,
            )
        return self._content

    def commit(self, *, due: float, progress: Progress | None = None) -> Deferred[Entry]:
        """Make it a durable entry: like ``Spool.store``."""
        published = self._turns.run(self._publish, due, progress)
        return published.addCallback(self._part.commit).addCallback(self._moved)

    def discard(self) -> Deferred[None]:
        """Remove the file; at any time, more than once too; does nothing after a commit."""
        return self._turns.run(self._threads.run, self._file.discard)

    def _publish(self, due: float, progress: Progress | None) -> Deferred[Entry]:
        entry = entry_of(self._folder.domain, self.message, self._file.size, due)
        return self._threads.run(self._file.publish, entry, progress).addCallback(lambda _: entry)

    def _moved(self, entry: Entry) -> Entry:
        """Passes that begin from now on find the file under its new name."""
        if self._content is not None:
            self._content.path = f"{self._folder.new}/{entry.name}"
        return entry
