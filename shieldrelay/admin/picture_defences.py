"""What is shown of the defences as a whole, and of what happened lately: values and their JSON.

As ``admin.picture``: frozen, filled by the assembly, a field's name is part of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class StancePicture:
    """How one defence stands, and what it did since the start of the node.

    :ivar defence: as in the configuration: ``connections``, ``harvest``, ...; ``recipients`` for the lists.
    :ivar words: what it is against, in a clause.
    :ivar mode: ``enforce``, ``observe`` or ``off``; for ``recipients`` empty: each domain has its own.
    :ivar origin: where the mode comes from: ``file:line``, ``default``, or who set it at run time.
    :ivar steered: whether it was set at run time.
    :ivar refused: commands and connections that it refused; ``would_refuse`` those that it would have refused.
    :ivar by_domain: of ``would_refuse``, those at a protected domain.
    """

    defence: str
    words: str
    mode: str
    origin: str = ""
    steered: bool = False
    refused: int = 0
    would_refuse: int = 0
    by_domain: Mapping[str, int] = field(factory=dict)


@frozen
class HappeningPicture:
    """Something that the journal told lately.

    :ivar event: its name, with the fields that the journal has of it.
    :ivar domain: whose protected domain it is about; empty: the node, or a source.
    """

    at: float
    event: str
    level: str
    domain: str
    fields: Mapping[str, Any]


@frozen
class StepPicture:
    """What was counted in some seconds.

    :ivar at: their end; ``seconds`` how many.
    :ivar refused: by defence; the other names are those of `CountsPicture`.
    """

    at: float
    seconds: int
    accepted: int
    turned_down: int
    delivered: int
    deferred: int
    refused: Mapping[str, int]
