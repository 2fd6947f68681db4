"""What requests bring, parsed and bounded: numbers, texts, networks, domains. Anything else is refused in words.

Pure. Used by the routes (``admin.api`` and its neighbours).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Collection
from difflib import get_close_matches
from typing import Any, TypeVar

from shieldrelay.admin.router import Call, Refused
from shieldrelay.mail.address import AddressFault, domain_key

T = TypeVar("T")

TEXT_CHARACTERS = 200
SHORTEST_PREFIX = {4: 8, 6: 19}
"""IP version: what an operator may allow, deny or release in one stroke at run time; more is a slip."""
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def only(call: Call, *names: str) -> None:
    """Refuse query parameters of other names."""
    unknown = sorted(set(call.query) - set(names))
    if unknown:
        raise Refused(400, "unknown_parameter", f"There is no parameter {unknown[0]!r}.", (", ".join(names),))


def number(value: object, name: str, least: int, most: int) -> int:
    """Give a whole number between bounds, from JSON or from a query."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(400, "invalid_parameter", f"{name} is a whole number from {least} to {most}.")
    return value


def maybe_number(value: object, name: str, least: int, most: int) -> int | None:
    """Give a whole number, or ``None`` when there is none."""
    return None if value is None else number(value, name, least, most)


def text(value: object, name: str) -> str:
    """Give a line of text, ``""`` when there is none."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS or not value.isprintable():
        raise Refused(400, "invalid_parameter", f"{name} is one line of at most {TEXT_CHARACTERS} characters.")
    return value


def flag(value: object, name: str) -> bool:
    """Give a truth value, false when there is none."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Refused(400, "invalid_parameter", f"{name} is true or false.")
    return value


def address(value: str) -> str:
    """Give an IP address in its shortest spelling; a mapped one is IPv4, and of a /64 its first address (R16)."""
    try:
        found = ipaddress.ip_network(value.strip().partition("%")[0])
    except ValueError:
        found = None
    whole = found is not None and (found.num_addresses == 1 or (found.version == 6 and found.prefixlen == 64))
    if found is None or not whole:
        raise Refused(400, "invalid_address", f"{value[:TEXT_CHARACTERS]!r} is no IP address.")
    first = found.network_address
    return str(getattr(first, "ipv4_mapped", None) or first)


def network(value: object) -> str:
    """Give a network in its shortest spelling, a single address without its prefix; a mapped one is IPv4.

    Bits behind the prefix, and a prefix so short that it must be a slip, are refused.
    """
    shown = repr(str(value)[:TEXT_CHARACTERS])
    try:
        found = ipaddress.ip_network(str(value).strip())
    except ValueError as error:
        hints = _without_host_bits(str(value))
        words = "has bits behind its prefix" if hints else "is no IP address and no network"
        raise Refused(400, "invalid_network", f"{shown} {words}.", hints) from error
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        found = ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    shortest = SHORTEST_PREFIX[found.version]
    if found.prefixlen < shortest:
        raise Refused(400, "too_wide", f"{shown} is wider than /{shortest}; such a thing stands in the configuration.")
    return str(found.network_address if found.num_addresses == 1 else found)


def _without_host_bits(value: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_network(value.strip(), strict=False)),)
    except ValueError:
        return ()


def protected(known: Collection[str], value: str) -> str:
    """Find a protected domain, or say which one may have been meant."""
    try:
        domain = domain_key(value.strip().rstrip(".").encode("utf-8"))
    except (AddressFault, UnicodeEncodeError):
        domain = ""
    if domain in known:
        return domain
    hints = get_close_matches(domain or value[:255].lower(), known, n=3, cutoff=0.5)
    raise Refused(404, "unknown_domain", f"{value[:255]!r} is not a protected domain.", hints)


async def disk(asked: Awaitable[T], what: str = "spool") -> T:
    """Turn a disk that fails into 503."""
    try:
        return await asked
    except OSError as error:
        raise Refused(503, f"{what}_unavailable", f"The {what} cannot do this now: {error}.") from error


def stated(body: Any, name: str) -> Any:
    """Give what a body must have."""
    if name not in body:
        raise Refused(400, "invalid_parameter", f"{name} is missing.")
    return body[name]
