"""`Questions`: single questions of DNS for the gate's evidence: bounded, time-boxed, kept for their TTL.

Apart from `wire.resolver`, so that no stranger's names push out those of next hops. An answer is a value, "no such
name" and "nobody answers" included; nothing fails. When nothing but trouble has come for a while, an alarm is raised
once. Used by `wire.lookups`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.names.error import DNSNameError
from twisted.python.failure import Failure

from shieldrelay.ports import Clock, Journal
from shieldrelay.wire.lookup_memory import Found, Kept, Memory
from shieldrelay.wire.resolver_client import NameServers, address_in, records_of

TRIES_SECONDS = (1, 2)
"""How long each round of tries waits."""
SHORTEST_SECONDS, LONGEST_SECONDS = 30.0, 3600.0
"""Bounds of what a TTL is believed."""
NEGATIVE_SECONDS = 120.0
"""How long it is believed that there is no such name or no such record."""
TROUBLE_SECONDS = 10.0
"""How long nobody asks again what nobody answered."""
KEPT = 40_000
"""How many answers of ordinary length are kept; one weighs more for each `ORDINARY` characters, so that nobody fills
the memory with a few."""
ORDINARY = 256
UNDER_WAY = 256
"""Questions at a time; each holds a socket."""
RECORDS = 101
"""Records of one answer that are read: one more than SPF takes, for it to see that there are too many."""
POLICIES, POLICY_CHARACTERS = 3, 4097
"""Of TXT records only policies of SPF are kept, as many and as long as tell that there are too many, or too long."""
ALARM_AFTER, ALARM_SECONDS = 20, 30.0
"""So many questions without an answer, and no answer for so long, raise the alarm."""


class QuestionType(Enum):
    """What may be asked. The value is the method of the client."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    A = "lookupAddress"
    AAAA = "lookupIPV6Address"
    MX = "lookupMailExchange"
    PTR = "lookupPointer"
    TXT = "lookupText"


_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_\-]{0,62})\.)*[a-z0-9_][a-z0-9_\-]{0,62}\Z")
_NUMBER = {QuestionType.A: 1, QuestionType.AAAA: 28, QuestionType.MX: 15, QuestionType.PTR: 12, QuestionType.TXT: 16}


class Silence(Enum):
    """Why there are no records."""

    NO_NAME = "no such name"
    TROUBLE = "nobody answers"


Answer = tuple[str, ...] | Silence
"""Addresses, or names in lower case without the last dot; of MX best first, ``""`` for the null MX (RFC 7505). Of
TXT the policies of SPF, as Latin-1, strings joined."""


class Questions:
    """Asks.

    :param servers: ``(address, port)`` of name servers; ``None``: those of resolv.conf.
    :param seconds: the time box of one question, all tries and servers together.
    :param bug: told what went wrong that must not.
    :param client: for tests: what to ask instead of name servers.
    """

    def __init__(
        self,
        reactor: Clock,
        servers: Sequence[tuple[str, int]] | None,
        *,
        seconds: float,
        journal: Journal,
        bug: Callable[[Failure], None],
        client: Any = None,
    ) -> None:
        self._reactor = reactor
        self._names = NameServers(reactor, servers, timeout=TRIES_SECONDS, client=client)
        self._seconds = seconds
        self._journal = journal
        trouble = Silence.TROUBLE, TROUBLE_SECONDS
        self._memory: Memory[Answer] = Memory(reactor, KEPT, UNDER_WAY, trouble, bug, _weight)
        self._troubles = 0
        self._last_good = reactor.seconds()
        self._alarmed = False
        self.asked = 0

    @property
    def under_way(self) -> int:
        """How many are asked now."""
        return self._memory.under_way

    def ask(self, kind: QuestionType, name: str) -> Kept[Answer] | Deferred[Kept[Answer]]:
        """Give what is known, or ask. The Deferred never fails and fires within the time box.

        :param name: in lower case.
        """
        if not _NAME.match(name):
            return Kept(Silence.NO_NAME, self._reactor.seconds() + NEGATIVE_SECONDS)
        key = (kind, name)
        known = self._memory.known(key)
        return known if known is not None else self._memory.ask(key, lambda: self._question(kind, name))

    def stop(self) -> None:
        """Let go of connections."""
        self._names.close()

    def known(self, kind: QuestionType, name: str) -> Kept[Answer] | None:
        """Give what is known; may be called in any thread."""
        return self._memory.known((kind, name))

    def _question(self, kind: QuestionType, name: str) -> Deferred[Found[Answer]]:
        """Ask now."""
        self.asked += 1
        try:
            asking: Deferred[Any] = getattr(self._names(), kind.value)(name.encode("ascii"))
        except OSError as error:  # no socket
            asking = fail(error)
        asking.addTimeout(self._seconds, self._reactor)  # type: ignore[arg-type]
        return asking.addCallbacks(self._answered, self._unanswered, callbackArgs=(kind, name))

    def _answered(self, answer: Any, kind: QuestionType, name: str) -> Found[Answer]:
        self._good()
        self._names.close_idle()
        headers = records_of(name, _NUMBER[kind], answer[0])
        if not headers:
            return (), NEGATIVE_SECONDS
        seconds = float(min(header.ttl for header in answer[0]))
        return _records(kind, headers), min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)

    def _unanswered(self, failure: Failure) -> Found[Answer]:
        if failure.check(DNSNameError):
            self._good()
            return Silence.NO_NAME, NEGATIVE_SECONDS
        self._troubles += 1
        silent = self._reactor.seconds() - self._last_good
        if not self._alarmed and self._troubles >= ALARM_AFTER and silent >= ALARM_SECONDS:
            self._alarmed = True
            reason = f"no answer to {self._troubles} questions in {silent:.0f} s: senders are not judged by DNS"
            self._journal.event("alarm", alarm="dns", reason=reason)
        return Silence.TROUBLE, TROUBLE_SECONDS

    def _good(self) -> None:
        self._troubles = 0
        self._last_good = self._reactor.seconds()
        if self._alarmed:
            self._alarmed = False
            self._journal.event("alarm_over", alarm="dns", reason="name servers answer again")


def _records(kind: QuestionType, headers: Sequence[Any]) -> tuple[str, ...]:
    headers = headers if kind is QuestionType.TXT else headers[:RECORDS]
    if kind in (QuestionType.A, QuestionType.AAAA):
        return tuple(map(address_in, headers))
    if kind is QuestionType.PTR:
        return tuple(_name(header.payload.name) for header in headers)
    if kind is QuestionType.TXT:
        return _policies(headers)
    headers = sorted(headers, key=lambda header: int(header.payload.preference))
    return tuple(_name(header.payload.name) for header in headers)


def _policies(headers: Sequence[Any]) -> tuple[str, ...]:
    """Give the policies of SPF among TXT records, clipped; there is one, or something is wrong."""
    texts = (b"".join(header.payload.data) for header in headers)
    policies = [text[:POLICY_CHARACTERS] for text in texts if text[:6].lower() == b"v=spf1"]
    return tuple(text.decode("latin-1") for text in policies[:POLICIES])


def _weight(answer: Answer) -> int:
    return 1 if isinstance(answer, Silence) else 1 + sum(map(len, answer)) // ORDINARY


def _name(name: Any) -> str:
    """Give a name from an answer, whatever octets it has: one that is none is asked of nobody."""
    octets: bytes = name.name
    return octets.decode("latin-1").rstrip(".").lower()
