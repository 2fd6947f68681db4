"""`Names`: questions to DNS, blocking: the name servers of the configuration, or the system's.

What does not exist is an empty answer; what cannot be found out is `NoAnswer`. Answers are kept for the run.
"""

from __future__ import annotations

from collections.abc import Sequence

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from shieldrelay.check.subject import is_address
from shieldrelay.config.hosts import HostPort

SILENCES = 2
"""After so many questions without an answer, and none with one, DNS is taken to be away."""
QUESTION_SECONDS = 6.0
"""The time box of one question, all tries and servers together."""


class NoAnswer(Exception):
    """DNS does not say; ``args[0]`` is why, in a clause."""


class Names:
    """Asks.

    :param servers: whom to ask, by address; empty: those of ``/etc/resolv.conf``.
    """

    def __init__(self, servers: Sequence[HostPort] = ()) -> None:
        self._kept: dict[tuple[str, str], tuple[str, ...] | NoAnswer] = {}
        self._trouble = ""
        self._answers, self._silences = 0, 0
        self._resolver = dns.resolver.Resolver(configure=False)
        self._asked = ", ".join(map(str, servers)) or "those of /etc/resolv.conf"
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(each.host, each.port) for each in servers]
        else:
            self._read_system()
        self._resolver.lifetime = QUESTION_SECONDS

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Give the records of a name as text, names without their last dot; none: there are none.

        :param kind: ``A``, ``AAAA``, ``MX``, ``TXT``, ``PTR`` or ``CNAME``; an MX is ``10 mx.example``.
        :raises NoAnswer: DNS does not say.
        """
        key = (name.lower().rstrip("."), kind)
        if key not in self._kept:
            try:
                self._kept[key] = self._answered(*key)
            except NoAnswer as fault:
                self._kept[key] = fault
        kept = self._kept[key]
        if isinstance(kept, NoAnswer):
            raise kept
        return kept

    def addresses(self, host: str) -> tuple[str, ...]:
        """Give the addresses of a host, IPv4 first; an address gives itself.

        :raises NoAnswer: DNS does not say.
        """
        return (host,) if is_address(host) else (*self.ask(host, "A"), *self.ask(host, "AAAA"))

    def reverse(self, address: str) -> tuple[str, ...]:
        """Give the names of an address.

        :raises NoAnswer: DNS does not say.
        """
        return self.ask(dns.reversename.from_address(address).to_text(), "PTR")

    def _read_system(self) -> None:
        try:
            self._resolver.read_resolv_conf("/etc/resolv.conf")
        except (dns.resolver.NoResolverConfiguration, OSError) as error:
            self._trouble = f"no name servers: /etc/resolv.conf: {error}"

    def _answered(self, name: str, kind: str) -> tuple[str, ...]:
        if self._trouble:
            raise NoAnswer(self._trouble)
        try:
            answer = self._resolver.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            self._answers += 1
            return ()
        except dns.resolver.LifetimeTimeout:
            self._unanswered()
            raise NoAnswer(f"DNS does not answer {kind} of {name} in {QUESTION_SECONDS:g} s") from None
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            why = type(error).__name__ if isinstance(error, dns.resolver.NoNameservers) else str(error)
            raise NoAnswer(f"DNS does not tell {kind} of {name}: {why}") from None
        self._answers += 1
        return tuple(_text(record, kind) for record in answer.rrset or ())

    def _unanswered(self) -> None:
        """Ask no more when no name server has answered anything."""
        self._silences += 1
        if not self._answers and self._silences >= SILENCES:
            self._trouble = f"no name server answers: {self._asked}"


def _text(record: object, kind: str) -> str:
    if kind == "TXT":
        strings: Sequence[bytes] = getattr(record, "strings")  # noqa: B009 - records are classes made at run time
        return b"".join(strings).decode("latin-1")
    text = str(record).lower()
    return text if text == "." or text.endswith(" .") else text.removesuffix(".")
