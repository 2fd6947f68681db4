"""What a backup says of itself: a head, which is read first, and a record of every file, which comes last. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import asdict, frozen

FORMAT = 1
"""Raised when an older version could not put a backup back rightly."""
HEAD, FILES = "shieldrelay-backup.json", "shieldrelay-files.json"
"""The first member of the archive, and the last."""
NOTE_OCTETS = 64 << 20

_VERSION = re.compile(r"\d+(?:\.\d+)*")


class Unfit(Exception):
    """This is no backup that can be put back; ``args[0]`` says why."""


@frozen
class Head:
    """What must be known before anything else is looked at.

    :ivar version: of the program that made it.
    :ivar made: seconds since the epoch.
    :ivar main: the configuration file.
    :ivar state: the state directory.
    """

    format: int
    version: str
    made: float
    hostname: str
    main: str
    state: str
    control: str


@frozen
class Kept:
    """One file.

    :ivar digest: SHA-256 of its octets, hexadecimal.
    :ivar user: who owned it, by name, as ``group``; ``""``: nobody with a name.
    """

    size: int
    digest: str
    mode: int
    user: str
    group: str


def encode_head(head: Head) -> bytes:
    """Give the first member."""
    return json.dumps(asdict(head), indent=1).encode("ascii")


def decode_head(octets: bytes, version: str) -> Head:
    """Read the first member.

    :param version: of this program.
    :raises Unfit: it is none, or too new for this program.
    """
    try:
        head = Head(**json.loads(octets))
        is_newer = numbers(head.version) > numbers(version)
    except (ValueError, TypeError) as error:
        raise Unfit(f"it does not begin as a backup does: {error}") from None
    if head.format > FORMAT or is_newer:
        raise Unfit(f"it was made by version {head.version}, which is newer than this one, {version}: upgrade first")
    return head


def numbers(version: str) -> tuple[int, ...]:
    """Give a version for comparing; what stands behind the numbers does not count.

    :raises ValueError: it is none.
    """
    found = _VERSION.match(version)
    if found is None:
        raise ValueError(f"{version!r} is no version")
    return tuple(map(int, found[0].split(".")))


def encode_files(files: Mapping[str, Kept]) -> bytes:
    """Give the last member.

    :param files: by absolute path.
    """
    return json.dumps({name: asdict(kept) for name, kept in files.items()}, indent=0).encode("ascii")


def decode_files(octets: bytes) -> dict[str, Kept]:
    """Read the last member.

    :raises Unfit: it is none.
    """
    try:
        table: dict[str, Any] = json.loads(octets)
        return {name: Kept(**kept) for name, kept in table.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise Unfit(f"its record of files cannot be read: {error}") from None
