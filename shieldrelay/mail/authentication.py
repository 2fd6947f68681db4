"""The Authentication-Results field that goes on top of every message (RFC 8601).

What the client said of itself is attacker text: it stands in the field only in a form that the grammar takes, or not at
all. Above our Received field, which shows who made the test (RFC 8601 §2.1, appendix B). Called once a message. Cannot
fail.

::

    Authentication-Results: mx1.shield.example;
            spf=pass smtp.mailfrom=client.example;
            iprev=pass policy.iprev=203.0.113.5
"""

from __future__ import annotations

import re
from functools import lru_cache

from shieldrelay.mail.address import Mailbox, ReversePath
from shieldrelay.mail.evidence import Reverse, ReverseName, SpfResult

_DOMAIN = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?\Z")
_LITERAL = re.compile(r"\[[0-9A-Za-z.:\-]{1,255}\]\Z")
_IPREV = {
    ReverseName.CONFIRMED: "pass",
    ReverseName.UNCONFIRMED: "fail",
    ReverseName.NONE: "permerror",
    ReverseName.UNKNOWN: "temperror",
}
"""RFC 8601 §2.7.3."""


def authentication_results(
    authserv_id: str, spf: SpfResult, reverse_path: ReversePath, helo: str, address: str, reverse: Reverse | None
) -> bytes:
    """Give the whole field with its CRLF, in ASCII.

    :param authserv_id: who made the tests: a host name.
    :param helo: what the client called itself; named for the null reverse-path only (RFC 7208 §2.4).
    :param address: the client's IP address as text.
    :param reverse: ``None`` when its name was not asked for.
    """
    domain = reverse_path.domain_key if isinstance(reverse_path, Mailbox) else ""
    return _field(authserv_id, spf, domain, "" if domain else helo, address, reverse and reverse.state)


@lru_cache(maxsize=1024)
def _field(
    authserv_id: str, spf: SpfResult, domain: str, helo: str, address: str, reverse: ReverseName | None
) -> bytes:
    tests = [f"spf={spf.value}{_identity(domain, helo)}"]
    if reverse is not None:
        tests.append(f"iprev={_IPREV[reverse]} policy.iprev={_value(address.partition('%')[0])}")
    return ("Authentication-Results: %s;\r\n\t%s\r\n" % (authserv_id, ";\r\n\t".join(tests))).encode("ascii")


def _identity(domain: str, helo: str) -> str:
    """Give what SPF was asked about, as a property; nothing when it has no form that is safe to repeat."""
    if domain:
        return f" smtp.mailfrom={_value(domain)}" if _is_plain(domain) else ""
    return f" smtp.helo={_value(helo)}" if _is_plain(helo) else ""


def _is_plain(text: str) -> bool:
    return bool(_DOMAIN.match(text) or _LITERAL.match(text))


def _value(text: str) -> str:
    """Quote what is no token of RFC 2045 §5.1."""
    return f'"{text}"' if any(character in text for character in "[]:") else text
