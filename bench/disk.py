"""Where queues and spools are laid out: by default a fresh ext4 with its journal, in an image on a loop device.

Two things make a plain directory unfair to whoever is measured second: on an ext4 without a journal (virtual machines
have them) the kernel looks for recently deleted inodes at each create, which costs several times the rest after a run
that deleted thousands of files; and a file system's state goes on from row to row. So each measurement of each relay
gets the same new file system, where the machine lets us mount one; else a directory, and the result says so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE_MEGABYTES = 3072
"""Sparse: only what is written takes room."""


class Disk:
    """Gives a directory for each measurement.

    :param scratch: a directory on a real disk.
    :param mounts: whether to make file systems; see `can_mount`.
    """

    def __init__(self, scratch: Path, mounts: bool) -> None:
        self._scratch = scratch
        self._mounts = mounts
        self._made = 0

    @property
    def words(self) -> str:
        """Say what the measurements are laid out on."""
        return "a new ext4 with journal for each measurement, on a loop device" if self._mounts else "a plain directory"

    @contextmanager
    def directory(self, name: str) -> Iterator[Path]:
        """Give a new directory, and take its file system away again."""
        self._made += 1
        directory = self._scratch / f"{self._made}-{name}"
        directory.mkdir()
        if not self._mounts:
            directory.chmod(0o755)
            yield directory
            return
        image = directory.with_suffix(".img")
        _mount(image, directory)
        try:
            directory.chmod(0o755)
            yield directory
        finally:
            subprocess.run(["umount", "--lazy", directory], check=False, capture_output=True)
            image.unlink(missing_ok=True)


def can_mount(scratch: Path) -> bool:
    """Whether an image can be made and mounted here: root, e2fsprogs and a loop device."""
    directory = scratch / "try"
    directory.mkdir()
    image = directory.with_suffix(".img")
    try:
        _mount(image, directory)
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        subprocess.run(["umount", "--lazy", directory], check=False, capture_output=True)
        image.unlink(missing_ok=True)
    return True


def _mount(image: Path, directory: Path) -> None:
    with image.open("wb") as file:
        file.truncate(IMAGE_MEGABYTES << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", image, directory], check=True, capture_output=True)
