"""Mailboxes and paths of the envelope (RFC 5321 §4.1.2, RFC 6531 §3.3).

A `Mailbox` is valid or it was never built: `parse_mailbox` is the only door, and everything that is later written
to a socket, a header or a spool file is built from the parsed value. Knows nothing of which domains exist or who
may be written to.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import idna
from attrs import field, frozen

LOCAL_PART_OCTETS = 64
"""RFC 5321 §4.5.3.1.1."""
DOMAIN_OCTETS = 255
"""RFC 5321 §4.5.3.1.2."""
PATH_OCTETS = 256
"""RFC 5321 §4.5.3.1.3, the angle brackets included."""

_ATEXT = rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]"
_ATEXT8 = rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\xff]"
_DOT_STRING = re.compile(rb"%s+(?:\.%s+)*\Z" % (_ATEXT, _ATEXT))
_DOT_STRING8 = re.compile(rb"%s+(?:\.%s+)*\Z" % (_ATEXT8, _ATEXT8))
_QUOTED = re.compile(rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"\Z')
_QUOTED8 = re.compile(rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\x20-\x7e])*"\Z')
_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rb"%s(?:\.%s)*\Z" % (_LABEL, _LABEL))
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_GENERAL_LITERAL = re.compile(rb"[A-Za-z0-9\-]*[A-Za-z0-9]:[\x21-\x5a\x5e-\x7e]+\Z")


class AddressFault(ValueError):
    """What was offered is no lawful address. ``args[0]`` says why, in words that are ours (never the peer's bytes)."""


@frozen
class Mailbox:
    """One address: ``local_part@domain``, kept as it was received.

    :ivar local_part: the wire form, quotes included, 1 to 64 octets; UTF-8 when it is internationalized.
    :ivar domain: the wire form, an address literal with its brackets included, 1 to 255 octets.
    :ivar domain_key: the domain for comparison: lower case, A-labels, no trailing dot.
    """

    local_part: bytes
    domain: bytes
    domain_key: str

    def __bytes__(self) -> bytes:
        return self.local_part + b"@" + self.domain

    def __str__(self) -> str:
        return bytes(self).decode("utf-8", "replace")

    @property
    def local_key(self) -> bytes:
        """The local-part for comparison: unquoted, lower case (RFC 5321 §4.1.2: quoting is not part of the name)."""
        local = self.local_part
        if local[:1] == b'"':
            local = _QUOTED_PAIR.sub(rb"\1", local[1:-1])
        if local.isascii():
            return local.lower()
        return local.decode("utf-8").casefold().encode("utf-8")

    @property
    def is_ascii(self) -> bool:
        """Whether this mailbox can be sent to a server that does not offer SMTPUTF8."""
        return self.local_part.isascii() and self.domain.isascii()


@frozen
class NullReversePath:
    """The reverse-path ``<>`` of notices (RFC 5321 §4.5.5): a value of its own, never an empty string."""

    def __bytes__(self) -> bytes:
        return b""

    def __str__(self) -> str:
        return ""

    @property
    def is_ascii(self) -> bool:
        """Always true: it has no characters."""
        return True


NULL = NullReversePath()

ReversePath = Mailbox | NullReversePath


@frozen
class BarePostmaster:
    """``<postmaster>`` without a domain (RFC 5321 §4.1.1.3): the only forward-path that needs none.

    :ivar text: the spelling received, for the reply and the journal.
    """

    text: bytes = field(default=b"postmaster")

    def __bytes__(self) -> bytes:
        return self.text


ForwardPath = Mailbox | BarePostmaster


@lru_cache(maxsize=4096)
def domain_key(domain: bytes) -> str:
    """Give the form of a domain in which domains are compared.

    :param domain: a domain name or address literal as it was received, UTF-8 where internationalized.
    :returns: lower case, A-labels (RFC 5890); an IPv6 literal in its shortest spelling.
    :raises AddressFault: when it is neither a lawful domain name nor a lawful address literal.
    """
    if not domain or len(domain) > DOMAIN_OCTETS:
        raise AddressFault("the domain is empty or longer than 255 octets")
    if domain[:1] == b"[":
        return _literal_key(domain)
    if domain.isascii():
        if not _DOMAIN.match(domain):
            raise AddressFault("the domain is not a lawful name")
        return domain.decode("ascii").lower()
    try:
        return _a_labels(domain.decode("utf-8"))
    except (UnicodeError, idna.IDNAError):
        raise AddressFault("the domain is not a lawful internationalized name") from None


def _a_labels(domain: str) -> str:
    """Encode an internationalized domain (RFC 5891), its letters made small.

    Nothing else is mapped: full-width letters, other full stops and invisible characters would make a name ours that
    goes on as it came, and that another server may read otherwise.

    :raises idna.IDNAError: a label is not lawful, or makes ASCII of what is not.
    """
    small = domain.lower()
    if sum(map(str.isascii, small)) != sum(map(str.isascii, domain)):
        raise idna.IDNAError("a letter turns into ASCII")
    return idna.encode(small, strict=True).decode("ascii")


def _literal_key(literal: bytes) -> str:
    """Give the comparison form of an address literal (RFC 5321 §4.1.3)."""
    if literal[-1:] != b"]" or not literal.isascii():
        raise AddressFault("the address literal is malformed")
    inner = literal[1:-1].decode("ascii")
    try:
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:
                raise AddressFault("the address literal is malformed")
            return f"[ipv6:{ipaddress.IPv6Address(inner[5:])}]"
        if inner[:1].isdigit():
            return f"[{ipaddress.IPv4Address(inner)}]"
    except ipaddress.AddressValueError:
        raise AddressFault("the address literal is malformed") from None
    if _GENERAL_LITERAL.match(inner.encode("ascii")):
        return f"[{inner.lower()}]"
    raise AddressFault("the address literal is malformed")


def parse_mailbox(text: bytes, *, utf8: bool = False) -> Mailbox:
    """Parse ``Local-part "@" ( Domain / address-literal )``.

    :param text: the octets between the angle brackets, source route already taken off.
    :param utf8: whether SMTPUTF8 was asked for (RFC 6531): else octets above 127 are a fault.
    :raises AddressFault: for anything that is not lawful; nothing is repaired.
    """
    local, at, domain = text.rpartition(b"@")
    if not at:
        raise AddressFault("the address has no domain")
    if not 0 < len(local) <= LOCAL_PART_OCTETS:
        raise AddressFault("the local-part is empty or longer than 64 octets")
    if len(text) > PATH_OCTETS - 2:
        raise AddressFault("the path is longer than 256 octets")
    if not text.isascii():
        if not utf8:
            raise AddressFault("the address needs SMTPUTF8")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise AddressFault("the address is not UTF-8") from None
        if not (_DOT_STRING8.match(local) or _QUOTED8.match(local)):
            raise AddressFault("the local-part is malformed")
    elif not (_DOT_STRING.match(local) or _QUOTED.match(local)):
        raise AddressFault("the local-part is malformed")
    return Mailbox(local, domain, domain_key(domain))
