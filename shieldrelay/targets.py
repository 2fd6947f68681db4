"""What the target of a request says (RFC 9112 §3.2.1): the pieces of its path, its query, and which pattern they fit.

Pure. Knows neither sockets nor who asks; used by the tables of routes in ``admin.router`` and ``peers.router``.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote_to_bytes


def pieces_of(pattern: str) -> tuple[str, ...]:
    """Split a pattern such as ``/api/v1/domains/{domain}``; a name in braces stands for one piece, never empty."""
    return tuple(pattern.strip("/").split("/"))


def matched(pattern: Sequence[str], path: Sequence[str]) -> dict[str, str] | None:
    """Give the values of a pattern's names when a path fits it; ``None`` when it does not."""
    if len(path) != len(pattern):
        return None
    values = {}
    for piece, given in zip(pattern, path, strict=True):
        if piece.startswith("{") and given:
            values[piece[1:-1]] = given
        elif piece != given:
            return None
    return values


def split(target: bytes, fields_most: int) -> tuple[list[str], dict[str, str]]:
    """Split a target into the percent-decoded pieces of its path, and its query, the last of equal names.

    :param fields_most: how many parameters the query may have.
    :raises ValueError: it is malformed.
    """
    path, _, query = target.partition(b"?")
    pieces = [unquote_to_bytes(piece).decode("utf-8") for piece in path.removeprefix(b"/").split(b"/")]
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=fields_most)
    return pieces, dict(pairs)
