"""What is wrong with a list: single lines, and building as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

FAULTS_SHOWN = 20
"""Faults of one list that are told one by one; the rest is only counted."""


@frozen
class ListingFault:
    """A line that is no recipient, or a file that cannot be read.

    :ivar line: counted from 1, ``None`` for the file as a whole.
    """

    file: str
    line: int | None
    wrong: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}" if self.line is None else f"{self.file}:{self.line}: {self.wrong}"


class BuildFailed(Exception):
    """A version could not be written (the disk is full, too many entries); nothing is left behind.

    ``args[0]`` says why, in operator's words.
    """


class ListFaults(Exception):
    """Lists that cannot be used; ``faults`` has every reason."""

    def __init__(self, faults: Sequence[ListingFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def clipped(file: str, faults: Sequence[ListingFault], count: int) -> tuple[ListingFault, ...]:
    """Give the first faults, and one that counts the others.

    :param count: of all faults, those not in ``faults`` included.
    """
    shown = tuple(faults[:FAULTS_SHOWN])
    if count <= len(shown):
        return shown
    return (*shown, ListingFault(file, None, f"{count - len(shown)} more lines are no recipients"))
