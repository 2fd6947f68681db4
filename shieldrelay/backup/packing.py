"""`pack`: write a backup of a node, which may run meanwhile.

Every file of the state is replaced whole by the node, or only grows, and is read once. The files of a list of
recipients are opened under its own lock, because its pointer and its versions belong together; they are read without
it, so that the node waits for nothing. A file that goes away meanwhile is left out.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import hashlib
import io
import os
import pwd
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from shieldrelay import __version__
from shieldrelay.backup import gathering
from shieldrelay.backup.manifest import FILES, FORMAT, HEAD, Head, Kept, encode_files, encode_head
from shieldrelay.config.schema import Configuration

BLOCK = 1 << 20


class _Measured(io.RawIOBase):
    """A file as it was when it was opened, and the digest of what was read of it."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._left = size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Give the next octets; a file that shrank meanwhile is a fault."""
        wanted = self._left if size < 0 else min(size, self._left)
        octets = os.read(self._descriptor, wanted) if wanted else b""
        if wanted and not octets:
            raise OSError("it became shorter while it was read")
        self._left -= len(octets)
        self.digest.update(octets)
        return octets


def pack(configuration: Configuration, target: Path, now: float) -> dict[str, Kept]:
    """Write a backup, whole or not at all; gives what is in it by path.

    :param target: a file that is not there yet.
    :raises OSError: something cannot be read, or the backup not written.
    """
    state = Path(configuration.node.state)
    head = Head(
        FORMAT, __version__, now, configuration.node.hostname, os.path.abspath(configuration.path), str(state),
        configuration.node.control,
    )  # fmt: skip
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such directory", str(target.parent))
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(aside, "xb", opener=_private) as opened:
            with tarfile.open(fileobj=opened, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as archive:
                packed = _pack_all(archive, head, configuration, state)
            opened.flush()
            os.fsync(opened.fileno())
        _name_it(aside, target)
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()
    return packed


def _name_it(aside: Path, target: Path) -> None:
    """Give the backup its name, which nothing may have yet.

    :raises OSError: it has; the fault names the target.
    """
    try:
        os.link(aside, target)
    except FileExistsError as error:
        raise FileExistsError(error.errno, "there is such a file already", str(target)) from None


def _pack_all(archive: tarfile.TarFile, head: Head, configuration: Configuration, state: Path) -> dict[str, Kept]:
    packed: dict[str, Kept] = {}
    _add_text(archive, HEAD, encode_head(head))
    for file in (*gathering.configured(configuration), *gathering.learned(state)):
        _add(archive, packed, _opened([file]))
    for directory in gathering.lists(state):
        with _alone(directory):
            opened = _opened(gathering.list_files(directory))
        _add(archive, packed, opened)
    _add_text(archive, FILES, encode_files(packed))
    return packed


def _opened(files: Iterable[Path]) -> list[tuple[Path, int]]:
    """Open files, those that are gone apart; each belongs to whoever called.

    :raises OSError: one may not be read; none is open then.
    """
    opened: list[tuple[Path, int]] = []
    try:
        for file in files:
            with suppress(FileNotFoundError):
                opened.append((file, os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)))
    except OSError:
        _close(opened)
        raise
    return opened


def _close(opened: Iterable[tuple[Path, int]]) -> None:
    for _file, descriptor in opened:
        os.close(descriptor)


def _add(archive: tarfile.TarFile, packed: dict[str, Kept], opened: Sequence[tuple[Path, int]]) -> None:
    """Put opened files into the archive, and close them."""
    try:
        for file, descriptor in opened:
            packed[str(file)] = _add_open(archive, file, descriptor)
    finally:
        _close(opened)


def _add_open(archive: tarfile.TarFile, file: Path, descriptor: int) -> Kept:
    status = os.fstat(descriptor)
    member = tarfile.TarInfo(_member(file))
    member.size, member.mode, member.mtime = status.st_size, status.st_mode & 0o777, int(status.st_mtime)
    member.uname, member.gname = _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid)
    measured = _Measured(descriptor, status.st_size)
    archive.addfile(member, measured)
    return Kept(status.st_size, measured.digest.hexdigest(), member.mode, member.uname, member.gname)


def _member(file: Path) -> str:
    return f"files{file}"


def _add_text(archive: tarfile.TarFile, name: str, octets: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(octets), 0o600
    archive.addfile(member, io.BytesIO(octets))


def _name(ask: Callable[[int], tuple[str, ...] | pwd.struct_passwd | grp.struct_group], number: int) -> str:
    try:
        return str(ask(number)[0])
    except KeyError:
        return ""


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold a list's lock, where there is one: a list that was never written has none, and none is made for the node."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
