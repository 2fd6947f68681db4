"""What a check finds, and the findings that many settings share: files that are named must be there.

Looks at the file system only to ask whether a file can be read. Used by ``config.checks`` and its neighbours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path as FilePath

from attrs import frozen

from shieldrelay.config.faults import Path
from shieldrelay.config.secret import SecretFault, read_secret


@frozen
class Finding:
    """Something wrong between settings.

    :ivar paths: the settings concerned; it is reported at the first that is written in the file.
    """

    paths: tuple[Path, ...]
    wrong: str
    valid: str


def together(at: Path, one: str, first: object, other: str, second: object) -> Iterator[Finding]:
    """Two settings of one table come together or not at all."""
    if (first is None) != (second is None):
        given, missing = (one, other) if second is None else (other, one)
        yield Finding(((*at, given), (*at, missing)), f"{missing} is missing beside it", "give both or neither")


def readable(named: Iterable[tuple[Path, str | None]]) -> Iterator[Finding]:
    """Files that are named must be there, and be files."""
    for path, file in named:
        trouble = unreadable(file) if file is not None else ""
        if trouble:
            yield Finding((path,), f"{file}: {trouble}", "a file that this process can read")


def secret(path: Path, file: str | None) -> Iterator[Finding]:
    """The file of a secret must have one."""
    try:
        if file is not None:
            read_secret(file)
    except SecretFault as fault:
        yield Finding((path,), str(fault), "a file whose first line is the secret")


def unreadable(file: str) -> str:
    """Say why a file cannot be read, ``""`` when it can."""
    try:
        if not FilePath(file).is_file():
            return "there is no such file" if not os.path.lexists(file) else "it is not a file"
        with FilePath(file).open("rb"):
            return ""
    except OSError as error:
        return (error.strerror or "it cannot be read").lower()
