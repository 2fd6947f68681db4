"""Counts the entries of a version while they pass, and compares them with the version in force.

Pure; called by the `builder`, entry by entry, in constant memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from shieldrelay.recipients.line import CODES, PATTERN_MARK, Entry
from shieldrelay.recipients.standing import Standing


class Tally:
    """What passed so far."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(CODES, 0)
        self.patterns = 0
        self.names_octets = 0
        self.lost = 0
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """Tell these entries from others."""
        return self._digest.hexdigest()

    def over(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Let entries pass."""
        counts, update = self.counts, self._digest.update
        for entry in entries:
            key, standing = entry.key, entry.standing
            update(b"%b\t%b\n" % (key, CODES[standing]))
            self.names_octets += len(key)
            if key[:1] == PATTERN_MARK:
                self.patterns += 1
            else:
                counts[standing] += 1
            yield entry

    def compared(self, entries: Iterable[Entry], old: Iterable[Entry]) -> Iterator[Entry]:
        """Let entries pass and count who exists in the old ones and not in them; both sorted."""
        remaining = iter(old)
        before = next(remaining, None)
        for entry in entries:
            while before is not None and before.key < entry.key:
                self.lost += before.standing is Standing.LISTED
                before = next(remaining, None)
            if before is not None and before.key == entry.key:
                self.lost += before.standing is Standing.LISTED and entry.standing is not Standing.LISTED
                before = next(remaining, None)
            yield entry
        while before is not None:
            self.lost += before.standing is Standing.LISTED
            before = next(remaining, None)


def lost_between(old: Iterable[Entry], new: Iterable[Entry]) -> int:
    """Count who exists in the old entries and not in the new ones; both sorted."""
    tally = Tally()
    for _ in tally.compared(new, old):
        pass
    return tally.lost
