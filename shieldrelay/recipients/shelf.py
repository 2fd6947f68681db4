"""`Shelf`: one domain's versions on disk, ``STATE/recipients/DOMAIN/``.

``7.mdb`` has the entries of version 7 and ``7.json`` its record, both immutable; ``overlay-12`` the pushes up to the
twelfth; ``current`` is the pointer. Everything is written aside, synced, and then named. Whoever changes something
holds `Shelf.alone`; readers need nothing. Directories are 0700, files 0600.

Blocking. When the disk refuses, OSError, and what was in force is still in force.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import attrs

from shieldrelay.recipients import overlay as overlays
from shieldrelay.recipients import pointer as pointers
from shieldrelay.recipients import version as versions
from shieldrelay.recipients.overlay import Overlay
from shieldrelay.recipients.pointer import Pointer
from shieldrelay.recipients.version import Version

ROOM = "recipients"
"""The directory of all lists within the state directory."""

LEFTOVER_SECONDS = 86400
"""Unfinished files that were not touched for so long belong to nobody."""

_REFUSED = "refused"
_UNFINISHED = ("built-", "aside-")


class Shelf:
    """One domain's versions.

    :param state: the node's state directory.
    :param domain: as ``Mailbox.domain_key`` spells it.
    """

    def __init__(self, state: Path, domain: str) -> None:
        if "/" in domain or domain.startswith("."):
            raise ValueError("this is no domain")
        self.directory = state / ROOM / domain

    def prepare(self) -> None:
        """Make the directory."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes and threads from changing this domain's list."""
        self.prepare()
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def pointer_octets(self) -> bytes:
        """Give the pointer unread; nothing when there is none: what `Lists` compares to see a change."""
        try:
            return (self.directory / "current").read_bytes()
        except FileNotFoundError:
            return b""

    def pointer(self) -> Pointer:
        """Give the pointer; one that names nothing when there is none.

        :raises ValueError: it cannot be read.
        """
        octets = self.pointer_octets()
        return pointers.decode(octets) if octets else Pointer()

    def point(self, pointer: Pointer) -> None:
        """Name what is in force from now on."""
        self._replace("current", pointers.encode(pointer))

    def versions(self) -> tuple[Version, ...]:
        """Give all versions whose record can be read, the newest first."""
        found = []
        for number in self._numbers():
            with suppress(OSError, ValueError):
                found.append(self._record(f"{number}"))
        return tuple(found)

    def whole(self, number: int) -> Version:
        """Give a version that is proven to be all there.

        :raises ValueError: it is not; ``args[0]`` says why.
        """
        try:
            version = self._record(f"{number}")
            prove(self.file(number), version)
        except OSError as error:
            raise ValueError((error.strerror or "it cannot be read").lower()) from error
        return version

    def file(self, number: int) -> Path:
        """Name the file with the entries of a version."""
        return self.directory / f"{number}.mdb"

    def aside(self) -> Path:
        """Name a file that is to be built; nobody else gets the same."""
        return self.directory / f"built-{secrets.token_hex(8)}.mdb"

    def place(self, built: Path, version: Version) -> Version:
        """Make what was built a version, numbered; within `alone`."""
        number = max(self._numbers(), default=0) + 1
        numbered = attrs.evolve(version, number=number)
        os.rename(built, self.file(number))
        try:
            self._replace(f"{number}.json", versions.encode(numbered))
        except OSError:
            self.remove(number)
            raise
        return numbered

    def remove(self, number: int) -> None:
        """Remove a version that is not in force."""
        (self.directory / f"{number}.json").unlink(missing_ok=True)
        self.file(number).unlink(missing_ok=True)

    def copy(self, number: int) -> Path:
        """Copy the entries of a version aside, synced."""
        aside = self.aside()
        try:
            with self.file(number).open("rb") as source, _made(aside) as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        return aside

    def prune(self, keep: int, current: int) -> None:
        """Remove all but the newest versions and the one in force."""
        for number in [each for each in self._numbers() if each != current][max(0, keep - 1) :]:
            self.remove(number)

    def overlay(self, pointer: Pointer) -> Overlay:
        """Give the pushes in force.

        :raises ValueError: they cannot be read.
        """
        if pointer.overlay is None:
            return overlays.NOTHING
        try:
            return overlays.decode((self.directory / pointer.overlay).read_bytes())
        except OSError as error:
            raise ValueError((error.strerror or "it cannot be read").lower()) from error

    def keep_overlay(self, serial: int, overlay: Overlay) -> str | None:
        """Write the pushes and give the name that the pointer is to have."""
        if not overlay.entries:
            return None
        name = f"overlay-{serial}-{secrets.token_hex(4)}"
        self._replace(name, overlays.encode(overlay))
        return name

    def drop_overlay(self, name: str | None) -> None:
        """Remove pushes that are named no more."""
        if name is not None:
            (self.directory / name).unlink(missing_ok=True)

    def keep_refused(self, built: Path, version: Version) -> None:
        """Keep the last version that a guard refused, for an operator who knows better."""
        os.rename(built, self.directory / f"{_REFUSED}.mdb")
        self._replace(f"{_REFUSED}.json", versions.encode(version))

    def refused(self) -> tuple[Path, Version] | None:
        """Give the last version that a guard refused, if it is there and whole."""
        file = self.directory / f"{_REFUSED}.mdb"
        try:
            version = self._record(_REFUSED)
            prove(file, version)
        except (OSError, ValueError):
            return None
        return file, version

    def sweep(self, now: float) -> None:
        """Remove what builds that were killed left behind, and overlays that nothing names.

        :param now: seconds since the epoch.
        """
        with suppress(FileNotFoundError):
            for each in os.scandir(self.directory):
                old = now - each.stat().st_mtime > LEFTOVER_SECONDS
                if old and (each.name.startswith(_UNFINISHED) or self._is_loose_overlay(each.name)):
                    Path(each.path).unlink(missing_ok=True)

    def _is_loose_overlay(self, name: str) -> bool:
        return name.startswith("overlay-") and name.encode("ascii") not in self.pointer_octets()

    def _numbers(self) -> list[int]:
        """Give the numbers of all versions, whole or not, the newest first."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return []
        return sorted({int(name[:-4]) for name in names if name.endswith(".mdb") and name[:-4].isdigit()}, reverse=True)

    def _record(self, stem: str) -> Version:
        return versions.decode((self.directory / f"{stem}.json").read_bytes())

    def _replace(self, name: str, octets: bytes) -> None:
        replace(self.directory / name, octets)


def replace(file: Path, octets: bytes) -> None:
    """Write a file so that it is there whole or as it was before, and stays after a crash."""
    write_aside(file, octets, sync=os.fsync)
    _sync_directory(file.parent)


def write_aside(file: Path, octets: bytes, sync: Callable[[int], object] | None = None) -> None:
    """Write a file so that readers find it whole or as it was before.

    :param sync: called with its descriptor before it gets its name.
    """
    aside = file.with_name(f"aside-{secrets.token_hex(8)}")
    try:
        with _made(aside) as target:
            target.write(octets)
            target.flush()
            if sync is not None:
                sync(target.fileno())
        os.replace(aside, file)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def prove(file: Path, version: Version) -> None:
    """Hold a file against its record.

    :raises ValueError: it is torn or was changed.
    :raises OSError: it cannot be read.
    """
    if file.stat().st_size != version.file_octets:
        raise ValueError("its file is torn")
    if digest_of(file) != version.file_digest:
        raise ValueError("its file was changed")


def digest_of(file: Path) -> str:
    """Give the BLAKE2b digest of a file, some 40 ms for a million addresses."""
    with file.open("rb") as octets:
        return hashlib.file_digest(octets, _blake2b).hexdigest()


def _blake2b() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _made(file: Path) -> IO[bytes]:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
