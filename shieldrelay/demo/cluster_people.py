"""Who talks to the cluster demo's nodes: a lawful sender and a harvester.

Both ask the demo's name server for the mail exchangers, as the rest of the world does, and go round them. Each acts at
intervals until stopped; what it says goes over blocking sockets in a thread of the reactor's pool, from a loopback
address of its own.
"""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.names.error import DomainError
from twisted.python.failure import Failure

from shieldrelay.ports import Resolver

LAWFUL, HARVESTER = "127.25.0.1", "127.66.0.1"
"""Their addresses: in networks of their own, for a network counts too."""
SECONDS = 10.0
"""The longest wait for one reply."""
GUESSES = 1
"""Of the harvester, in one session."""


class Person:
    """Somebody who connects to one exchanger after the other.

    :param resolver: asks the demo's name server.
    :param every: seconds from one session to the next.
    :ivar met: how often it met what, in a word: a code, or why there was none.
    """

    source = ""

    def __init__(self, reactor: Any, resolver: Resolver, domain: str, port: int, every: float) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._domain = domain
        self._port = port
        self._every = every
        self._turn = count()
        self._acting: Deferred[Any] = succeed(None)
        self._calls = LoopingCall(self._act)
        self._calls.clock = reactor
        self.met: Counter[str] = Counter()

    def start(self) -> None:
        """Act from now on."""
        self._calls.start(self._every, now=True)

    def stop(self) -> Deferred[Any]:
        """Act no more; fires when the last session is over."""
        if self._calls.running:
            self._calls.stop()
        return self._acting

    def _act(self) -> Deferred[Any]:
        self._acting = Deferred.fromCoroutine(self._go())
        return self._acting

    async def _go(self) -> None:
        try:
            exchangers = sorted(await self._resolver.mail_exchangers(self._domain))
            addresses = await self._resolver.addresses(exchangers[next(self._turn) % len(exchangers)])
        except (DomainError, OSError):
            self.met["no answer from DNS"] += 1
            return
        pool = self._reactor.getThreadPool()
        heard = await deferToThreadPool(self._reactor, pool, self._meet, addresses[0]).addErrback(_disconnected)
        self.met.update(heard)

    def _meet(self, address: str) -> Sequence[str]:
        """Talk to one node, in a thread; give what was heard."""
        client = smtplib.SMTP(timeout=SECONDS, source_address=(self.source, 0))
        try:
            code, _text = client.connect(address, self._port)
            return self._talk(client) if code == 220 else [str(code)]
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _talk(self, client: smtplib.SMTP) -> Sequence[str]:
        raise NotImplementedError


def _disconnected(failure: Failure) -> Sequence[str]:
    failure.trap(OSError, smtplib.SMTPException)
    return ["disconnected"]


class LawfulSender(Person):
    """Sends a message to somebody who exists."""

    source = LAWFUL

    def _talk(self, client: smtplib.SMTP) -> Sequence[str]:
        client.ehlo("mail.sender.test")
        client.mail("news@sender.test")
        code, _text = client.rcpt(f"alice@{self._domain}")
        if code == 250:
            code, _text = client.data(b"From: news@sender.test\r\nSubject: news\r\n\r\nAll is well.\r\n")
        return [str(code)]


class Harvester(Person):
    """Asks for names that it made up."""

    source = HARVESTER
    _names = count()

    def _talk(self, client: smtplib.SMTP) -> Sequence[str]:
        client.ehlo("pc.attacker.test")
        client.mail("me@attacker.test")
        return [str(client.rcpt(f"guess{next(self._names)}@{self._domain}")[0]) for _ in range(GUESSES)]
