"""Which file system a directory lies on, named so that nodes which share it give it the same name.

Read from the kernel's table of mounts, once at the start. A network file system has the name of its export and of the
directory within it; one of this host has the host's own identity. What cannot be told is ``""``: nobody relies on it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

MOUNTS = "/proc/self/mountinfo"
MACHINE = "/etc/machine-id"
SHARED = (
    "nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.glusterfs", "lustre", "gfs2", "ocfs2", "9p", "virtiofs",
)  # fmt: skip
"""Types whose directories other hosts have too."""


def storage_of(directory: str, mounts: str = MOUNTS, machine: str = MACHINE) -> str:
    """Name the storage of a directory; ``""`` when it cannot be told. Blocks a little."""
    try:
        table = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape")
        kind, source, within = mount_of(os.path.realpath(directory), table.splitlines())
        if kind in SHARED:
            return f"{kind}:{source}:{within}"
        return f"{Path(machine).read_text(encoding='ascii').strip()}:{Path(directory).stat().st_dev}:{within}"
    except (OSError, ValueError):
        return ""


def mount_of(path: str, mounts: Sequence[str]) -> tuple[str, str, str]:
    """Find the type and the source of what is mounted over a path, and where in that source the path lies.

    :param mounts: lines of proc(5) mountinfo.
    :raises ValueError: nothing is.
    """
    best: tuple[str, str, str] | None = None
    longest = -1
    for line in mounts:
        place, _, rest = line.partition(" - ")
        fields, described = place.split(), rest.split()
        if len(fields) < 5 or len(described) < 2:
            continue
        root, point = _plain(fields[3]), _plain(fields[4])
        below = path == point or path.startswith(point.rstrip("/") + "/")
        if below and len(point) >= longest:  # of two over one place the later hides the former
            longest = len(point)
            within = os.path.normpath(f"{root}/{path[len(point) :]}")
            best = described[0], _plain(described[1]), within.replace("//", "/")
    if best is None:
        raise ValueError(f"nothing is mounted over {path}")
    return best


def _plain(field: str) -> str:
    """Undo the octal escapes of spaces and the like."""
    for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escaped, plain)
    return field
