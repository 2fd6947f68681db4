"""What the processes of the trace are built with: values, and the line of JSON by which they are handed over. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import asdict, field, frozen


@frozen
class DomainTerms:
    """What holds for the lines of one protected domain.

    :ivar domain: its name; aliases have the terms of their domain.
    :ivar keep: seconds for which its lines can be found; ``None``: as all.
    :ivar veiled: whether local-parts are replaced by what only who knows them can find.
    """

    domain: str
    keep: float | None = None
    veiled: bool = False


@frozen(kw_only=True)
class TraceSettings:
    """What is read, where it is kept, and for how long.

    :ivar journal: the file; empty: the feed in ``directory``.
    :ivar directory: where the index is kept.
    :ivar keep: seconds; ``octets``: what all of it may take on disk.
    :ivar free: octets that it leaves free on its disk.
    :ivar shed: so many octets of journal behind, it begins to take samples.
    :ivar veiled: whether addresses of lines that are about no protected domain are veiled.
    :ivar domains: by name, aliases included.
    """

    journal: str
    directory: str
    keep: float
    octets: int
    free: int
    shed: int
    veiled: bool = False
    domains: Mapping[str, DomainTerms] = field(factory=dict)

    def terms_of(self, name: str) -> DomainTerms | None:
        """Give what holds for a domain, by any of its names."""
        return self.domains.get(name)


def encode(settings: TraceSettings) -> bytes:
    """Write them in a line."""
    return json.dumps(asdict(settings)).encode("ascii") + b"\n"


def decode(line: bytes) -> TraceSettings:
    """Read them.

    :raises ValueError: (TypeError, KeyError) it is no such line.
    """
    value: dict[str, Any] = json.loads(line)
    domains = {name: DomainTerms(**terms) for name, terms in value.pop("domains").items()}
    return TraceSettings(**value, domains=domains)
