"""The stamp of a file: text that differs whenever the file has been written or replaced."""

from __future__ import annotations

import os
from pathlib import Path


def stamp_of(status: os.stat_result) -> str:
    """Give the stamp of a file whose status is known."""
    return f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def stamp(path: str) -> str | None:
    """Give the stamp of a file; ``None`` when it cannot be had."""
    try:
        return stamp_of(Path(path).stat())
    except OSError:
        return None
