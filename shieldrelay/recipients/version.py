"""`Version`: what is known of one version of a list, as it stands beside its entries on disk.

A value and its JSON; knows no file. Read by `shelf`; what cannot be read is no version.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import attrs
from attrs import field, frozen, validators

FORMAT = 1


class Who(Enum):
    """What made a version."""

    IMPORT = "import"
    PUSH = "push"
    ROLLBACK = "rollback"


@frozen(kw_only=True)
class Origin:
    """Where the lines of a version come from.

    :ivar source: in words for people; no secrets.
    :ivar source_digest: whatever tells one state of the source from another; the same again is not imported again.
    :ivar validator: what the source gave to ask it cheaply next time (an ETag).
    :ivar note: of whoever made it.
    """

    source: str
    who: Who = Who.IMPORT
    source_digest: str | None = None
    validator: str | None = None
    note: str = ""


_COUNT = validators.and_(validators.instance_of(int), validators.ge(0))


@frozen(kw_only=True)
class Version:
    """One version of a list.

    :ivar number: counts up from 1; 0 while it is not adopted.
    :ivar made_at: seconds since the epoch.
    :ivar listed: names that exist; ``former``, ``traps``, ``patterns``: as many entries of those.
    :ivar case_sensitive: whether its keys keep their case.
    :ivar digest: of the entries, whatever order they came in.
    :ivar names_octets: of all keys together.
    :ivar file_octets: of the file that has the entries; ``file_digest``: its BLAKE2b digest.
    :ivar lines: that were read; ``faults``: those that were no recipients.
    :ivar against: the version that it was compared with when it was built; 0 for none.
    :ivar lost: names that exist in that version and not in this one.
    :ivar folded: the serial up to which pushed changes went into it.
    """

    number: int = field(validator=_COUNT)
    made_at: float = field(converter=float)
    origin: Origin
    listed: int = field(validator=_COUNT)
    former: int = field(validator=_COUNT)
    traps: int = field(validator=_COUNT)
    patterns: int = field(validator=_COUNT)
    case_sensitive: bool = field(validator=validators.instance_of(bool))
    digest: str = field(validator=validators.instance_of(str))
    names_octets: int = field(validator=_COUNT)
    file_octets: int = field(validator=_COUNT)
    file_digest: str = field(validator=validators.instance_of(str))
    lines: int = field(default=0, validator=_COUNT)
    faults: int = field(default=0, validator=_COUNT)
    against: int = field(default=0, validator=_COUNT)
    lost: int = field(default=0, validator=_COUNT)
    folded: int = field(default=0, validator=_COUNT)

    @property
    def count(self) -> int:
        """Entries of all sorts."""
        return self.listed + self.former + self.traps + self.patterns

    @property
    def takes_nobody(self) -> bool:
        """Whether nobody exists in it."""
        return self.listed + self.patterns == 0


def encode(version: Version) -> bytes:
    """Write it as JSON."""
    document = attrs.asdict(version)
    document["origin"]["who"] = version.origin.who.value
    return json.dumps({"format": FORMAT, **document}, indent=1).encode("ascii") + b"\n"


def decode(octets: bytes) -> Version:
    """Read it.

    :raises ValueError: it is none, or of a later format.
    """
    try:
        document: dict[str, Any] = json.loads(octets)
        if document.pop("format") != FORMAT:
            raise ValueError("it has another format")
        origin = document.pop("origin")
        return Version(**document, origin=Origin(**{**origin, "who": Who(origin["who"])}))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
