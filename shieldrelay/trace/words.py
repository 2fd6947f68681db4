"""What a line of the journal can be found by: ids, sources, addresses, and words of its reasons. Pure.

A line is a mapping of its fields. Each thing that it can be found by is a word: a letter for its kind and a value. The
index has the words' keyed hashes (`veil.Veil.key`), never the words.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
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


def words(fields: Fields, domains: Iterable[str]) -> Iterator[str]:
    """Give every word of a line.

    :param domains: the protected domains that it is about.
    """
    for name in IDS:
        id = fields.get(name)
        if id and isinstance(id, str):
            yield "i" + id
    for id in (*named(fields, "sessions"), *named(fields, "others")):
        yield "i" + id
    yield "e" + text(fields, "event")
    for domain in domains:
        yield "d" + domain
    yield from _of_source(source(fields))
    yield from _of_addresses(fields)
    for name, letter in (("defence", "f"), ("check", "f")):
        if fields.get(name):
            yield letter + text(fields, name)
    came = result(fields)
    if came:
        yield "o" + came
    for name in TEXTS:
        said = fields.get(name)
        if said and isinstance(said, str):
            for word in plain_words(said):
                yield "w" + word


def _of_source(address: str) -> Iterator[str]:
    if address:
        yield "p" + address
        around = network(address)
        if around:
            yield "n" + around


def _of_addresses(fields: Fields) -> Iterator[str]:
    from_whom = sender(fields)
    if from_whom:
        yield "s" + from_whom.lower()
        yield "s@" + domain_of(from_whom)
    for each in recipients(fields):
        yield "r" + each.lower()
        yield "r@" + domain_of(each)


def sought_address(letter: str, wanted: str) -> str:
    """Give the word for an address that is searched for, as a line would have it: clipped as the journal clips."""
    value = wanted.lower()
    return letter + (value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
