"""`Pointer`: the one small document that says what of a domain's list is in force.

A value and its JSON; `shelf` replaces it atomically, so every process sees the old state or the new one. What it names
is complete before it is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import attrs
from attrs import field, frozen, validators

FORMAT = 1
REJECTED_MOST = 3
"""Digests of versions rolled back from that are remembered."""

_NUMBER = validators.and_(validators.instance_of(int), validators.ge(0))
_MAYBE_TEXT = validators.optional(validators.instance_of(str))
_MAYBE_TIME = validators.optional(validators.instance_of((int, float)))


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(str, texts))


@frozen(kw_only=True)
class Pointer:
    """What is in force. All times in seconds since the epoch.

    :ivar version: its number; 0 for none.
    :ivar overlay: the name of the file with the pushes on top of it.
    :ivar serial: of the last push.
    :ivar confirmed_at: when the source was last seen to say just this.
    :ivar observing_until: until when it is not enforced.
    :ivar source_digest: of the source as it was last read; ``validator``: what asks it cheaply next time.
    :ivar rejected: digests of versions that the operator rolled back from: they are not adopted again by themselves.
    """

    version: int = field(default=0, validator=_NUMBER)
    overlay: str | None = field(default=None, validator=_MAYBE_TEXT)
    serial: int = field(default=0, validator=_NUMBER)
    confirmed_at: float | None = field(default=None, validator=_MAYBE_TIME)
    observing_until: float | None = field(default=None, validator=_MAYBE_TIME)
    source_digest: str | None = field(default=None, validator=_MAYBE_TEXT)
    validator: str | None = field(default=None, validator=_MAYBE_TEXT)
    rejected: tuple[str, ...] = field(default=(), converter=_texts)

    def observes(self, now: float) -> bool:
        """Whether the list is not enforced at this time (R27)."""
        return self.observing_until is not None and now < self.observing_until


def encode(pointer: Pointer) -> bytes:
    """Write it as JSON."""
    return json.dumps({"format": FORMAT, **attrs.asdict(pointer)}).encode("ascii") + b"\n"


def decode(octets: bytes) -> Pointer:
    """Read it.

    :raises ValueError: it is none, or of a later format.
    """
    try:
        document: dict[str, Any] = json.loads(octets)
        if document.pop("format") != FORMAT:
            raise ValueError("it has another format")
        return Pointer(**document)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
