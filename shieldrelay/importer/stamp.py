"""Stamps: text that differs whenever a file has been written or replaced, and what is sealed with marks.

A version depends on its source, on how it is read, and on the files of former recipients and traps. What tells whether
the source has changed is therefore sealed with marks of the others, and counts for nothing once they differ.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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


def seal(text: str, marks: Sequence[str]) -> str:
    """Join a text with marks, none of which has a line end."""
    return "\n".join((*marks, text))


def unseal(sealed: str | None, marks: Sequence[str]) -> str | None:
    """Give the text that was sealed; ``None`` when there is none, or the marks were others."""
    if sealed is None:
        return None
    *known, text = sealed.split("\n")
    return text if known == list(marks) else None
