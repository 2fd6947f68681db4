"""`Finding`: what a check came to, with its level and what to do. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from attrs import frozen


class Level(IntEnum):
    """How much a finding matters; the worst decides the exit status."""

    GOOD = 0
    NOTE = 1
    """Worth knowing; nothing needs to be done."""
    UNSURE = 2
    """It could not be tested."""
    WARNING = 3
    """Mail goes, and something is not as it should be."""
    ERROR = 4
    """Mail does not go as it should, or the protection can be gone around."""


EXIT = {Level.GOOD: 0, Level.NOTE: 0, Level.UNSURE: 4, Level.WARNING: 4, Level.ERROR: 1}
"""Level of the worst finding: the exit status."""


@frozen
class Finding:
    """One thing that was looked at.

    :ivar part: ``configuration``, ``tls``, ``dns``, ``address``, ``outside`` or ``lists``.
    :ivar subject: what was looked at: a domain, a node, an address, a file.
    :ivar words: what is so, in a clause.
    :ivar advice: what to do about it, a clause; ``""``: nothing.
    """

    part: str
    level: Level
    subject: str
    words: str
    advice: str = ""


def status_of(findings: Iterable[Finding]) -> int:
    """Give the exit status that findings come to."""
    return EXIT[max((each.level for each in findings), default=Level.GOOD)]
