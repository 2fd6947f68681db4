"""What attacks look like, and what lawful mail looks like, as files; and the reader of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(\\))")
_REPEAT = re.compile(rb"\{([^{}]+)\}\*(\d+)")


@frozen
class Attack:
    """One line of an attack.

    :ivar signature: the name of what must be found.
    :ivar source: the CVE or CWE, or a document.
    :ivar line: the command, without its CRLF.
    """

    signature: str
    source: str
    line: bytes

    @property
    def verb(self) -> bytes:
        """Its first word, in capitals."""
        return self.line.split(b" ")[0].upper()


def attacks() -> tuple[Attack, ...]:
    """Read ``exploits.txt``."""
    return tuple(_attacks())


def _attacks() -> Iterator[Attack]:
    signature = source = ""
    for line in _lines("exploits.txt"):
        if line.startswith(b"@ "):
            signature, source, _made_for = map(str.strip, line[2:].decode().split(" | "))
        else:
            yield Attack(signature, source, _plain(line))


def lawful_paths() -> tuple[bytes, ...]:
    """Read ``lawful_paths.txt``."""
    return tuple(_lines("lawful_paths.txt"))


def _lines(name: str) -> Iterator[bytes]:
    for line in Path(__file__).with_name(name).read_bytes().splitlines():
        if line and line != b"#" and not line.startswith(b"# "):
            yield line


def _plain(line: bytes) -> bytes:
    """Take off repetitions and escapes."""
    line = _REPEAT.sub(lambda found: found[1] * int(found[2]), line)
    return _ESCAPE.sub(lambda found: b"\\" if found[2] else bytes([int(found[1], 16)]), line)
