"""`Patterns`: the entries of a list with a ``*``, found by their form, not one after the other.

Patterns that are fixed at as many octets in front and behind have one shape and are one look-up in a dictionary, so a
hundred patterns of ten shapes cost ten look-ups. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from shieldrelay.recipients.line import Entry
from shieldrelay.recipients.standing import Standing


class Patterns:
    """The patterns of one list.

    :param entries: keys without `line.PATTERN_MARK`, one ``*`` in each.
    """

    __slots__ = ("_shapes",)

    def __init__(self, entries: Iterable[Entry]) -> None:
        shapes: dict[tuple[int, int], dict[tuple[bytes, bytes], Standing]] = {}
        for entry in entries:
            before, _, after = entry.key.partition(b"*")
            shapes.setdefault((len(before), len(after)), {})[before, after] = entry.standing
        # what is fixed at more octets says more
        self._shapes = tuple(
            (before, after, shapes[before, after])
            for before, after in sorted(shapes, key=lambda shape: (sum(shape), shape), reverse=True)
        )

    def __bool__(self) -> bool:
        return bool(self._shapes)

    def standing(self, key: bytes) -> Standing | None:
        """Give the standing by the longest pattern that covers a local-part; a ``*`` may stand for nothing."""
        length = len(key)
        for before, after, fixed in self._shapes:
            if length >= before + after:
                found = fixed.get((key[:before], key[length - after :]))
                if found is not None:
                    return found
        return None
