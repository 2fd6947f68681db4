"""What the Valid Address List says about a mailbox."""

from __future__ import annotations

from enum import Enum


class Standing(Enum):
    """How a mailbox stands with this node."""

    LISTED = "listed"
    """It is in a protected domain and exists."""
    UNKNOWN = "unknown"
    """It is in a protected domain and does not exist."""
    NOT_OURS = "not ours"
    """Its domain is not protected here."""
    FORMER = "former"
    """It existed once: refused like an unknown one, and whoever asks for it is hardly suspect for that."""
    TRAP = "trap"
    """It never existed and was put where only harvesters find it: refused like an unknown one, and counts heavily."""

    @property
    def exists(self) -> bool:
        """Whether mail to it is to be taken."""
        return self is Standing.LISTED
