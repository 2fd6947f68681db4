"""What is told of refusals at the door: the first of a source and a defence in a minute, and how many there were.

A flood may bring ten thousand connections a second, and a line for each would fill our disk. Those that are not told
carry the reference of the one that was. Bounded: the oldest is forgotten first. Pure; cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.mail.verdict import Refusal

MINUTE = 60.0
MOST = 10_000
"""Sources with a line of their own at a time."""


class Told:
    """One line of the journal, and those that it stands for.

    :ivar first: whether it is to be told now.
    :ivar before: how many were refused under the reference before, and not told.
    :ivar refusal: what all of them hear, once it is made.
    """

    __slots__ = ("at", "before", "count", "first", "reference", "refusal")

    def __init__(self, reference: str, at: float, before: int) -> None:
        self.reference = reference
        self.at = at
        self.before = before
        self.count = 0
        self.first = True
        self.refusal: Refusal | None = None


class Telling:
    """Decides which refusals are told.

    :param new_reference: makes references.
    :ivar counts: all refusals since the start, told or not, by defence and protected domain (``""``: of no domain).
    """

    def __init__(self, new_reference: Callable[[], str]) -> None:
        self._new_reference = new_reference
        self._told: dict[tuple[bytes, str], Told] = {}
        self.counts: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._told)

    def told(self, source: bytes, defence: str, now: float, domain: str = "") -> Told:
        """Count a refusal.

        :param domain: a protected one.
        """
        place = defence, domain
        self.counts[place] = self.counts.get(place, 0) + 1
        key = source, defence
        known = self._told.get(key)
        if known is not None and now - known.at < MINUTE:
            known.count += 1
            known.first = False
            return known
        if known is not None:
            del self._told[key]
        elif len(self._told) >= MOST:
            del self._told[next(iter(self._told))]
        told = self._told[key] = Told(self._new_reference(), now, 0 if known is None else known.count)
        return told

    def refusals(self, source: bytes) -> tuple[tuple[str, Told], ...]:
        """Give what is remembered of connections of a source that were refused, by defence, the latest first."""
        found = [(key[1], told) for key, told in self._told.items() if key[0] == source and told.refusal is not None]
        return tuple(sorted(found, key=lambda each: each[1].at, reverse=True))
