"""What a crash may have left in a part of the spool, and its removal (R12); docs/spool.md has the table of states.

Runs once for each part after a start, in the background: nothing here is needed to accept or to deliver. Blocks;
called in threads. What cannot be removed now is removed after the next start.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.spool.deposit import remove_quietly
from shieldrelay.spool.faults import unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.sidecar import owner_of


@frozen
class Swept:
    """What one sweep removed.

    :ivar unfinished: files in ``tmp/`` of earlier runs: never acknowledged, or linked into ``new/`` already.
    :ivar doubled: names in ``new/`` of messages that are on hold, or the other way round: a hold cut short.
    :ivar orphans: sidecars without a message.
    """

    unfinished: int = 0
    doubled: int = 0
    orphans: int = 0

    def __bool__(self) -> bool:
        return bool(self.unfinished or self.doubled or self.orphans)


def sweep(folder: Folder) -> Swept:
    """Remove what is left over from earlier runs.

    :raises SpoolUnavailable: when a directory cannot be read.
    """
    try:
        return Swept(_unfinished(folder), _doubled(folder), _orphans(folder))
    except OSError as error:
        raise unavailable(error) from error


def _unfinished(folder: Folder) -> int:
    number = 0
    for name in folder.operations.names(folder.tmp):
        if not folder.is_of_this_run(name):
            remove_quietly(folder, f"{folder.tmp}/{name}")
            number += 1
    return number


def _doubled(folder: Folder) -> int:
    """A message with a name in ``new/`` and in ``held/`` is on hold: the operator's wish was under way."""
    number = 0
    for name in folder.operations.names(folder.held):
        if _exists(folder, f"{folder.new}/{name}"):
            remove_quietly(folder, f"{folder.new}/{name}")
            number += 1
    return number


def _orphans(folder: Folder) -> int:
    number = 0
    for name in folder.operations.names(folder.state):
        owner = owner_of(name)
        if owner is None or not (_exists(folder, f"{folder.new}/{owner}") or _exists(folder, f"{folder.held}/{owner}")):
            remove_quietly(folder, f"{folder.state}/{name}")
            number += 1
    return number


def _exists(folder: Folder, path: str) -> bool:
    try:
        folder.operations.status(path)
    except FileNotFoundError:
        return False
    return True
