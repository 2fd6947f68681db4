"""The file of a snapshot: what it looks like, and how it is written and read (R31).

JSON lines in ASCII: a head with the format's version, when it was written, by which member, and the fields of every
kind; a line for each row and each change; a foot with the number of lines and a checksum. Written aside, synced,
renamed, the directory synced. Reading trusts nothing: what is not as it should be is `Unreadable`, never anything else.
Blocks; called in threads, one call at a time.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from zlib import crc32

from attrs import frozen

from shieldrelay.cluster.hub import Change, ChangeKind, Record
from shieldrelay.cluster.kinds import Kind

FORMAT = "shieldrelay view"
VERSION = 1
FILE_NAME = "view"
ASIDE_NAME = "view.new"
UNREADABLE_NAME = "view.unreadable"
LONGEST_OCTETS = 256 << 20


class Unreadable(Exception):
    """A file is no snapshot of ours, torn, or of another version. ``args[0]`` says why."""


@frozen
class Pages:
    """What a snapshot has.

    :ivar written: seconds since the epoch.
    :ivar member: the id of the life that wrote it.
    :ivar members: how many members it knew.
    """

    written: float
    member: str
    members: int
    records: tuple[Record, ...]
    changes: tuple[Change, ...]


def encode_head(kinds: Iterable[Kind], member: str, members: int, written: float) -> bytes:
    """Write the first line."""
    fields = {kind.name: [field.name for field in kind.fields] for kind in kinds}
    who = {"member": member, "members": members}
    return _line({"format": FORMAT, "version": VERSION, "written": written, **who, "kinds": fields})


def encode_record(record: Record) -> bytes:
    """Write the line of a row."""
    names = [f"{hashed:x}" for hashed in sorted(record.names)]
    return _line(["row", record.kind, record.key.hex(), record.at, list(record.values), names])


def encode_change(change: Change) -> bytes:
    """Write the line of a change."""
    subject = change.subject.hex()
    return _line(["change", change.id, change.kind.value, subject, change.at, change.until, change.reason, change.by])


def encode_foot(lines: int, checksum: int) -> bytes:
    """Write the last line.

    :param lines: how many stand before it, the head among them.
    :param checksum: CRC-32 of all these.
    """
    return _line({"lines": lines, "crc32": checksum})


def decode(octets: bytes, kinds: Iterable[Kind]) -> Pages:
    """Read a file's octets. Rows of kinds that are declared otherwise now are left out.

    :raises Unreadable: with the reason.
    """
    body, foot = _parted(octets)
    if foot.get("lines") != body.count(b"\n") or foot.get("crc32") != crc32(body):
        raise Unreadable("the file is torn: its lines are not those that were written")
    lines = iter(body.splitlines())
    head = _object(next(lines))
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise Unreadable(f"the file is no snapshot of version {VERSION}")
    try:
        return _pages(head, lines, kinds)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise Unreadable(f"the file has a line that is none of ours: {type(error).__name__}") from error


def write(directory: str, chunks: Iterable[bytes]) -> int:
    """Put a snapshot in the place of the former, durably; gives its octets.

    :raises OSError: the former one stays.
    """
    aside = os.path.join(directory, ASIDE_NAME)
    with suppress(FileNotFoundError):
        os.unlink(aside)
    octets = 0
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as stream:
        for chunk in chunks:
            octets += stream.write(chunk)
        stream.flush()
        os.fsync(file)
    os.rename(aside, os.path.join(directory, FILE_NAME))
    _sync(directory)
    return octets


def read(directory: str) -> bytes | None:
    """Give the snapshot's octets; ``None`` when there is none.

    :raises Unreadable: it is too large, or no file.
    :raises OSError: it cannot be read now.
    """
    try:
        file = os.open(os.path.join(directory, FILE_NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST_OCTETS:
            raise Unreadable("it is no file, or far too large")
        return stream.read(LONGEST_OCTETS)


def set_aside(directory: str) -> None:
    """Keep a file that cannot be read for whoever wants to look, in the place of the last such one.

    :raises OSError: it cannot be moved.
    """
    os.rename(os.path.join(directory, FILE_NAME), os.path.join(directory, UNREADABLE_NAME))
    _sync(directory)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _parted(octets: bytes) -> tuple[bytes, dict[str, Any]]:
    """Part the foot from what stands before it."""
    if not octets.endswith(b"\n"):
        raise Unreadable("the file is torn: it has no end")
    end = octets.rfind(b"\n", 0, -1) + 1
    if not end:
        raise Unreadable("the file has a single line")
    return octets[:end], _object(octets[end:])


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the file has a line that is no JSON") from error
    if not isinstance(value, dict):
        raise Unreadable("the file's head or foot is missing")
    return value


def _pages(head: dict[str, Any], lines: Iterator[bytes], kinds: Iterable[Kind]) -> Pages:
    fields, written = head["kinds"], float(head["written"])
    if not 0.0 <= written < math.inf:
        raise ValueError(written)
    known = {kind.name for kind in kinds if fields.get(kind.name) == [field.name for field in kind.fields]}
    records, changes = [], []
    for line in lines:
        sort, *rest = json.loads(line)
        if sort == "change":
            changes.append(_change(*rest))
        elif sort != "row":
            raise ValueError(sort)
        elif rest[0] in known:
            records.append(_record(*rest))
    return Pages(written, str(head["member"]), int(head.get("members", 1)), tuple(records), tuple(changes))


def _record(kind: str, key: str, at: float, values: list[float], names: list[str]) -> Record:
    return Record(
        kind, bytes.fromhex(key), float(at), tuple(map(float, values)), frozenset(int(name, 16) for name in names)
    )


def _change(id: str, kind: str, subject: str, at: float, until: float | None, reason: str, by: str) -> Change:
    return Change(
        str(id),
        ChangeKind(kind),
        bytes.fromhex(subject),
        float(at),
        None if until is None else float(until),
        str(reason),
        str(by),
    )
