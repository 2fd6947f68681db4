"""The cluster demo's name server: one domain whose mail exchangers are the nodes, in another order with each answer.

Authoritative for what it is given and for nothing else; UDP on loopback. Records live for `TTL` seconds, so that those
who send ask again soon. A question that cannot be read is dropped. No product: the questions come from this machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns

TTL = 5


class DemoNames(DatagramProtocol):
    """Answers MX of the domain, and A of its exchangers.

    :param exchangers: addresses by name; all have the same preference.
    :ivar asked: questions so far.
    """

    noisy = False

    def __init__(self, domain: str, exchangers: Mapping[str, str]) -> None:
        self._domain = domain
        self._addresses = dict(exchangers)
        self._round = deque(exchangers)
        self.asked = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - what Twisted calls
        """Answer one question."""
        question = dns.Message()
        try:
            question.fromStr(datagram)
        except Exception:  # noqa: BLE001 - the decoder fails with whatever it meets
            return
        if self.transport is not None and len(question.queries) == 1:
            self.asked += 1
            self.transport.write(self.answer(question), addr)

    def answer(self, question: Any) -> bytes:
        """Give the answer to a message with one question."""
        asked = question.queries[0]
        name = asked.name.name.decode("ascii", "replace").lower()
        known = name == self._domain or name in self._addresses
        reply = dns.Message(question.id, answer=1, auth=True, rCode=dns.OK if known else dns.ENAME)
        reply.queries = question.queries
        reply.answers = [
            dns.RRHeader(asked.name.name, record.TYPE, ttl=TTL, payload=record, auth=True)
            for record in self._records(name)
            if asked.type == record.TYPE
        ]
        return bytes(reply.toStr())

    def _records(self, name: str) -> list[Any]:
        if name in self._addresses:
            return [dns.Record_A(self._addresses[name], ttl=TTL)]
        if name != self._domain:
            return []
        self._round.rotate(-1)
        return [dns.Record_MX(10, exchanger, ttl=TTL) for exchanger in self._round]
