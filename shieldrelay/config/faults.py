"""What is wrong with a configuration: values that say where, what, and what would be right.

Faults are collected, never thrown one by one: an operator sees all of them at once. Knows no file.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

Path = tuple[str | int, ...]
"""Where a value stands within one file: table names, indexes of arrays of tables, the key."""


@frozen
class Fault:
    """One thing that is wrong.

    :ivar file: the path of the file.
    :ivar line: counted from 1; ``None`` when the fault has no line (a file that cannot be read).
    :ivar path: where within the file; empty for the file as a whole.
    :ivar wrong: what is wrong, in one clause.
    :ivar valid: what would be right, in one clause; ``""`` when ``wrong`` says it all.
    """

    file: str
    line: int | None
    path: Path
    wrong: str
    valid: str = ""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.wrong}; {self.valid}" if self.valid else self.wrong
        return f"{where}: {spelled(self.path)}{what}"


def spelled(path: Path) -> str:
    """Spell a path for a person: ``[section] key: ``."""
    words = [word if isinstance(word, str) else f"#{word + 1}" for word in path]
    if not words:
        return ""
    section = f"[{'.'.join(words[:-1])}] " if len(words) > 1 else ""
    return f"{section}{words[-1]}: "


class ConfigurationFaults(Exception):
    """A configuration that is not valid; ``faults`` has every reason found, ordered by file and line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line or 0)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
