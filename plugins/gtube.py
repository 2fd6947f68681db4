"""Refuses messages with the GTUBE, the public test string for filters of unsolicited mail.

The smallest useful content check, and the model for others: it shows that the content stage is reached. It looks for
the string as it stands, in the content as it came: not inside base64 or quoted-printable.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from shieldrelay.content.plugin import ACCEPT, Answer, Inspected, Refuse, ShieldPlugin, Step, Surroundings, contains

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

_FOUND = Refuse("it has the GTUBE test string", text="Message refused: it has the GTUBE test string")


class GtubeCheck:
    """Refuses what has the string; it has no settings."""

    def __init__(self, settings: Mapping[str, object], _surroundings: Surroundings) -> None:
        if settings:
            raise ValueError(f"gtube has no setting {sorted(settings)[0]!r}")

    def check(self, inspected: Inspected) -> Answer | Deferred[Answer]:
        """Judge one message."""
        found = contains(inspected.content, GTUBE)
        return found.addCallback(_judged) if isinstance(found, Deferred) else _judged(found)


def _judged(found: object) -> Answer:
    return _FOUND if found else ACCEPT


gtube = ShieldPlugin("gtube", frozenset((Step.CONTENT,)), GtubeCheck)
