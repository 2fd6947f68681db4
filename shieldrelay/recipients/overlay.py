"""`Overlay`: single recipients that were pushed on top of a version, in force at once and folded into the next one.

A value and its JSON; knows no file. A name's latest push holds. Every push has a serial, so that what came while the
next version was being built survives its adoption.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from shieldrelay.recipients.line import Entry
from shieldrelay.recipients.standing import Standing

FORMAT = 1


@frozen
class Pushed:
    """What was pushed for one name.

    :ivar standing: how it stands from then on; ``None``: it is taken off the list.
    """

    serial: int
    standing: Standing | None


@frozen
class Overlay:
    """All pushes since a version was built, by key."""

    entries: Mapping[bytes, Pushed] = field(factory=dict)

    def with_pushed(self, serial: int, changes: Mapping[bytes, Standing | None]) -> Overlay:
        """Give it with further changes."""
        return Overlay({**self.entries, **{key: Pushed(serial, standing) for key, standing in changes.items()}})

    def since(self, serial: int) -> Overlay:
        """Give what was pushed after a serial."""
        return Overlay({key: pushed for key, pushed in self.entries.items() if pushed.serial > serial})

    def over(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Give sorted entries as they are with it, sorted."""
        if not self.entries:
            return iter(entries)
        kept = (entry for entry in entries if entry.key not in self.entries)
        added = sorted(
            (Entry(key, pushed.standing) for key, pushed in self.entries.items() if pushed.standing is not None),
            key=_key,
        )
        return heapq.merge(kept, added, key=_key)


NOTHING = Overlay()


def _key(entry: Entry) -> bytes:
    return entry.key


def encode(overlay: Overlay) -> bytes:
    """Write it as JSON; keys are UTF-8."""
    entries = {
        key.decode("utf-8"): [pushed.serial, None if pushed.standing is None else pushed.standing.value]
        for key, pushed in overlay.entries.items()
    }
    return json.dumps({"format": FORMAT, "entries": entries}).encode("ascii")


def decode(octets: bytes) -> Overlay:
    """Read it.

    :raises ValueError: it is none, or of a later format.
    """
    try:
        document: dict[str, Any] = json.loads(octets)
        if document["format"] != FORMAT:
            raise ValueError("it has another format")
        return Overlay({key.encode("utf-8"): _pushed(*fields) for key, fields in document["entries"].items()})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it cannot be read: {error}") from None


def _pushed(serial: int, standing: str | None) -> Pushed:
    return Pushed(int(serial), None if standing is None else Standing(standing))
