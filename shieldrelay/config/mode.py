"""The word that every defence has: whether it acts on its judgement."""

from __future__ import annotations

from enum import Enum

from shieldrelay.config.kinds import Choice
from shieldrelay.config.setting import setting


class Mode(Enum):
    """What becomes of a defence's judgement."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """It is only journalled: what would have been refused (R27)."""
    OFF = "off"


def mode(
    help: str = "enforce: refuse. observe: let pass and journal what would have been refused. off: do not ask.",
) -> Mode:
    """Declare the setting."""
    return setting(Choice(Mode), default="enforce", help=help)
