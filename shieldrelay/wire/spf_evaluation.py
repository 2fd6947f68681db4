"""The one door to pyspf and dnspython: an SPF policy, evaluated (RFC 7208). Blocks; runs in a thread of `wire.spf`.

pyspf walks the policy and keeps the limits of RFC 7208 §4.6.4. What it asks DNS goes through `Question.dns`, which
replaces its own: with a deadline for the whole, and with bounds on what a stranger's records may make us do (pyspf's
expressions take time that grows with the square of a term's length, and hold the interpreter meanwhile). The library is
imported with this module, which `wire.spf` does not import before the first check. Where pyspf stumbles over a hostile
record, that is a permerror.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import spf  # type: ignore[import-untyped]  # it has no types

from shieldrelay.delivery.standing import Evidence
from shieldrelay.mail.evidence import SpfResult

QUESTION_SECONDS = 8.0
"""The time box of one question, all tries and servers together."""
POLICY_OCTETS = 4096
"""The longest policy that is read; RFC 7208 §3.4 asks for 450."""
TERM_OCTETS = 256
"""The longest mechanism or modifier."""
RECORDS = 100
"""The most records in one answer."""

STUMBLES = (AssertionError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What pyspf raises over records that it did not foresee."""

LookUp = Callable[[str, str, float], Sequence[Any]]
"""Asks DNS: name, type (A, AAAA, MX, PTR or TXT), seconds. Gives addresses, ``(preference, name)``, names, or tuples of
``bytes``; nothing when there is no such record. OSError when that cannot be known now."""


def evaluate(evidence: Evidence, look_up: LookUp, seconds_left: Callable[[], float]) -> SpfResult:
    """Evaluate the MAIL FROM identity.

    :param seconds_left: how much time there is; none: temperror.
    """
    address = _address(evidence.address)
    domain = evidence.sender.domain_key
    if address is None or "." not in domain or domain.startswith("["):
        return SpfResult.NONE  # RFC 7208 §4.3
    try:
        result = Question(address, evidence, look_up, seconds_left).check()[0]
        return SpfResult(result)
    except STUMBLES:
        return SpfResult.PERMERROR


def _address(text: str) -> str | None:
    """Give an IP address without its zone, ``None`` for anything else."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


class Question(spf.query):
    """One evaluation by pyspf, whose view of DNS is ours."""

    def __init__(self, address: str, evidence: Evidence, look_up: LookUp, seconds_left: Callable[[], float]) -> None:
        sender = evidence.sender
        super().__init__(i=address, s=str(sender), h=evidence.helo)
        self.l = sender.local_part.decode("utf-8", "replace")
        self.o = self.d = sender.domain_key  # pyspf splits at the first @, which may be quoted
        self._look_up = look_up
        self._seconds_left = seconds_left

    def get_explanation(self, spec: str) -> None:
        """Ask for no explanation: nobody would read it."""

    def dns(self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """Give the records of a name, none when there is no such name.

        :raises spf.TempError: DNS does not answer, or the time is over.
        :raises spf.PermError: a bound was exceeded, the one on names that do not exist included.
        """
        key = (str(name).rstrip(".").lower(), qtype)
        found: list[Any] | None = self.cache.get(key)
        if found is None:
            found = self.cache[key] = self._ask(*key)
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return found

    def _ask(self, name: str, kind: str) -> list[Any]:
        left = self._seconds_left()
        if left <= 0:
            raise spf.TempError("the time is over")
        if not is_name(name):
            return []
        try:
            found = list(self._look_up(name, kind, min(left, QUESTION_SECONDS)))
        except OSError as error:
            raise spf.TempError(str(error)) from error
        if len(found) > RECORDS:
            raise spf.PermError(f"more than {RECORDS} records")
        return _policies(found) if kind == "TXT" else found


def is_name(name: str) -> bool:
    """Whether DNS can be asked for this name, as it stands after macros were expanded."""
    return name.isascii() and len(name) <= 253 and all(0 < len(label) < 64 for label in name.split("."))


def _policies(found: Sequence[Sequence[bytes]]) -> list[Any]:
    """Leave out TXT records that are no policies.

    :raises spf.PermError: a policy is longer than any that was written for use.
    """
    policies = [text for text in map(b"".join, found) if text[:6].lower() == b"v=spf1"]
    for text in policies:
        if len(text) > POLICY_OCTETS or max(map(len, text.split(b" "))) > TERM_OCTETS:
            raise spf.PermError("the policy is too long")
    return [(text,) for text in policies]


class NameServers:
    """A `LookUp` by dnspython.

    :param servers: address and port of each; ``None``: those of resolv.conf.
    """

    def __init__(self, servers: Sequence[tuple[str, int]] | None) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=servers is None)
        except dns.exception.DNSException as error:
            raise OSError(f"there are no name servers: {error}") from error
        if servers is not None:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]

    def __call__(self, name: str, kind: str, seconds: float) -> Sequence[Any]:
        """Ask."""
        asked = dns.name.Name([*(label.encode("ascii") for label in name.split(".")), b""])
        try:
            answer = self._resolver.resolve(asked, kind, lifetime=seconds, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        return [_READ[kind](record) for record in answer.rrset or ()]


_READ: dict[str, Callable[[Any], Any]] = {
    "A": lambda record: record.address,
    "AAAA": lambda record: record.address,
    "MX": lambda record: (record.preference, record.exchange.to_text(omit_final_dot=True)),
    "PTR": lambda record: record.target.to_text(omit_final_dot=True),
    "TXT": lambda record: record.strings,
}
