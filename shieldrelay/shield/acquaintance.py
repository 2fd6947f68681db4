"""How well a client is known by its past."""

from __future__ import annotations

from enum import Enum


class Acquaintance(Enum):
    """What a client's past earns it."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    KNOWN_GOOD = "known good"
    """Its own history proves it (R19)."""
    NEIGHBOUR = "neighbour"
    """It has no history, but its network has a clean one from several sources."""
    STRANGER = "stranger"
    """Everybody else."""
