"""`Library`: the versions that this process has open, each once.

LMDB must not open one file twice in a process, and a reload should not read again what is in force. Nothing is held
open longer than somebody uses it. Blocking; called by `DomainList`, one call at a time.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from attrs import frozen

from shieldrelay.recipients.names import Names, open_names
from shieldrelay.recipients.shelf import Shelf
from shieldrelay.recipients.version import Version


@frozen(eq=False)
class OpenVersion:
    """A version and its entries."""

    version: Version
    names: Names


class Library:
    """All that is open."""

    def __init__(self) -> None:
        self._open: WeakValueDictionary[tuple[str, int, int], OpenVersion] = WeakValueDictionary()

    def take(self, shelf: Shelf, number: int) -> OpenVersion:
        """Open a version of a domain, proven to be whole.

        :raises ValueError: it is not; ``args[0]`` says why.
        """
        file = shelf.file(number)
        try:
            status = file.stat()
            key = (str(file), status.st_ino, status.st_mtime_ns)
            found = self._open.get(key)
            if found is None:
                version = shelf.whole(number)
                found = self._open[key] = OpenVersion(version, open_names(file, version.names_octets))
        except OSError as error:
            raise ValueError((error.strerror or str(error)).lower()) from error
        return found
