"""Name servers that answer from a table, at once or when a test says so."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError

from shieldrelay.delivery.standing import Evidence
from shieldrelay.mail.evidence import SpfResult
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.lookups import SENDERS, Lookups

NO_ANSWER = DNSServerError()


class Names:
    """A client of twisted.names.

    :ivar table: by type and name: texts of records (``"10 mx.example"`` for MX, ``"."`` for no name), an exception, or
        ``None`` for an answer that never comes. What is not in it does not exist.
    :ivar asked: what was asked, in order.
    :ivar pending: questions without an answer so far.
    """

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.pending: list[Deferred[Any]] = []
        self.slow = False

    def lookupAddress(self, name: bytes) -> Deferred[Any]:
        """A."""
        return self._answer("A", name.decode())

    def lookupIPV6Address(self, name: bytes) -> Deferred[Any]:
        """AAAA."""
        return self._answer("AAAA", name.decode())

    def lookupMailExchange(self, name: bytes) -> Deferred[Any]:
        """MX."""
        return self._answer("MX", name.decode())

    def lookupPointer(self, name: bytes) -> Deferred[Any]:
        """PTR."""
        return self._answer("PTR", name.decode())

    def release(self) -> None:
        """Answer all that waits, as the table says now."""
        self.slow = False
        while self.pending:
            waiting = self.pending.pop(0)
            answer = self._found(*waiting.question)  # type: ignore[attr-defined]
            if not waiting.called:
                answer.chainDeferred(waiting)

    def _answer(self, kind: str, name: str) -> Deferred[Any]:
        self.asked.append((kind, name))
        if self.slow or self.table.get((kind, name), ()) is None:
            waiting: Any = Deferred()
            waiting.question = (kind, name)
            self.pending.append(waiting)
            return waiting
        return self._found(kind, name)

    def _found(self, kind: str, name: str) -> Deferred[Any]:
        exists = any(known == name for _, known in self.table)
        found = self.table.get((kind, name), () if exists else DNSNameError())
        if isinstance(found, Exception):
            return fail(found)
        return succeed(([record(kind, name, text) for text in found or ()], [], []))


def record(kind: str, name: str, text: str, ttl: int = 300) -> dns.RRHeader:
    """Make a record of its text."""
    if kind == "MX":
        preference, _, exchanger = text.partition(" ")
        payload: Any = dns.Record_MX(int(preference), exchanger.encode("utf-8"), ttl)
    else:
        payload = {"A": dns.Record_A, "AAAA": dns.Record_AAAA, "PTR": dns.Record_PTR}[kind](text, ttl)
    return dns.RRHeader(name.encode(), payload.TYPE, ttl=ttl, payload=payload)


class Policies:
    """SPF by a table.

    :ivar results: by domain; what is not in it has none. ``None``: the answer never comes.
    """

    def __init__(self) -> None:
        self.results: dict[str, SpfResult | None] = {}
        self.asked: list[Evidence] = []
        self.pending: list[Deferred[SpfResult]] = []

    def check(self, evidence: Evidence) -> Deferred[SpfResult]:
        """Evaluate."""
        self.asked.append(evidence)
        result = self.results.get(evidence.sender.domain_key, SpfResult.NONE)
        if result is not None:
            return succeed(result)
        waiting: Deferred[SpfResult] = Deferred()
        self.pending.append(waiting)
        return waiting


class Node:
    """Look-ups with what they ask."""

    def __init__(self, kept: int = SENDERS, searches: float = 1e6) -> None:
        self.clock = Clock()
        self.names = Names()
        self.policies = Policies()
        self.journal = ListJournal()
        self.lookups = Lookups(
            self.clock, self.journal, client=self.names, spf=self.policies, kept=kept,
            searches=searches,
        )
