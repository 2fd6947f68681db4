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
