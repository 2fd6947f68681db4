r"""Fields to JSON, so that no peer's octets can forge, break or swell a line.

Pure and total: any value comes out as one JSON value of printable ASCII. ``bytes`` are somebody else's words: what
is not printable ASCII becomes ``\xNN``, the backslash too, so that they can be read back. Everything is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted

CLIP_CHARACTERS = 256
"""How much is kept of a field; what was cut ends in three dots."""

TRACEBACK_CHARACTERS = 4096
"""How much is kept of the end of a field called ``traceback``."""

CLIP_ITEMS = 32
"""How many items are kept of a sequence."""

_ESCAPES = {octet: f"\\x{octet:02x}" for octet in (*range(32), 92, *range(127, 256))}


def encode_fields(fields: Mapping[str, object]) -> str:
    """Give ``,"name":value`` for every field, in order.

    :param fields: names are ours, plain identifiers.
    """
    parts = []
    for name, value in fields.items():
        kind = type(value)
        if kind is str:
            text = quoted(value) if len(value) <= CLIP_CHARACTERS else _long(name, value)  # type: ignore[arg-type]
        elif kind is int:
            text = int.__repr__(value)
        elif value is None:
            text = "null"
        elif kind is float and -1e15 < value < 1e15:  # type: ignore[operator]
            text = float.__repr__(value)
        elif kind is list and len(value) == 1 and type(value[0]) is str:  # type: ignore[arg-type,index]
            text = f"[{_encode_item(value[0])}]"  # type: ignore[index]
        else:
            text = _encode_other(value)
        parts.append(f',"{name}":{text}')
    return "".join(parts)


def _long(name: str, value: str) -> str:
    """Clip a long string: in the middle of nowhere, but for tracebacks, whose end tells most."""
    if name == "traceback":
        return quoted(value[-TRACEBACK_CHARACTERS:])
    return quoted(value[:CLIP_CHARACTERS] + "...")


def _encode_other(value: object) -> str:
    """Encode what is not a plain string, whole number or None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return quoted(escaped(bytes(value[: CLIP_CHARACTERS + 1])))
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else "null"
    if isinstance(value, Enum):
        return _encode_item(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ",".join(_encode_item(item) for item in list(value)[:CLIP_ITEMS]) + "]"
    return _encode_item(value if isinstance(value, str | int) else _described(value))


def _encode_item(value: object) -> str:
    """Encode a scalar; a sequence within a sequence is only described."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(value) if len(value) <= CLIP_CHARACTERS else _long("", value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    if isinstance(value, bool | bytes | bytearray | memoryview | float):
        return _encode_other(value)
    return _encode_item(_described(value))


def _described(value: object) -> str:
    """Describe an object; one whose ``__str__`` fails is described by its class."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever a foreign __str__ does, a journal line must come out
        return f"<{type(value).__name__}>"


def escaped(octets: bytes) -> str:
    """Give octets as printable ASCII of at most `CLIP_CHARACTERS` characters and three dots."""
    text = octets.decode("latin-1")
    if not (text.isascii() and text.isprintable()) or "\\" in text:
        text = text.translate(_ESCAPES)
    return text if len(text) <= CLIP_CHARACTERS else text[:CLIP_CHARACTERS] + "..."
