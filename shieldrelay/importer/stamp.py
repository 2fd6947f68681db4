"""Stamps: text that differs whenever a file has been written or replaced, and what is sealed with them.

An import depends on its source and on the files of former recipients and traps; so what tells whether the source has
changed is sealed with the stamps of those files, and counts for nothing once they differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def stamp_of(status: os.stat_result) -> str:
    """Give the stamp of a file whose status is known."""
    return f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def stamp(path: str) -> str:
    """Give the stamp of a file; ``-`` when it cannot be had."""
    try:
        return stamp_of(Path(path).stat())
    except OSError:
        return "-"


def seal(text: str, files: Iterable[str]) -> str:
    """Join a text with the stamps of some files; without files it stays as it is."""
    return "\n".join((*map(stamp, files), text))


def unseal(sealed: str | None, files: Iterable[str]) -> str | None:
    """Give the text that was sealed; ``None`` when there is none, or one of the files has changed since."""
    if sealed is None:
        return None
    *stamps, text = sealed.split("\n")
    return text if stamps == [stamp(file) for file in files] else None
