"""Search filters: from their text (RFC 4515) to what is sent (RFC 4511 §4.5.1.7).

Pure and without recursion beyond a declared depth. The text is the operator's; what is wrong in it is a
``ValueError`` with the place.
"""

from __future__ import annotations

import re

from shieldrelay.importer import ber

DEPTH = 32
"""How deep filters may be nested."""

_AND, _OR, _NOT, _EQUALITY, _SUBSTRINGS, _GREATER, _LESS, _PRESENT, _APPROXIMATE, _EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
_SETS = {"&": _AND, "|": _OR}
_ITEM = re.compile(r"([A-Za-z0-9.;-]*)((?::[A-Za-z0-9.-]+)*)(:=|[~<>]?=)([^()]*)", re.DOTALL)
_ORDERED = {">=": _GREATER, "<=": _LESS, "~=": _APPROXIMATE}
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})")
_LOOSE_ESCAPE = re.compile(rb"\\(?![0-9A-Fa-f]{2})")


def encoded_filter(text: str) -> bytes:
    """Encode a filter.

    :raises ValueError: it is not lawful.
    """
    text = text.strip()
    encoded, end = _filter(text if text.startswith("(") else f"({text})", 0, 0)
    if end != len(text if text.startswith("(") else f"({text})"):
        raise ValueError(f"the filter goes on after its end, at character {end + 1}")
    return encoded


def _filter(text: str, start: int, depth: int) -> tuple[bytes, int]:
    """Encode what begins with ``(`` at ``start``; give where it ended."""
    if depth > DEPTH:
        raise ValueError(f"the filter is nested deeper than {DEPTH}")
    if text[start : start + 1] != "(":
        raise ValueError(f"the filter lacks a ( at character {start + 1}")
    sign = text[start + 1 : start + 2]
    if sign in _SETS or sign == "!":
        encoded, end = _combined(text, start + 1, depth)
    else:
        match = _ITEM.match(text, start + 1)
        if match is None:
            raise ValueError(f"the filter has no comparison at character {start + 2}")
        encoded, end = _item(match), match.end()
    if text[end : end + 1] != ")":
        raise ValueError(f"the filter lacks a ) at character {end + 1}")
    return encoded, end + 1


def _combined(text: str, start: int, depth: int) -> tuple[bytes, int]:
    """Encode ``&``, ``|`` or ``!`` with what it holds together."""
    sign, end, parts = text[start], start + 1, []
    while text[end : end + 1] == "(":
        part, end = _filter(text, end, depth + 1)
        parts.append(part)
    if not parts or (sign == "!" and len(parts) > 1):
        raise ValueError(f"the filter's {sign} at character {start + 1} has {len(parts)} parts")
    return ber.encoded(_SETS.get(sign, _NOT), *parts), end


def _item(match: re.Match[str]) -> bytes:
    """Encode one comparison."""
    attribute, rules, sign, value = match.groups()
    if sign == ":=":
        return _extensible(attribute, rules, value)
    if rules or not attribute:
        raise ValueError(f"the filter has a malformed comparison at character {match.start() + 1}")
    name = attribute.encode("ascii")
    if sign in _ORDERED:
        return ber.encoded(_ORDERED[sign], ber.octets(name), ber.octets(_value(value)))
    if value == "*":
        return ber.octets(name, _PRESENT)
    if "*" in value:
        return ber.encoded(_SUBSTRINGS, ber.octets(name), ber.encoded(ber.SEQUENCE, *_substrings(value)))
    return ber.encoded(_EQUALITY, ber.octets(name), ber.octets(_value(value)))


def _substrings(value: str) -> list[bytes]:
    first, *between, last = value.split("*")
    parts = [(0x80, first), *((0x81, each) for each in between), (0x82, last)]
    return [ber.octets(_value(part), tag) for tag, part in parts if part]


def _extensible(attribute: str, rules: str, value: str) -> bytes:
    """Encode ``attribute:dn:rule:=value``, such as Active Directory's bit masks."""
    words = rules.split(":")[1:]
    names = words[1:] if words[:1] == ["dn"] else words
    if len(names) > 1 or not (attribute or names):
        raise ValueError("the filter has a malformed matching rule")
    parts = [ber.octets(each.encode("ascii"), 0x81) for each in names]
    parts += [ber.octets(attribute.encode("ascii"), 0x82)] if attribute else []
    parts.append(ber.octets(_value(value), 0x83))
    parts += [ber.boolean(True, 0x84)] if words[:1] == ["dn"] else []
    return ber.encoded(_EXTENSIBLE, *parts)


def _value(text: str) -> bytes:
    """Give the octets of a value, its escapes undone."""
    octets = text.encode("utf-8")
    if _LOOSE_ESCAPE.search(octets) or b"\0" in octets:
        raise ValueError("the filter has a \\ that no two hexadecimal digits follow")
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), octets)
