"""`Reader`: from a line of the journal, as octets, to what the index keeps of it. Pure but for the veil's secret.

A line that is no JSON object with a time and an event is `None`; so is one that the index does not keep.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from shieldrelay.trace import words
from shieldrelay.trace.settings import TraceSettings
from shieldrelay.trace.veil import Veil
from shieldrelay.trace.words import INDEXED, Fields


@frozen
class Kept:
    """A line as it is kept.

    :ivar at: seconds since the epoch.
    :ivar octets: one JSON object without an end of line.
    :ivar keys: what it is found by.
    """

    at: float
    octets: bytes
    keys: Sequence[int]


class Unreadable(ValueError):
    """It is no line of a journal."""


class Reader:
    """Reads for one node.

    :ivar key: gives the index's number for a word.
    """

    def __init__(self, settings: TraceSettings, veil: Veil) -> None:
        self._settings = settings
        self._veil = veil
        self.key = veil.key
        self._veiling = settings.veiled or any(each.veiled for each in settings.domains.values())
        self._minute = ""
        self._began = 0.0

    def parsed(self, octets: bytes) -> dict[str, Any] | None:
        """Read a line; ``None``: it is one that is not kept.

        :raises Unreadable: it is none.
        """
        try:
            fields = json.loads(octets.decode("ascii"))
        except (ValueError, RecursionError):
            raise Unreadable from None
        if not isinstance(fields, dict):
            raise Unreadable
        if fields.keys() == {"lost"} and isinstance(fields["lost"], int):  # what the feed had no room for
            return fields
        event = fields.get("event")
        if not isinstance(event, str) or not isinstance(fields.get("ts"), str):
            raise Unreadable
        return fields if event in INDEXED else None

    def at(self, fields: Fields) -> float:
        """Give a line's time in seconds since the epoch.

        :raises Unreadable: it has none.
        """
        stamp = fields["ts"]
        minute, rest = stamp[:17], stamp[17:-1]
        try:
            if minute != self._minute:
                self._began = datetime.fromisoformat(minute + "00+00:00").astimezone(UTC).timestamp()
                self._minute = minute
            return self._began + float(rest)
        except ValueError:
            self._minute = ""
            raise Unreadable from None

    def kept(self, octets: bytes, fields: Fields, at: float) -> Kept:
        """Give what is kept of a line: what was read, or less where addresses are veiled."""
        domains = protected_domains(self._settings, fields)
        key = self.key
        keys = [key(word) for word in words.words(fields, domains)]
        if self._veiling:
            octets = self._veiled(octets, fields, domains[0] if domains else "")
        return Kept(at, octets, keys)

    def _veiled(self, octets: bytes, fields: Fields, domain: str) -> bytes:
        """Replace what is to be veiled."""
        if b"@" not in octets:
            return octets
        terms = self._settings.terms_of(domain)
        others = self._settings.veiled if terms is None else terms.veiled

        def wanted(address: str) -> bool:
            own = self._settings.terms_of(words.domain_of(address))
            return others if own is None else own.veiled

        less = {name: self._veil.veil(value, wanted) for name, value in fields.items()}
        return json.dumps(less, separators=(",", ":")).encode("ascii")


def protected_domains(settings: TraceSettings, fields: Fields) -> list[str]:
    """Give the protected domains of a line: its own word comes first, then those of its recipients."""
    named = words.text(fields, "domain")
    found = [named] if named else []
    for each in words.recipients(fields):
        terms = settings.terms_of(words.domain_of(each))
        if terms is not None and terms.domain not in found:
            found.append(terms.domain)
    return found


def protected_domain(settings: TraceSettings, fields: Fields) -> str:
    """Give the first of them; ``""``: none, or nobody knows."""
    found = protected_domains(settings, fields)
    return found[0] if found else ""
