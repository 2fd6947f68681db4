"""What a line of the journal can be found by: ids, sources, addresses, and words of its reasons. Pure.

A line is a mapping of its fields. Each thing that it can be found by is a word: a letter for its kind and a value. The
index has the words' keyed hashes (`veil.Veil.key`), never the words.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from shieldrelay.journal import EVENTS

Fields = Mapping[str, Any]

IDS = ("session", "message", "reference", "notice")
TEXTS = ("reason", "reply")
WORDS_MOST = 24
"""Of a reason and a reply so many words count."""

_NAMED = {"session", "message", "reference", "peer"}
_ALSO = {"ban", "released_source", "list_changed"}
_WORD = re.compile(r"(?<![a-z0-9])[a-z]{3,30}(?![a-z0-9])")
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")
_SHOWN = 256


def _is_told(name: str) -> bool:
    return not name.startswith("member_") and not _NAMED.isdisjoint(EVENTS[name].fields)


INDEXED = frozenset(name for name in EVENTS if _is_told(name)) | _ALSO
"""The events that can be found: those about a session, a message or a source."""


def text(fields: Fields, name: str) -> str:
    """Give a field that is a text, ``""`` when it is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def sender(fields: Fields) -> str:
    """Give the reverse-path, ``<>`` for the null one; empty: the line has none."""
    value = text(fields, "reverse_path")
    if value in ("", "<>") and fields.get("event") == "transaction":
        return "<>"
    return value.removeprefix("<").removesuffix(">") or value


def recipients(fields: Fields) -> list[str]:
    """Give all recipients that the line names."""
    found = named(fields, "recipients")
    found += [each for each in (text(fields, "recipient"), text(fields, "to")) if each]
    return found


def named(fields: Fields, name: str) -> list[str]:
    """Give the texts of a field that is a list of them: sessions of many lines, other messages of a transaction."""
    found = fields.get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def source(fields: Fields) -> str:
    """Give the client's address."""
    return text(fields, "peer") or text(fields, "source") or text(fields, "network")


def result(fields: Fields) -> str:
    """Give the line's own word for what came of it."""
    for name in ("result", "end", "state", "kind", "step"):
        found = text(fields, name)
        if found:
            return found
    return ""


def domain_of(address: str) -> str:
    """Give the domain of an address, in small letters."""
    return address.rpartition("@")[2].lower()


def plain_words(said: str) -> list[str]:
    """Give the words of a reason that count."""
    return _WORD.findall(said.lower())[:WORDS_MOST]


@lru_cache(maxsize=20_000)
def network(address: str) -> str:
    """Give the network that a source is also found by: /24, or /64; ``""`` for what is no address."""
    if _IPV4.match(address):
        return address[: address.rindex(".")] + ".0/24"
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))


def words(fields: Fields, domains: Iterable[str]) -> list[str]:
    """Give every word of a line; called for each line that is kept.

    :param domains: the protected domains that it is about.
    """
    get = fields.get
    found = ["e" + fields["event"], *("d" + domain for domain in domains)]
    for name in IDS:
        id = get(name)
        if id and isinstance(id, str):
            found.append("i" + id)
    if "sessions" in fields or "others" in fields:
        found += ["i" + id for id in (*named(fields, "sessions"), *named(fields, "others"))]
    address = source(fields)
    if address:
        found.append("p" + address)
        around = network(address)
        if around:
            found.append("n" + around)
    _add_addresses(found, fields)
    for name in ("defence", "check"):
        said = get(name)
        if said and isinstance(said, str):
            found.append("f" + said)
    came = result(fields)
    if came:
        found.append("o" + came)
    for name in TEXTS:
        said = get(name)
        if said and isinstance(said, str):
            found += ["w" + word for word in plain_words(said)]
    return found


def _add_addresses(found: list[str], fields: Fields) -> None:
    from_whom = sender(fields)
    if from_whom:
        from_whom = from_whom.lower()
        found += ("s" + from_whom, "s@" + from_whom.rpartition("@")[2])
    for each in recipients(fields):
        small = each.lower()
        found += ("r" + small, "r@" + small.rpartition("@")[2])


def sought_address(letter: str, wanted: str) -> str:
    """Give the word for an address that is searched for, as a line would have it: clipped as the journal clips."""
    value = wanted.lower()
    return letter + (value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
