"""`restore`: put a backup back, after all of it was proven to be whole.

Refuses what a newer version made, a node that runs, and to replace files that say something else unless it is told to.
Each file is written aside, synced and then named, so that a restore that was broken off is simply done again. What is
there and not in the backup is left alone and named.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from attrs import frozen

from shieldrelay import __version__
from shieldrelay.backup.manifest import FILES, HEAD, NOTE_OCTETS, Head, Kept, Unfit, decode_files, decode_head

BLOCK = 1 << 20
_PREFIX = "files"


@frozen
class Proven:
    """A backup that is whole.

    :ivar files: what is in it, by absolute path.
    """

    archive: Path
    head: Head
    files: dict[str, Kept]

    @property
    def different(self) -> list[str]:
        """What is there and says something else.

        :raises OSError: it cannot be read.
        """
        there = ((Path(name), kept) for name, kept in self.files.items() if Path(name).exists())
        return [str(file) for file, kept in there if _digest_of(file) != kept.digest]

    @property
    def besides(self) -> list[str]:
        """Domains that are configured here and are not in the backup."""
        there = (Path(self.head.main).parent / "domains.d").glob("*.toml")
        return sorted(str(file) for file in there if str(file) not in self.files)


def prove(archive: Path, version: str = __version__) -> Proven:
    """Read all of a backup, and compare every octet with its record.

    :raises Unfit: it is none, is damaged, or was made by a newer version.
    :raises OSError: it cannot be read.
    """
    digests: dict[str, tuple[int, str]] = {}
    head, files = None, None
    try:
        with tarfile.open(archive, "r:*") as opened:
            for member in opened:
                if head is None:
                    head = decode_head(_note(opened, member, HEAD), version)
                elif member.name == FILES:
                    files = decode_files(_note(opened, member, FILES))
                else:
                    path = _path_of(member)  # before anything is followed
                    digests[path] = _digest(_content(opened, member))
    except tarfile.ReadError as error:
        raise Unfit(f"it is damaged, or no backup at all: {str(error).splitlines()[0].rstrip(':')}") from None
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise Unfit(f"it is damaged: {error}") from None
    if head is None or files is None:
        raise Unfit("it ends too early")
    wanted = {name: (kept.size, kept.digest) for name, kept in files.items()}
    if wanted != digests:
        faulty = sorted(name for name in wanted.keys() | digests.keys() if wanted.get(name) != digests.get(name))
        raise Unfit(f"it is damaged: {', '.join(faulty[:5])}")
    return Proven(archive, head, files)


def put_back(proven: Proven) -> None:
    """Write every file.

    :raises OSError: one cannot be written; those before it are in their places.
    """
    with tarfile.open(proven.archive, "r:*") as opened:
        for member in opened:
            if member.name not in (HEAD, FILES):
                name = _path_of(member)
                _write(Path(name), _content(opened, member), proven.files[name], Path(proven.head.state))


def runs(control: str) -> bool:
    """Whether a node answers at its control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(5)
        try:
            one.connect(control)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
    return True


def _note(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    if member.name != name or not member.isreg() or member.size > NOTE_OCTETS:
        raise Unfit("it does not begin as a backup does")
    return _content(archive, member).read()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None
    return content


def _path_of(member: tarfile.TarInfo) -> str:
    """Give where a member belongs.

    :raises Unfit: it is no file, or belongs nowhere.
    """
    path = member.name.removeprefix(_PREFIX)
    if not member.isreg() or path == member.name or not path.startswith("/") or os.path.normpath(path) != path:
        raise Unfit(f"{member.name} does not belong into a backup")
    return path


def _digest(content: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while block := content.read(BLOCK):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return _digest(opened)[1]


def _write(file: Path, content: IO[bytes], kept: Kept, state: Path) -> None:
    owner = _owner(kept)
    _make(file.parent, state, owner)
    aside = file.with_name(f".{file.name}.restored")
    with open(aside, "wb", opener=_private) as opened:
        while block := content.read(BLOCK):
            opened.write(block)
        opened.flush()
        if os.geteuid() == 0:
            os.fchown(opened.fileno(), *owner)
        os.fchmod(opened.fileno(), kept.mode)
        os.fsync(opened.fileno())
    aside.rename(file)


def _make(directory: Path, state: Path, owner: tuple[int, int]) -> None:
    """Make the directories that are missing; those of the state belong to whom its files belong to."""
    if directory.is_dir():
        return
    _make(directory.parent, state, owner)
    ours = directory == state or directory.is_relative_to(state)
    directory.mkdir(mode=0o700 if ours else 0o755)
    if ours and os.geteuid() == 0:
        os.chown(directory, *owner)
    elif not ours and owner[1] > 0 and os.geteuid() == 0:
        os.chown(directory, 0, owner[1])
        directory.chmod(0o750)


def _owner(kept: Kept) -> tuple[int, int]:
    """Give user and group, -1 where this machine has none of that name."""
    return _number(pwd.getpwnam, kept.user), _number(grp.getgrnam, kept.group)


def _number(ask: Callable[[str], pwd.struct_passwd | grp.struct_group], name: str) -> int:
    try:
        return int(ask(name)[2])
    except KeyError:
        return -1


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
