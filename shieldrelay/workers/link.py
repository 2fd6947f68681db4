"""What a worker and its parent say to each other, over two pipes: a JSON object a line.

The worker says ``{"up": true}`` when it listens, and ``{"alive": true}`` now and then while it can. The parent says
``{"lead": true}`` to the one that fetches lists, and ``{"reopen": true}`` when the journal's file was moved away. When
the parent's end closes, the parent is gone, and the worker stops in good order. Everything else goes over the worker's
control socket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

LINE_OCTETS = 4096
ALIVE_SECONDS = 10.0
"""Between two words of a worker that it is alive."""
DESCRIPTOR_UP = 3
"""On which a worker speaks to its parent; it hears it on standard input."""
FIRST_SOCKET = 4
"""The first of the listening sockets that a worker inherits."""


def encode(words: Mapping[str, object]) -> bytes:
    """Write one line."""
    return json.dumps(dict(words)).encode("ascii") + b"\n"


class Lines:
    """Cuts what comes into lines; what is no JSON object, or too long, is passed over: both ends are ours."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[dict[str, object]]:
        """Give the lines that are complete now."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        self._rest = self._rest[-LINE_OCTETS:]
        return [words for words in map(_decoded, lines) if words]


def _decoded(line: bytes) -> dict[str, object]:
    try:
        words = json.loads(line)
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}
