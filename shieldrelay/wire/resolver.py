"""`Resolver`: addresses and mail exchangers of names (``ports.Resolver``), on twisted.names.

Answers are kept for their TTL, within bounds, and the last good one is kept on while DNS fails (R11): a next hop whose
name server is down is still reachable. Every question has a time box. ``/etc/hosts`` is honoured for addresses. The
library is imported with the first real question, because a node whose next hops are addresses never needs it. Called
when a connection is made and for notices, never on the hot path.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.names.error import DNSNameError
from twisted.python.failure import Failure

from shieldrelay.ports import Clock
from shieldrelay.wire.resolver_client import NameClient, NameServers, address_in, records_of

QUESTION_SECONDS = 8.0
"""The time box of one question, all tries and servers together."""
TRIES_SECONDS = (1, 2, 4)
"""How long each round of tries waits."""
SHORTEST_SECONDS, LONGEST_SECONDS = 5.0, 3600.0
"""Bounds of what a TTL is believed."""
AGAIN_SECONDS = 30.0
"""After a failure with a good answer at hand: how long it is given without asking."""
HOSTS_SECONDS = 60.0
"""How long an answer from the hosts file is kept."""
NAMES = 4096
"""How many answers are kept."""

_A, _MX, _AAAA = 1, 15, 28

NoSuchName = DNSNameError
"""What an answer that a name does not exist fails with."""

Answer = tuple[str, ...]
Record = tuple[Answer, float]
"""An answer and the seconds that it holds."""


@define
class _Kept:
    """One name's last good answer (``None`` before there was one) and those who wait for the next."""

    answer: Answer | None = None
    until: float = float("-inf")
    waiting: list[Deferred[Answer]] | None = None


class Resolver:
    """Names to addresses.

    :param servers: ``(address, port)`` of name servers; ``None``: those of ``resolv_conf``, read again when it changes.
    :param shuffle: puts equal mail exchangers in any order (RFC 5321 §5.1).
    :param client: for tests: what to ask instead of name servers.
    """

    def __init__(
        self,
        reactor: Clock,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        resolv_conf: Path = Path("/etc/resolv.conf"),
        hosts: Path = Path("/etc/hosts"),
        shuffle: Callable[[list[Any]], None] = random.shuffle,
        client: NameClient | None = None,
    ) -> None:
        self._reactor = reactor
        self._names = NameServers(
            reactor, servers, timeout=TRIES_SECONDS, resolv_conf=resolv_conf, client=client
        )
        self._hosts = hosts
        self._shuffle = shuffle
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        """Give all addresses, AAAA first; see ``ports.Resolver``. An address gives itself at once."""
        if isIPAddress(host) or isIPv6Address(host):
            return succeed((host,))
        return self._answer("address", host, self._ask_addresses)

    def mail_exchangers(self, domain: str) -> Deferred[Sequence[str]]:
        """Give the MX names, best first; see ``ports.Resolver``."""
        return self._answer("mx", domain, self._ask_exchangers)

    # -- what is kept

    def _answer(self, kind: str, name: str, ask: Callable[[str], Awaitable[Record]]) -> Deferred[Sequence[str]]:
        """Answer from what is kept, or ask; those who ask for the same at the same time share one question."""
        key = (kind, name.rstrip(".").lower())
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if kept.answer is not None and self._reactor.seconds() < kept.until:
            return succeed(kept.answer)
        waiter: Deferred[Any] = Deferred()
        if kept.waiting is not None:
            kept.waiting.append(waiter)
            return waiter
        kept.waiting = [waiter]
        question = Deferred.fromCoroutine(_awaited(ask, key[1]))
        question.addTimeout(QUESTION_SECONDS, self._reactor, _timed_out)  # type: ignore[arg-type]
        question.addCallbacks(self._good, self._bad, callbackArgs=(kept,), errbackArgs=(kept,))
        self._forget_the_oldest()
        return waiter

    def _good(self, record: Record, kept: _Kept) -> None:
        kept.answer, seconds = record
        kept.until = self._reactor.seconds() + seconds
        waiting, kept.waiting = kept.waiting or [], None
        for waiter in waiting:
            waiter.callback(kept.answer)

    def _bad(self, failure: Failure, kept: _Kept) -> None:
        waiting, kept.waiting = kept.waiting or [], None
        if kept.answer is not None:
            kept.until = self._reactor.seconds() + AGAIN_SECONDS
        for waiter in waiting:
            if kept.answer is None:
                waiter.errback(failure)
            else:
                waiter.callback(kept.answer)

    def _forget_the_oldest(self) -> None:
        while len(self._kept) > NAMES:
            self._kept.popitem(last=False)

    # -- what is asked

    async def _ask_addresses(self, host: str) -> Record:
        own = _in_hosts_file(self._hosts, host)
        if own:
            return own, HOSTS_SECONDS
        client = self._names()
        questions = [client.lookupIPV6Address(host), client.lookupAddress(host)]
        outcomes = await DeferredList(questions, consumeErrors=True)
        answers = [outcome[0] for answered, outcome in outcomes if answered]
        found = [header for answer in answers for kind in (_AAAA, _A) for header in records_of(host, kind, answer)]
        if found:
            return tuple(map(address_in, found)), _seconds([header for answer in answers for header in answer])
        for answered, outcome in outcomes:
            if not answered:
                outcome.raiseException()
        raise DNSNameError(f"{host} has no address")

    async def _ask_exchangers(self, domain: str) -> Record:
        answers, _authority, _additional = await self._names().lookupMailExchange(domain)
        headers = records_of(domain, _MX, answers)
        if not headers:
            return (domain,), SHORTEST_SECONDS  # the implicit MX of RFC 5321 §5.1
        records = [(header.payload.preference, str(header.payload.name)) for header in headers]
        self._shuffle(records)
        records.sort(key=lambda record: record[0])
        names = tuple(name.rstrip(".").lower() for _preference, name in records)
        return tuple(name for name in names if name), _seconds(headers)


async def _awaited(ask: Callable[[str], Awaitable[Record]], name: str) -> Record:
    return await ask(name)


def _timed_out(_value: object, seconds: float) -> None:
    raise OSError(f"no answer from DNS in {seconds:g} s")


def _seconds(headers: Sequence[Any]) -> float:
    return min(max(float(min(header.ttl for header in headers)), SHORTEST_SECONDS), LONGEST_SECONDS)


def _in_hosts_file(hosts: Path, host: str) -> Answer:
    """Give the addresses that a hosts(5) file has for a name, none when there is no such file."""
    try:
        lines = hosts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if host in (name.lower() for name in names) and (isIPAddress(address) or isIPv6Address(address)):
            found.append(address)
    return tuple(found)
