"""What a client's name in EHLO or HELO gives away (RFC 5321 §4.1.1.1, §4.1.3).

A name is never looked up here. Whoever is on this machine, or in a network that nobody outside has, may use such names
and addresses; from elsewhere they are lies. Pure; total: any octets give an answer. Asked by `shield.analysis`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from shieldrelay.mail.client import Client
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.analysis_settings import AnalysisSettings

_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rb"%s(?:\.%s)*\.?\Z" % (_LABEL, _LABEL))
"""A host name as they are in the wild: with underscores, and a dot at the end."""
_DIGITS = b"0123456789."
_LOCAL = frozenset((b"localhost", b"localhost.localdomain", b"localhost6"))


def lie(name: bytes, client: Client, settings: AnalysisSettings) -> ViolationKind | None:
    """Say what is wrong with a name; ``None`` for those that lawful clients have.

    :param name: the argument of EHLO or HELO.
    """
    if name[:1] == b"[":
        return _literal(name, client, settings)
    if not name.strip(_DIGITS) or name.count(b":") > 1:
        return _bare(name)
    if not _NAME.match(name) or len(name) > 254:
        return ViolationKind.HELLO_MALFORMED
    lower = name.rstrip(b".").lower()
    if lower in _LOCAL:
        return None if _is_inside(client) else ViolationKind.HELLO_BOGON
    if lower.decode("ascii") in settings.own_names and not _is_us(client, settings):
        return ViolationKind.HELLO_OURS
    return None


def _literal(name: bytes, client: Client, settings: AnalysisSettings) -> ViolationKind | None:
    """Judge an address literal."""
    text = name[1:-1].decode("latin-1")
    address = _address(text[5:] if text[:5].lower() == "ipv6:" else text)
    if name[-1:] != b"]" or address is None:
        return ViolationKind.HELLO_MALFORMED
    if str(address) == client.address:
        return None
    if str(address) in settings.own_addresses:
        return None if _is_us(client, settings) else ViolationKind.HELLO_OURS
    return None if address.is_global or _is_inside(client) else ViolationKind.HELLO_BOGON


def _bare(name: bytes) -> ViolationKind:
    """Judge digits and dots, or what has colons like an IPv6 address."""
    is_one = _address(name.decode("latin-1")) is not None
    return ViolationKind.HELLO_BARE_ADDRESS if is_one else ViolationKind.HELLO_MALFORMED


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def _is_inside(client: Client) -> bool:
    """Whether a client is where names and addresses of nobody belong to somebody."""
    address = _address(client.address)
    return address is not None and not address.is_global


def _is_us(client: Client, settings: AnalysisSettings) -> bool:
    """Whether a client is this machine."""
    address = _address(client.address)
    return client.address in settings.own_addresses or (address is not None and address.is_loopback)
