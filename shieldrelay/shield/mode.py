"""Whether a defence acts on its judgement."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """What becomes of a defence's judgement."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """It is only told: what would have been said (R27)."""
    OFF = "off"
    """It is not asked."""
