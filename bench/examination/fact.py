"""What an examination finds out: claims, whether they hold, and what was seen."""

from __future__ import annotations

from attrs import frozen


@frozen
class Fact:
    """One finding.

    :ivar claim: what must hold, in a few words.
    :ivar seen: what was seen.
    """

    claim: str
    holds: bool
    seen: str = ""

    def __str__(self) -> str:
        return f"{'holds ' if self.holds else 'BROKEN'}  {self.claim}" + (f": {self.seen}" if self.seen else "")


def broken(facts: list[Fact]) -> list[str]:
    """Give those that do not hold, as text."""
    return [str(fact) for fact in facts if not fact.holds]
